import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import TrainingArguments

from dpo.config import DPOConfig
from dpo.train import RankingDPOTrainer, train
from tests.tiny_models import byte_tokenizer, tiny_model
from workbench.checkpoints import checkpoint_hash, read_checkpoint
from workbench.metrics import read_metrics
from workbench.modeling.loading import load_causal_lm

IDS = torch.tensor([[1, 4, 86, 2, 5]])


def config(base, comparisons_file, **settings):
    defaults = {
        "learning_rate": 1e-3,
        "epochs": 2,
        "batch_comparisons": 16,
        "validation_fraction": 0.25,
        "log_every": 1,
        "mixed_precision": "no",  # also on a machine with bf16: the tolerances here are those of fp32
    }
    return DPOConfig(
        policy=str(base), comparisons=str(comparisons_file), device="cpu", **{**defaults, **settings}
    )


def test_a_run_learns_and_says_where_it_comes_from(home, base, comparisons_file):
    settings = config(base, comparisons_file)
    result = train(settings, name="d")
    rows = [row for row in read_metrics(result.folder / "metrics.jsonl") if "dpo/loss" in row]
    assert rows[0]["dpo/loss"] == pytest.approx(np.log(2), abs=1e-5)  # the policy begins as the reference
    assert result.summary["dpo"]["accuracy"] > 0.8 and result.summary["dpo"]["loss"] < 0.55
    info = read_checkpoint(result.checkpoint)
    assert [(p.role, p.hash) for p in info.parents] == [
        ("policy", checkpoint_hash(base)),
        ("reference", checkpoint_hash(base)),
    ]
    assert info.snapshot and info.tags["annotator_kinds"] == ["imported"]
    assert not torch.equal(load_causal_lm(result.checkpoint)(IDS).logits, load_causal_lm(base)(IDS).logits)
    assert sorted(path.name for path in (result.folder / "checkpoints").iterdir()) == ["final"]
    assert train(settings, name="d").summary == json.loads((result.folder / "report.json").read_text())


def test_labels_through_a_model_of_annotators(home, base, comparisons_file):
    soft = train(config(base, comparisons_file, label_model="crowdbt", ties="davidson"), name="soft")
    assert soft.summary["dpo"]["accuracy"] > 0.75
    assert (soft.folder / "label_model.json").exists()
    assert read_checkpoint(soft.checkpoint).extra["label_model"]["use"] == "soft labels"
    rows = [row for row in read_metrics(soft.folder / "metrics.jsonl") if "dpo/accuracy" in row]
    assert all(0 <= row["dpo/accuracy"] <= 1 for row in rows)
    weighted = train(config(base, comparisons_file, annotator_weights="crowdbt", epochs=1), name="weighted")
    assert weighted.summary["label_model"]["use"] == "annotator weights"
    with pytest.raises(ValueError, match="both soften labels"):
        config(base, comparisons_file, label_model="crowdbt", label_smoothing=0.1)


def test_the_reference_is_computed_once(home, base, comparisons_file, monkeypatch):
    train(config(base, comparisons_file, epochs=1), name="one")
    files = list(home.rglob("reference_log_probs/*/*.npy"))
    assert len(files) == 1

    def refuse(*arguments, **settings):
        raise AssertionError("computed again")

    monkeypatch.setattr(RankingDPOTrainer, "log_probs", refuse)
    train(config(base, comparisons_file, epochs=1, beta=0.3), name="two")
    assert list(home.rglob("reference_log_probs/*/*.npy")) == files


@pytest.mark.parametrize("loss", ["ipo", "plackett_luce"])
def test_other_losses_learn_too(home, base, comparisons_file, loss):
    result = train(config(base, comparisons_file, loss=loss), name=loss)
    assert result.summary["dpo"]["accuracy"] > 0.75


def test_a_learned_tie_width_is_kept(home, base, comparisons_file):
    result = train(config(base, comparisons_file, ties="rao_kupper"), name="ties")
    assert result.summary["data"]["rankings_without_pair"] == 0
    assert result.summary["dpo"]["accuracy"] > 0.75


def test_lora_leaves_the_base_alone(home, base, comparisons_file):
    result = train(config(base, comparisons_file, lora_rank=4, learning_rate=1e-2), name="lora")
    assert (result.checkpoint / "adapter_model.safetensors").exists()
    assert not (result.checkpoint / "model.safetensors").exists()
    assert result.summary["dpo"]["accuracy"] > 0.75
    merged = load_causal_lm(result.checkpoint, merge=True)
    adapted = load_causal_lm(result.checkpoint)
    torch.testing.assert_close(merged(IDS).logits, adapted(IDS).logits, atol=1e-4, rtol=1e-4)
    again = train(config(result.checkpoint, comparisons_file, epochs=1), name="lora-on")
    assert again.summary["dpo"]["accuracy"] > 0.75


def test_used_as_a_transformers_trainer_on_rows(tmp_path):
    rows = [
        {
            "id": f"c{i}",
            "prompt": "Say a or b",
            "completions": [{"text": f"a{i}"}, {"text": f"b{i}"}, {"text": "b"}],
            "rankings": [{"id": f"r{i}", "annotator": "x", "ranks": [1, 2, 3]}],
        }
        for i in range(8)
    ]
    args = TrainingArguments(
        output_dir=str(tmp_path), per_device_train_batch_size=4, learning_rate=1e-3, num_train_epochs=4,
        use_cpu=True, save_strategy="no", dataloader_pin_memory=False, eval_strategy="epoch",
    )  # fmt: skip
    trainer = RankingDPOTrainer(tiny_model(), args, rows[:6], rows[6:], processing_class=byte_tokenizer())
    trainer.train()
    assert trainer.evaluate()["eval_accuracy"] > 0.9
    assert trainer.state.log_history[0]["eval_loss"] > trainer.state.log_history[-1]["eval_loss"]


def test_another_reference_is_named(home, base, comparisons_file, tmp_path):
    first = train(config(base, comparisons_file, epochs=1), name="first")
    settings = replace(config(base, comparisons_file, epochs=1), reference=str(first.checkpoint))
    result = train(settings, name="second")
    hashes = {p.role: p.hash for p in read_checkpoint(result.checkpoint).parents}
    assert hashes["reference"] == checkpoint_hash(first.checkpoint) != hashes["policy"]
