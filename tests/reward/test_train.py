import json
import os
import random
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, TrainingArguments

from reward.config import RewardConfig
from reward.evaluate import evaluate, score_file
from reward.measure import fit_calibration, judgements
from reward.scoring import RewardScorer
from reward.train import RankingRewardTrainer, train
from tests.tiny_models import byte_tokenizer, tiny_model
from tests.toy_rankings import comparisons
from workbench.checkpoints import checkpoint_hash, read_checkpoint
from workbench.errors import CheckpointError, DataError, RecordError, SnapshotError
from workbench.jsonl import read_comparisons, write_comparisons, write_demonstrations
from workbench.modeling.chat import encode_completion, encode_prompt
from workbench.modeling.rankings import prepare_rankings
from workbench.preferences import open_preferences
from workbench.records import Demonstration, Message, Ranking


def config(base, comparisons_file, **settings):
    defaults = {
        "learning_rate": 3e-3, "epochs": 3, "batch_comparisons": 16, "validation_fraction": 0.3, "log_every": 1,
        "mixed_precision": "no",  # also on a machine with bf16: the tolerances here are those of fp32
    }  # fmt: skip
    return RewardConfig(
        base=str(base), comparisons=str(comparisons_file), device="cpu", **{**defaults, **settings}
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory, base, comparisons_file):
    """A finished run with two heads, and its home."""
    home = tmp_path_factory.mktemp("home")
    before = os.environ.get("ACCORD_HOME")
    os.environ["ACCORD_HOME"] = str(home)
    try:
        yield train(config(base, comparisons_file, heads=2), name="rm")
    finally:
        if before is None:
            del os.environ["ACCORD_HOME"]
        else:
            os.environ["ACCORD_HOME"] = before


def test_it_learns_what_was_ranked(trained):
    measured = trained.summary["reward_model"]
    assert measured["accuracy"]["value"] > 0.85
    assert measured["ceiling"]["value"] == 1.0  # these annotators never disagree
    assert measured["ece"]["value"] < measured["ece_uncalibrated"]["value"]
    assert measured["tie_width"] > 0 and len(measured["heads"]) == 2


def test_the_checkpoint_says_where_it_comes_from(trained, base):
    info = read_checkpoint(trained.checkpoint)
    assert info.stage == "reward" and info.parents[0].hash == checkpoint_hash(base)
    assert len(info.snapshot) == 64 and info.template_hash
    assert (
        info.extra["heads"] == 2
        and info.extra["ties"] == "rao_kupper"
        and info.extra["bias_set"] == "validation"
    )


def test_the_plain_class_gives_the_same_scores_less_the_bias(trained):
    scorer = RewardScorer.load(trained.checkpoint)
    plain = AutoModelForSequenceClassification.from_pretrained(trained.checkpoint).eval()
    tokenizer = byte_tokenizer()
    rows = [
        encode_prompt(tokenizer, "Prompt 3") + encode_completion(tokenizer, text)
        for text in ("abab", "", "b" * 30)
    ]
    scores = scorer.score(["Prompt 3"], [["abab", "", "b" * 30]])[0]
    width = max(map(len, rows))
    ids = torch.tensor([row + [tokenizer.pad_token_id] * (width - len(row)) for row in rows])
    with torch.no_grad():
        logits = plain(ids, attention_mask=(ids != tokenizer.pad_token_id).long()).logits
    bias = read_checkpoint(trained.checkpoint).extra["bias"]
    np.testing.assert_allclose(np.array([s.heads for s in scores]) - bias, logits, atol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_tokens_score_as_their_text_does(trained, side):
    scorer = RewardScorer.load(trained.checkpoint)
    tokenizer = byte_tokenizer()
    rows = [encode_prompt(tokenizer, "P") + encode_completion(tokenizer, text) for text in ("ab", "bbbbbb")]
    width = max(map(len, rows)) + 2
    pads = [[0] * (width - len(row)) for row in rows]
    ids = torch.tensor(
        [pad + row if side == "left" else row + pad for row, pad in zip(rows, pads, strict=True)]
    )
    mean, heads = scorer.score_tokens(ids, ids != 0)
    texts = scorer.score(["P"], [["ab", "bbbbbb"]])[0]
    np.testing.assert_allclose(mean, [s.value for s in texts], atol=1e-5)
    np.testing.assert_allclose(heads, [s.heads for s in texts], atol=1e-5)


def test_scores_do_not_depend_on_the_batch(trained):
    scorer = RewardScorer.load(trained.checkpoint)
    prompts, texts = ["P", "A long prompt, this one", "Q"], [["a", "bb", "a" * 50], [], ["", "a"]]
    together = scorer.score(prompts, texts)
    scorer.max_tokens = 1
    alone = scorer.score(prompts, texts)
    assert [len(row) for row in together] == [3, 0, 2]
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose([s.value for s in a], [s.value for s in b], atol=1e-5)


def test_the_mean_score_of_the_zero_set_is_zero(trained, base, comparisons_file, tmp_path):
    files = tmp_path / "demonstrations.jsonl"
    turns = [(Message("user", "Hi"), Message("assistant", text)) for text in ("aaa", "ab")]
    write_demonstrations(files, [Demonstration(f"d{i}", messages) for i, messages in enumerate(turns)])
    result = train(config(base, comparisons_file, epochs=1, zero_mean=str(files)), name="zero")
    scores = RewardScorer.load(result.checkpoint).score(["Hi"], [["aaa", "ab"]])[0]
    assert sum(score.value for score in scores) == pytest.approx(0, abs=1e-5)


def test_a_model_trained_in_bf16_is_measured_as_its_scores_are_computed(home, base, comparisons_file):
    """bf16 has three digits; bias and temperature, found in it, would not be those of the scores in fp32."""
    settings = config(base, comparisons_file, mixed_precision="bf16", epochs=1, ties="drop")
    result = train(settings, name="bf16")
    info, scorer = read_checkpoint(result.checkpoint), RewardScorer.load(result.checkpoint)
    held_out = list(open_preferences(str(info.snapshot)).validation)
    groups, _ = prepare_rankings(held_out, scorer.tokenizer, max_length=scorer.max_length, ties="drop")
    by_id = {comparison.id: comparison for comparison in held_out}
    asked = [by_id[g.group.id] for g in groups]
    texts = [[c.completions[i].text for i in g.kept] for c, g in zip(asked, groups, strict=True)]
    rows = scorer.score([c.prompt for c in asked], texts)
    scores = [np.array([score.value for score in row]) for row in rows]
    assert np.concatenate(scores).mean() == pytest.approx(0, abs=1e-6)
    found = fit_calibration(judgements(scores, groups), ties="drop", log_width=0.0)
    assert found.temperature == pytest.approx(info.extra["temperature"], rel=1e-3)


def test_evaluation_on_other_labels_agrees_with_the_truth(trained, tmp_path, comparisons_file):
    others = tmp_path / "others.jsonl"
    changed = [replace(c, id=f"x{c.id}") for c in read_comparisons(comparisons_file)]
    write_comparisons(others, changed)
    found = evaluate(str(trained.checkpoint), str(others))
    assert found["reward_model"]["accuracy"]["value"] > 0.85 and found["split"] == "all"
    same = evaluate(str(trained.checkpoint), str(comparisons_file))
    assert same["data"]["left_out_as_trained_on"] == trained.summary["data"]["comparisons"]
    assert same["reward_model"]["accuracy"] == pytest.approx(trained.summary["reward_model"]["accuracy"])
    with pytest.raises(DataError, match="trained on all of these"):
        evaluate(str(trained.checkpoint), read_checkpoint(trained.checkpoint).snapshot, split="train")
    rows = list(score_file(str(trained.checkpoint), str(others)))
    assert [row["id"] for row in rows] == [c.id for c in changed] and len(rows[0]["scores"]) == 4


def test_a_stopped_run_goes_on_to_the_same_model(trained, base, comparisons_file, monkeypatch, tmp_path):
    """The run of the fixture, stopped once in the middle by an error in a save, and started again."""
    monkeypatch.setenv("ACCORD_HOME", str(tmp_path))
    settings = config(base, comparisons_file, heads=2, save_every=3)
    real, calls = RankingRewardTrainer._save_checkpoint, []

    def save(self, *arguments):
        calls.append(self.state.global_step)
        if calls == [3, 6]:
            raise KeyboardInterrupt
        real(self, *arguments)

    monkeypatch.setattr(RankingRewardTrainer, "_save_checkpoint", save)
    with pytest.raises(KeyboardInterrupt):
        train(settings, name="rm")
    result = train(settings, name="rm")
    assert result.summary == trained.summary
    weights = "model.safetensors"
    assert (result.checkpoint / weights).read_bytes() == (trained.checkpoint / weights).read_bytes()
    steps = [json.loads(line)["step"] for line in (result.folder / "metrics.jsonl").read_text().splitlines()]
    assert sorted(set(steps)) == list(range(1, trained.summary["steps"] + 1))


def test_plackett_luce_and_weights_learn_too(home, base, comparisons_file):
    settings = config(
        base, comparisons_file, loss="plackett_luce", annotator_weights="agreement", center_coef=0.01
    )
    assert train(settings, name="pl").summary["reward_model"]["accuracy"]["value"] > 0.85


def test_labels_through_a_model_of_annotators(home, base, tmp_path):
    """Two careful annotators and two who answer at random: CrowdBT hears the first two."""
    chance = random.Random(0)
    ranked = []
    for comparison in comparisons(count=60, annotators=2):
        spam = [
            Ranking(f"{comparison.id}-{name}", name, tuple(chance.sample(range(1, 5), 4)))
            for name in ("spam", "junk")
        ]
        ranked.append(replace(comparison, rankings=(*comparison.rankings, *spam)))
    write_comparisons(tmp_path / "noisy.jsonl", ranked)
    settings = config(base, tmp_path / "noisy.jsonl", epochs=1)
    soft = train(replace(settings, label_model="crowdbt"), name="soft")
    record = json.loads((soft.folder / "label_model.json").read_text())
    assert set(record["annotators"]) == {"a0", "a1", "spam", "junk"}
    assert record["annotators"]["a0"]["weight"] > 5 * record["annotators"]["spam"]["weight"]
    assert record["pairs"] == soft.summary["label_model"]["pairs"] > 0
    note = read_checkpoint(soft.checkpoint).extra["label_model"]
    assert (note["kind"], note["use"], note["annotators"]) == ("crowdbt", "soft labels", 4)
    weighted = train(replace(settings, annotator_weights="crowdbt"), name="weighted")
    assert weighted.summary["label_model"]["use"] == "annotator weights"
    first = [json.loads(line) for line in (soft.folder / "metrics.jsonl").read_text().splitlines()]
    assert all(0 <= row["reward/accuracy"] <= 1 for row in first if "reward/accuracy" in row)
    with pytest.raises(ValueError, match="annotator_weights 'agreement' would do nothing"):
        replace(settings, label_model="davidson", annotator_weights="agreement")


@pytest.mark.parametrize(
    ("loss", "ties"), [("bradley_terry", "drop"), ("bradley_terry", "half"), ("plackett_luce", "drop")]
)
def test_soft_labels_under_every_loss(home, base, comparisons_file, loss, ties):
    settings = config(base, comparisons_file, loss=loss, ties=ties, label_model="davidson", epochs=2)
    assert train(settings, name="soft").summary["reward_model"]["accuracy"]["value"] > 0.75


def test_lora_with_a_head_of_its_own(home, base, comparisons_file):
    result = train(config(base, comparisons_file, lora_rank=4, learning_rate=2e-2), name="lora")
    assert result.summary["reward_model"]["accuracy"]["value"] > 0.75
    assert not (result.checkpoint / "model.safetensors").exists()
    assert RewardScorer.load(result.checkpoint).num_heads == 1


def test_bad_input_is_named_and_leaves_nothing(home, base, comparisons_file, trained, tmp_path):
    with pytest.raises(
        DataError, match=r"comparison 'c\d+' has \d+ tokens of prompt .* the model's context is 20"
    ):
        train(config(base, comparisons_file, max_length=20), name="long")
    dropped = train(config(base, comparisons_file, max_length=24, too_long="drop", epochs=1), name="dropped")
    assert dropped.summary["data"]["too_long"] > 0
    bad = tmp_path / "bad.jsonl"
    bad.write_text(
        '{"prompt": "x", "completions": [{"text": "a"}], "rankings": [{"annotator": "a", "ranks": [0]}]}\n'
    )
    with pytest.raises(RecordError, match=r"bad.jsonl:1: field 'rankings"):
        train(config(base, bad), name="bad")
    half = tmp_path / "half"
    shutil.copytree(trained.checkpoint, half)
    (half / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model.safetensors is missing"):
        RewardScorer.load(half)
    with pytest.raises(CheckpointError, match="is a sft checkpoint, not a reward model"):
        RewardScorer.load(base)
    with pytest.raises(SnapshotError, match="no snapshot"):
        train(config(base, tmp_path / "absent"), name="absent")
    assert (
        not list(home.rglob("final/*bad*"))
        and not (home / "runs" / "long" / "checkpoints" / "final").exists()
    )


def test_used_as_a_transformers_trainer(tmp_path, comparisons_file):
    rows = list(read_comparisons(comparisons_file))
    args = TrainingArguments(
        output_dir=str(tmp_path), per_device_train_batch_size=8, learning_rate=3e-3, num_train_epochs=3,
        use_cpu=True, save_strategy="no", dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = RankingRewardTrainer(
        tiny_model(heads=1), args, rows[:40], rows[40:], processing_class=byte_tokenizer(), ties="davidson"
    )
    trainer.train()
    assert trainer.evaluate()["eval_accuracy"] > 0.8
