"""Training: it learns, it stops on time, it goes on after a break to the same bits, and what it saves is a model."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from pretrain.config import PretrainConfig
from pretrain.guard import StepGuard
from pretrain.model import LanguageModelLoss, inputs_and_labels
from pretrain.train import train
from tests.words import WORDS
from workbench.checkpoints import read_checkpoint
from workbench.errors import CheckpointError, DataError, RunError
from workbench.home import runs_folder
from workbench.metrics import read_metrics
from workbench.shards import PackedText


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    rng = np.random.default_rng(0)
    file = tmp_path_factory.mktemp("corpus") / "stories.jsonl"
    with file.open("w") as out:
        for i in range(300):
            start = int(rng.integers(len(WORDS)))
            story = " ".join(WORDS[(start + j) % len(WORDS)] for j in range(20))
            out.write(json.dumps({"text": f"{story} {i}."}) + "\n")
    return file


@pytest.fixture
def config(corpus, home):
    return PretrainConfig(
        text=(str(corpus),), vocab_size=300, context=32, hidden_size=32, num_layers=2, num_heads=2, num_kv_heads=1,
        intermediate_size=64, tokens=32 * 8 * 30, batch_size=8, device="cpu", compile="off", log_every=5,
        validation_fraction=0.1, evaluation_rows=16, seed=3, dtype="float32",
    )  # fmt: skip


def weights(folder):
    return AutoModelForCausalLM.from_pretrained(folder).state_dict()


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class Stops:
    """A clock that runs 1 s a call and, at call `at`, is the user pressing Ctrl-C."""

    def __init__(self, at=None):
        self.calls, self.at = 0, at

    def __call__(self):
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt
        return float(self.calls)


def test_it_learns_and_saves_a_hugging_face_model(config):
    result = train(config, name="base")
    metrics = read_metrics(result.folder / "metrics.jsonl")
    losses = [line["train/loss"] for line in metrics if "train/loss" in line]
    assert losses[0] > 3.5 > 2.5 > losses[-1]
    assert (
        [line["train/tokens"] for line in metrics if "train/tokens" in line][-1]
        == result.summary["tokens"]
        == 32 * 8 * 30
    )
    assert sum("validation/bits_per_byte" in line for line in metrics) == config.evaluations + 1
    assert metrics[-1]["validation/bits_per_byte"] == result.summary["bits_per_byte"]

    info = read_checkpoint(result.checkpoint)
    assert (info.stage, info.run) == ("pretrain", "base")
    assert info.extra["text"] == result.summary["text"]
    assert sorted(path.name for path in (result.folder / "checkpoints").iterdir()) == ["final"]

    # As plain Hugging Face: the same loss as the run measured, from the stock attention and full logits.
    model = AutoModelForCausalLM.from_pretrained(result.checkpoint, attn_implementation="sdpa")
    assert type(model).__name__ == "LlamaForCausalLM"
    packed = PackedText(result.folder / "data" / "packed")
    rows = torch.from_numpy(packed.rows("validation", list(range(packed.num_rows("validation")))))
    inputs, labels = inputs_and_labels(rows, bos=packed.bos, pad=packed.pad)
    with torch.no_grad():
        nll = torch.nn.functional.cross_entropy(model(inputs).logits.transpose(1, 2), labels, reduction="sum")
        ours = LanguageModelLoss(model)(inputs, labels)[1]
    torch.testing.assert_close(ours, nll)
    nll_a_byte = nll.item() / packed.num_bytes("validation") / np.log(2)
    assert result.summary["bits_per_byte"] == pytest.approx(nll_a_byte, rel=1e-5)
    tokenizer = AutoTokenizer.from_pretrained(result.checkpoint)
    assert tokenizer.chat_template and tokenizer.model_max_length == 32
    out = model.generate(
        **tokenizer("<|bos|>the fox ran", return_tensors="pt"), max_new_tokens=4, do_sample=False
    )
    assert "over a hill" in tokenizer.decode(out[0])

    # Finished: the same call answers at once, other settings under the name are refused.
    assert train(config, name="base").summary == result.summary
    with pytest.raises(RunError, match="learning_rate"):
        train(replace(config, learning_rate=0.5), name="base")


@pytest.mark.parametrize("qk_norm", [False, True])
def test_a_broken_run_goes_on_to_the_same_bits(config, qk_norm):
    config = replace(config, qk_norm=qk_norm, tie_embeddings=not qk_norm, z_loss=1e-4, micro_batch_size=4)
    whole = train(config, name="whole", clock=Stops())
    config = replace(config, save_minutes=0.1)
    with pytest.raises(KeyboardInterrupt):
        train(config, name="broken", clock=Stops(at=40))
    saved = sorted(path.name for path in (whole.folder.parent / "broken" / "checkpoints").iterdir())
    assert len(saved) == 2 and all(name.startswith("step-") for name in saved)
    with pytest.raises(KeyboardInterrupt):
        train(config, name="broken", clock=Stops(at=30))
    broken = train(config, name="broken", clock=Stops())
    assert same(weights(broken.checkpoint), weights(whole.checkpoint))
    steps = [line["step"] for line in read_metrics(broken.folder / "metrics.jsonl") if "train/loss" in line]
    assert steps == sorted(set(steps)), "no step is logged twice"
    assert broken.summary["bits_per_byte"] == whole.summary["bits_per_byte"]
    kind = AutoModelForCausalLM.from_pretrained(broken.checkpoint)
    assert type(kind).__name__ == ("Qwen3ForCausalLM" if qk_norm else "LlamaForCausalLM")


def test_minutes_end_on_time_and_anneal(config):
    config = replace(config, tokens=None, minutes=1.0, log_every=1)
    result = train(config, name="timed", clock=Stops())
    assert 60 <= result.summary["seconds"] < 70
    rates = [
        line["train/learning_rate"]
        for line in read_metrics(result.folder / "metrics.jsonl")
        if "train/learning_rate" in line
    ]
    assert max(rates) == pytest.approx(config.learning_rate)
    # The last step is at most four of these seconds before the deadline.
    assert config.final_ratio * config.learning_rate < rates[-1] < 0.1 * config.learning_rate


def test_micro_batches_change_nothing_but_rounding(config):
    config = replace(config, tokens=32 * 8 * 3)
    whole = train(config, name="whole")
    parts = train(replace(config, micro_batch_size=2), name="parts")
    a, b = weights(whole.checkpoint), weights(parts.checkpoint)
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=1e-3, atol=1e-4)


def test_other_text_under_the_same_run_is_refused(config):
    config = replace(config, save_minutes=0.1)
    with pytest.raises(KeyboardInterrupt):
        train(config, name="r", clock=Stops(at=40))
    manifest = runs_folder() / "r" / "data" / "packed" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"hash": "0" * 64}))
    with pytest.raises(CheckpointError, match="trained on other text"):
        train(config, name="r")


def test_bad_input_is_refused_before_a_run_is_begun(config, tmp_path, home):
    with pytest.raises(DataError, match="no file"):
        train(replace(config, text=(str(tmp_path / "absent.txt"),)), name="r")
    with pytest.raises(DataError, match="is no packed text"):
        train(replace(config, text=(), packed=str(tmp_path)), name="r")
    with pytest.raises(ValueError, match="micro_batch_size 3 must divide"):
        train(replace(config, micro_batch_size=3), name="r")
    assert not (home / "runs").exists()
    with pytest.raises(ValueError, match="give either text"):
        train(replace(config, text=()))
    with pytest.raises(ValueError, match="either tokens or minutes"):
        train(replace(config, minutes=1.0))
    first = train(replace(config, tokens=256), name="a")
    with pytest.raises(DataError, match="context of 32 tokens, the settings say 16"):
        train(replace(config, text=(), packed=str(first.folder / "data" / "packed"), context=16), name="b")
    for change, message in [
        ({"num_kv_heads": 3}, "multiple of num_kv_heads"),
        ({"hidden_size": 33}, "whole even number"),
        ({"warmup_ratio": 0.9}, "shares of one run"),
        ({"batch_size": 0}, "batch_size must be positive"),
    ]:
        with pytest.raises(ValueError, match=message):
            replace(config, **change)


def test_steps_that_blow_up_are_skipped_and_then_named(config, corpus):
    # A learning rate that no model survives: losses leave the range of fp32 after a few steps.
    with pytest.raises(RunError) as error:
        train(
            replace(
                config, learning_rate=1e30, embedding_learning_rate=1e30, warmup_ratio=0.0, max_skipped=3
            ),
            name="wild",
        )
    assert "3 steps in a row were skipped" in str(error.value)
    assert f"{corpus}:" in str(error.value)
    assert "lower learning_rate" in str(error.value)


def test_guard_by_hand():
    guard = StepGuard(limit=6.0, max_skipped=2)
    assert guard.judge(float("nan"), 1.0) and guard.judge(1.0, float("inf"))
    assert guard.exhausted
    for _ in range(40):
        assert guard.judge(2.0, 1.0) is None
    assert not guard.exhausted
    # Mean 2, deviation at least 2 % of it: the bound is 2 + 6 * 0.04 = 2.24.
    assert guard.judge(2.23, 1.0) is None
    assert "above" in guard.judge(2.5, 1.0)
    assert guard.skipped == 3
    assert max(guard.recent) == 2.23, "what was skipped is not remembered"
    again = StepGuard(limit=6.0, max_skipped=2)
    again.restore(guard.state())
    assert again.state() == guard.state()
    assert StepGuard(limit=0, max_skipped=2).judge(1e9, 1.0) is None
