"""`accord ppo train` as a run: it resumes exactly after kill -9, its checkpoint loads, and bad input is refused."""

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from policy.config import PPOConfig
from policy.ppo import STATE_FILE, build_trainer, train
from reward.scoring import RewardScorer
from workbench.checkpoints import checkpoint_hash, read_checkpoint
from workbench.config import dump_config
from workbench.errors import ConfigError, RunError
from workbench.metrics import read_metrics
from workbench.modeling.loading import load_causal_lm

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(policy_folder, reward_folder, prompts_file):
    return PPOConfig(
        policy=str(policy_folder), reward_models=(str(reward_folder),), prompts=prompts_file, total_episodes=16 * 12,
        batch_size=16, max_new_tokens=8, temperature=0.9, num_ppo_epochs=2, num_mini_batches=2, learning_rate=2e-3,
        kl_controller="adaptive", kl_target=2.0, kl_target_ramp=0.4, kl_horizon=100, score_normalization="running",
        missing_eos_value=-2.0, score_clip=3.0, whiten_rewards=True, device="cpu", save_every=1, keep="best",
        sample_batch_size=8, micro_batch_tokens=256, seed=11,
    )  # fmt: skip


def without_times(rows):
    return [{key: value for key, value in row.items() if not key.startswith("time/")} for row in rows]


def weights(folder):
    return load_causal_lm(folder, device="cpu").state_dict()


def start(config_file, home):
    command = [sys.executable, "-m", "cli", "ppo", "train", "--config", str(config_file), "--run", "killed"]
    environment = {**os.environ, "ACCORD_HOME": str(home), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )


def kill_after(process, metrics, lines, delay):
    """kill -9 some milliseconds after metrics.jsonl has so many lines."""
    deadline = time.monotonic() + 240
    while len(read_metrics(metrics)) < lines:
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_killed_three_times_and_resumed_equals_never_stopped(config, home, tmp_path):
    whole = train(config, name="whole")
    expected = without_times(read_metrics(whole.folder / "metrics.jsonl"))
    assert [row["step"] for row in expected] == list(range(1, 14))

    config_file = tmp_path / "ppo.yaml"
    dump_config(config, config_file)
    moments = random.Random(time.time_ns())
    metrics = home / "runs" / "killed" / "metrics.jsonl"
    for lines in sorted(moments.sample(range(1, 11), 3)):
        kill_after(start(config_file, home), metrics, lines, delay=moments.random() * 0.1)
        assert not (home / "runs" / "killed" / "report.json").exists()
    resumed = train(config, name="killed")

    assert without_times(read_metrics(metrics)) == expected
    assert resumed.summary == whole.summary
    for which in ("final", "last"):
        one, other = (
            weights(whole.folder / "checkpoints" / which),
            weights(resumed.folder / "checkpoints" / which),
        )
        assert all(torch.equal(one[name], other[name]) for name in one), which
    assert checkpoint_hash(whole.checkpoint) == checkpoint_hash(resumed.checkpoint)
    states = [torch.load(run.folder / STATE_FILE, weights_only=True) for run in (whole, resumed)]
    for part in ("trained", "optimizer", "moments", "best"):
        assert_equal(states[0][part], states[1][part])
    assert states[0]["kl_coef"] == states[1]["kl_coef"] != config.kl_coef


def assert_equal(one, other):
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_equal(a, b)
    else:
        assert one == other


def test_a_finished_run_says_so_and_its_checkpoint_names_its_parents(
    config, home, policy_folder, reward_folder
):
    short = dataclasses.replace(config, total_episodes=32, kl_controller="fixed")
    result = train(short, name="short")
    info = read_checkpoint(result.checkpoint)
    assert info.stage == "ppo"
    assert [(p.role, p.hash) for p in info.parents] == [
        ("policy", checkpoint_hash(policy_folder)),
        ("reward_model", checkpoint_hash(reward_folder)),
    ]
    assert info.tags == {"mark": "kept"}
    assert json.loads((result.folder / "report.json").read_text()) == result.summary
    assert train(short, name="short").summary == result.summary
    samples = (result.folder / "samples" / "iteration-000002.jsonl").read_text(encoding="utf-8")
    shown = [json.loads(line) for line in samples.splitlines()]
    assert shown and all(set(row) == {"prompt", "completion", "score"} for row in shown)
    with pytest.raises(RunError, match="kl_coef"):
        train(dataclasses.replace(short, kl_coef=0.5), name="short")


def test_lora_saves_an_adapter_that_loads_and_an_adapter_goes_on(config, home):
    lora = dataclasses.replace(
        config, keep="last", total_episodes=32, lora_rank=4, lora_targets=("q_proj", "down_proj")
    )
    first = train(lora, name="lora")
    assert (first.checkpoint / "adapter_config.json").is_file()
    assert not (first.checkpoint / "model.safetensors").exists()
    loaded = load_causal_lm(first.checkpoint, device="cpu")
    assert any(bool(p.abs().max() > 0) for name, p in loaded.named_parameters() if "lora_B" in name)
    onward = train(dataclasses.replace(config, policy="lora", total_episodes=32), name="onward")
    assert read_checkpoint(onward.checkpoint).parents[0].hash == checkpoint_hash(first.checkpoint)
    assert onward.summary["first"]["kl"] == pytest.approx(0, abs=1e-4)
    assert not list(onward.checkpoint.glob("**/ref*"))


def test_adapters_train_on_a_bfloat16_base(config, home):
    half = dataclasses.replace(
        config, total_episodes=32, keep="last", lora_rank=4, lora_targets=("q_proj", "v_proj"), dtype="bfloat16",
        mixed_precision="bf16", gradient_checkpointing=True,
    )  # fmt: skip
    result = train(half, name="half")
    loaded = load_causal_lm(result.checkpoint, device="cpu", dtype="bfloat16")
    kinds = {("lora" in name): p.dtype for name, p in loaded.named_parameters()}
    assert kinds == {True: torch.float32, False: torch.bfloat16}
    rows = read_metrics(result.folder / "metrics.jsonl")
    assert abs(rows[0]["objective/kl"]) < 0.05
    assert rows[1]["policy/grad_norm"] > 0


def test_scores_are_those_of_the_reward_model_on_the_texts(config):
    trainer = build_trainer(config)
    trainer.iterate()
    scored = trainer.last
    by_tokens = trainer.rewards.score(scored.rollout, scored.prompts)
    assert by_tokens.shape == (16, 2)
    # Bytes that are no whole character change when they are decoded and encoded again; compare where they survive.
    texts = [trainer.tokenizer.decode(row, skip_special_tokens=True) for row in scored.rollout.completions()]
    whole = [i for i, text in enumerate(texts) if "\ufffd" not in text and text]
    scorer = RewardScorer.load(config.reward_models[0], "cpu")
    tokens_again = [trainer.tokenizer.encode(texts[i], split_special_tokens=True) for i in whole]
    same = [
        i for i, again in zip(whole, tokens_again, strict=True)
        if again == [t for t in scored.rollout.completions()[i] if t != 2]
    ]  # fmt: skip
    assert same
    by_text = scorer.score([scored.prompts[i] for i in same], [[texts[i]] for i in same])
    expected = torch.tensor([row[0].heads for row in by_text])
    torch.testing.assert_close(by_tokens[same], expected, atol=1e-5, rtol=1e-5)


def test_the_critic_starts_as_the_reward_model_at_the_eos(config):
    """Value at the eos position = mean over heads of (score - mean) / deviation, as the settings normalise."""
    trainer = build_trainer(
        dataclasses.replace(config, score_normalization="start", score_normalization_samples=32)
    )
    trainer.prepare()
    scorer = RewardScorer.load(config.reward_models[0], "cpu")
    ids = torch.tensor([[1, 30, 31, 32, 2]])
    _, heads = scorer.score_tokens(ids, torch.ones_like(ids))
    moments = trainer.progress.moments
    expected = ((heads[0].double() - moments.mean) / moments.deviation).mean()
    wanted = torch.zeros_like(ids, dtype=torch.bool)
    wanted[0, -1] = True
    value = trainer.networks.critic(ids, wanted)
    torch.testing.assert_close(value[0].double(), expected, atol=1e-4, rtol=1e-4)


def test_what_is_missing_is_named():
    with pytest.raises(ConfigError, match="--reward-models"):
        train(PPOConfig(policy="x", prompts=Path("p.jsonl")))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"total_episodes": 10}, "total_episodes 10 is less than one batch"),
        ({"num_mini_batches": 5}, "no multiple of num_mini_batches"),
        ({"gae_lambda": 1.5}, "gae_lambda must lie in"),
        ({"kl_coef": 0.0, "kl_controller": "adaptive"}, "must start above 0"),
        ({"kl_coef_limits": (2.0, 8.0)}, "must enclose 1"),
        ({"ptx_coef": 1.0}, "ptx_data is not set"),
        ({"temperature": 0.0}, "temperature must be positive"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        PPOConfig(**wrong)
