"""Two processes learn what one learns: shares of the batch, sums over both."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from policy.config import PPOConfig
from policy.ppo import train
from workbench.config import config_hash, dump_config
from workbench.metrics import read_metrics
from workbench.modeling.loading import load_causal_lm

ROOT = Path(__file__).parents[2]
KEYS = {"objective/scores", "objective/kl", "objective/kl_coef", "loss/policy", "policy/grad_norm"}


@pytest.mark.soak
def test_two_processes_equal_one(policy_folder, reward_folder, prompts_file, home, tmp_path):
    config = PPOConfig(
        policy=str(policy_folder), reward_models=(str(reward_folder),), prompts=prompts_file, total_episodes=48,
        batch_size=16, max_new_tokens=8, temperature=0.9, num_ppo_epochs=2, num_mini_batches=1, learning_rate=1e-3,
        kl_controller="adaptive", kl_horizon=100, score_normalization="running", whiten_rewards=True, device="cpu",
        early_stop_kl=5.0, seed=2,
    )  # fmt: skip
    one = train(config, name="one")
    dump_config(config, tmp_path / "ppo.yaml")
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--master-port",
        "29517",
    ]
    command = [*launch, "-m", "cli", "ppo", "train", "--config", str(tmp_path / "ppo.yaml")]
    environment = {
        **os.environ,
        "ACCORD_HOME": str(home),
        "OMP_NUM_THREADS": "1",
        "ACCELERATE_USE_CPU": "true",
    }
    done = subprocess.run(command, cwd=ROOT, env=environment, timeout=280, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    two = home / "runs" / f"ppo-{config_hash(config)[:10]}"
    for a, b in zip(
        read_metrics(one.folder / "metrics.jsonl"), read_metrics(two / "metrics.jsonl"), strict=True
    ):
        # distinct_2 and the moments of values are those of the main process's share.
        for key in KEYS & a.keys():  # the last line has no update
            assert b[key] == pytest.approx(a[key], rel=2e-2, abs=2e-3), (a["step"], key)
    first, second = (
        load_causal_lm(run / "checkpoints/final", device="cpu").state_dict() for run in (one.folder, two)
    )
    start = load_causal_lm(policy_folder, device="cpu").state_dict()
    moved = sum((first[name] - start[name]).square().sum() for name in start)
    apart = sum((first[name] - second[name]).square().sum() for name in start)
    assert apart < 0.05 * moved
