"""SFT: what is trained on and what is not, what is refused, resume, LoRA, lineage, and equality with the plain loss."""

from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM

from policy import sft_trainer
from policy.sft import train
from policy.sft_config import SFTConfig
from policy.sft_data import IGNORED, divide, encode, encode_all, winner
from tests.tiny_models import byte_tokenizer, tiny_model
from workbench.checkpoints import CheckpointInfo, checkpoint_hash, read_checkpoint, save_checkpoint
from workbench.errors import CheckpointError, DataError, RunError
from workbench.jsonl import write_comparisons, write_demonstrations
from workbench.metrics import read_metrics
from workbench.modeling.loading import load_causal_lm, save_model
from workbench.records import Comparison, Completion, Demonstration, Message, Ranking
from workbench.runs import open_run


def demonstration(id, *turns):
    roles = ("user", "assistant")
    return Demonstration(
        id=id,
        messages=tuple(Message(roles[i % 2], text) for i, text in enumerate(turns)),
        tags={"from": "test"},
    )


def demonstrations(count):
    return [demonstration(f"d{i}", f"Say {i}", f"It is {i % 7}, truly.") for i in range(count)]


@pytest.fixture
def config(tmp_path, home):
    base = tmp_path / "base"
    save_checkpoint(
        base,
        CheckpointInfo(stage="pretrain", run="base"),
        lambda folder: save_model(folder, tiny_model(max_position_embeddings=64), byte_tokenizer()),
    )
    write_demonstrations(tmp_path / "demos.jsonl", demonstrations(60))
    return SFTConfig(
        base=str(base),
        demonstrations=(str(tmp_path / "demos.jsonl"),),
        epochs=2,
        batch_size=8,
        learning_rate=5e-3,
        log_every=2,
        device="cpu",
        mixed_precision="no",  # The tolerances here are those of fp32, also on a machine with bf16.
        validation_fraction=0.1,
    )


def test_labels_are_the_assistants_tokens_and_the_end():
    tokenizer = byte_tokenizer()
    example = encode(tokenizer, demonstration("d", "Hi", "Hello", "Why <|end|>?", ""))
    kept = [i for i, label in zip(example.input_ids, example.labels, strict=True) if label != IGNORED]
    assert tokenizer.decode(kept) == "Hello<|end|><|end|>"
    assert all(label in (IGNORED, i) for i, label in zip(example.input_ids, example.labels, strict=True))
    # The same mask as the template's own {% generation %} marks, where no text looks like a control token.
    plain = demonstration("d", "Hi", "Hello", "Why?", "So.")
    example = encode(tokenizer, plain)
    chat = [{"role": m.role, "content": m.content} for m in plain.messages]
    marked = tokenizer.apply_chat_template(chat, return_dict=True, return_assistant_tokens_mask=True)
    assert marked["input_ids"] == example.input_ids
    assert marked["assistant_masks"] == [int(label != IGNORED) for label in example.labels]


def test_examples_that_would_train_nothing_are_refused():
    tokenizer = byte_tokenizer()
    long = demonstration("long-1", "x" * 40, "yes")
    with pytest.raises(DataError) as error:
        encode_all(tokenizer, [*demonstrations(3), long], max_length=30, skip_too_long=False)
    for part in (
        "1 of 4",
        "long-1: the assistant begins after 44 of 48 tokens",
        "within 30 tokens",
        "--skip-too-long",
    ):
        assert part in str(error.value)
    examples, counts = encode_all(tokenizer, [*demonstrations(3), long], max_length=30, skip_too_long=True)
    assert len(examples) == 3 and counts.too_long == ["long-1"]
    with pytest.raises(DataError, match="1 of 1"):
        encode_all(tokenizer, [long], max_length=30, skip_too_long=True)
    # Cut in the middle of the answer: kept, counted, and without an end.
    (cut,), counts = encode_all(tokenizer, [long], max_length=46, skip_too_long=False)
    assert counts.truncated == 1 and counts.trained_tokens == 2
    assert tokenizer.decode([i for i in cut.labels if i != IGNORED]) == "ye"
    with pytest.raises(DataError, match="demonstration d0: message 1 of a prompt has role 'system'"):
        bad = Demonstration("d0", (Message("user", "a"), Message("system", "b"), Message("assistant", "c")))
        encode_all(tokenizer, [bad], max_length=30, skip_too_long=True)


def test_held_out_prompts_are_chosen_by_their_text():
    found = demonstrations(200)
    train_part, held_out = divide(found, 0.2)
    assert 20 < len(held_out) < 60 and len(train_part) + len(held_out) == 200
    again = divide(list(reversed(found)), 0.2)[1]
    assert {d.id for d in again} == {d.id for d in held_out}
    assert divide(found, 0.0) == (found, [])
    with pytest.raises(DataError, match="has no prompt"):
        divide([Demonstration("d", (Message("assistant", "x"),))], 0.1)


def ranked(*rankings, texts=("a", "b", "c"), criterion="helpful"):
    return Comparison(
        id="c1",
        prompt="Say something",
        completions=tuple(Completion(text) for text in texts),
        rankings=tuple(
            Ranking(id=f"r{i}", annotator=f"a{i}", ranks=ranks, criterion=criterion if i else "helpful")
            for i, ranks in enumerate(rankings)
        ),
    )


def test_the_winner_of_rankings_by_hand():
    assert winner(ranked((2, 1, 3))).messages[-1] == Message("assistant", "b")
    # b scores 1 and 0, a 1/2 and 1: a wins with 0.75 against 0.5.
    assert winner(ranked((2, 1, 3), (1, 3, 2))).messages[-1].content == "a"
    assert winner(ranked((1, 1, 2))) is None, "a tie at the top"
    assert winner(ranked((1, 2, 3), (2, 1, 3))) is None
    assert winner(ranked((None, 2, 3))).messages[-1].content == "b"
    assert winner(ranked()) is None
    assert winner(ranked((1, 2, 3), texts=(" ", "b", "c"))) is None, "an empty winner teaches nothing"
    with pytest.raises(DataError, match="helpful and honest"):
        winner(ranked((1, 2, 3), (2, 1, 3), criterion="honest"))
    assert winner(ranked((1, 2, 3), (2, 1, 3), criterion="honest"), "honest").messages[-1].content == "b"


def test_it_learns_and_says_where_it_comes_from(config):
    result = train(config, name="sft")
    metrics = read_metrics(result.folder / "metrics.jsonl")
    losses = [line["train/loss"] for line in metrics if "train/loss" in line]
    assert losses[0] > 5 > 3 > losses[-1]
    assert metrics[-1]["validation/loss"] == pytest.approx(result.summary["validation_loss"])
    info = read_checkpoint(result.checkpoint)
    assert info.stage == "sft" and info.tags == {"from": ["test"]}
    assert [(p.role, p.hash) for p in info.parents] == [("base", checkpoint_hash(config.base))]
    assert info.extra["demonstrations"] == result.summary["demonstrations"] < 60
    assert len(info.extra["files"]["demos.jsonl"]) == 64
    assert not (result.folder / "trainer").exists()
    assert not list(result.folder.rglob("README.md"))
    model = AutoModelForCausalLM.from_pretrained(result.checkpoint)
    assert type(model).__name__ == "LlamaForCausalLM"
    assert "accord" not in (result.checkpoint / "config.json").read_text()
    assert train(config, name="sft").summary == result.summary
    with pytest.raises(RunError, match="epochs"):
        train(replace(config, epochs=3.0), name="sft")


def test_the_loss_is_the_plain_one_over_assistant_tokens(config, monkeypatch):
    """One step over everything: the logged loss is the mean over all trained tokens, by plain transformers."""
    config = replace(
        config, epochs=1, batch_size=60, micro_batch_size=10, validation_fraction=0.0, log_every=1
    )
    result = train(config, name="one")
    base = load_causal_lm(config.base, device="cpu")
    total = count = 0
    for one in demonstrations(60):
        example = encode(byte_tokenizer(), one)
        labels = torch.tensor([example.labels])
        trained = int((labels != IGNORED).sum())
        with torch.no_grad():
            total += base(torch.tensor([example.input_ids]), labels=labels).loss.item() * trained
        count += trained
    (line,) = [line for line in read_metrics(result.folder / "metrics.jsonl") if "train/loss" in line]
    assert line["train/loss"] == pytest.approx(total / count, rel=1e-4)
    assert result.summary["trained_tokens"] == count


@pytest.mark.parametrize("lora_rank", [0, 4])
def test_our_cheaper_loss_is_trls(config, tmp_path, lora_rank):
    config = replace(config, lora_rank=lora_rank)
    tokenizer, model = byte_tokenizer(), load_causal_lm(config.base, device="cpu")
    examples, _ = encode_all(tokenizer, demonstrations(6), max_length=64, skip_too_long=False)
    with open_run("sft", config, name="loss") as run:
        trainer = sft_trainer.build_trainer(config, run, model, tokenizer, examples, [], torch.device("cpu"))
        trainer.model.train()
        inputs = next(iter(trainer.get_train_dataloader()))
        gradients = []
        for compute in (trainer.compute_loss, super(sft_trainer.WholeSFTTrainer, trainer).compute_loss):
            for items in (None, 100):
                loss = compute(trainer.model, dict(inputs), num_items_in_batch=items)
                loss.backward()
            gradients.append(
                (loss.item(), [p.grad.clone() for p in trainer.model.parameters() if p.requires_grad])
            )
            trainer.model.zero_grad()
    (ours, our_gradients), (theirs, their_gradients) = gradients
    assert ours == pytest.approx(theirs, rel=1e-5)
    for a, b in zip(our_gradients, their_gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_a_broken_run_goes_on_to_the_same_bits(config, monkeypatch):
    whole = train(config, name="whole")

    def break_at(step):
        def stop(self, args, state, control, **kwargs):
            original(self, args, state, control, **kwargs)
            if state.global_step == step + 1:
                raise KeyboardInterrupt

        monkeypatch.setattr(sft_trainer._RunCallback, "on_step_end", stop)

    original = sft_trainer._RunCallback.on_step_end
    config = replace(config, save_minutes=1e-6)
    break_at(5)
    with pytest.raises(KeyboardInterrupt):
        train(config, name="broken")
    folder = whole.folder.parent / "broken" / "trainer"
    assert [path.name for path in folder.iterdir()] == ["checkpoint-5"]
    # A checkpoint that was being written when the power went: without its last file, it is not one.
    (folder / "checkpoint-6").mkdir()
    (folder / "checkpoint-6" / "model.safetensors").write_bytes(b"half")
    monkeypatch.setattr(sft_trainer._RunCallback, "on_step_end", original)
    broken = train(config, name="broken")
    a, b = (AutoModelForCausalLM.from_pretrained(r.checkpoint).state_dict() for r in (whole, broken))
    assert all(torch.equal(a[name], b[name]) for name in a)
    steps = [line["step"] for line in read_metrics(broken.folder / "metrics.jsonl") if "train/loss" in line]
    assert steps == sorted(set(steps))


def test_lora_saves_an_adapter_that_knows_its_base(config):
    result = train(replace(config, lora_rank=4, learning_rate=2e-2), name="lora")
    assert result.summary["trained_parameters"] < 0.5 * result.summary["parameters"]
    assert (result.checkpoint / "adapter_model.safetensors").is_file()
    assert not (result.checkpoint / "model.safetensors").exists()
    adapted = load_causal_lm(result.checkpoint, device="cpu", merge=True)
    base = load_causal_lm(config.base, device="cpu")
    ids = torch.tensor([encode(byte_tokenizer(), demonstrations(1)[0]).input_ids])
    assert (adapted(ids).logits - base(ids).logits).abs().max() > 0.1


def test_winners_of_comparisons_are_demonstrations_too(config, tmp_path):
    comparisons = [
        Comparison(
            id=f"c{i}",
            prompt=f"Name {i}",
            completions=(Completion("bad"), Completion(f"good {i}")),
            rankings=(Ranking(id=f"r{i}", annotator="a", ranks=(2, 1) if i % 5 else (1, 1)),),
        )
        for i in range(20)
    ]
    write_comparisons(tmp_path / "c.jsonl", comparisons)
    result = train(
        replace(config, demonstrations=(), comparisons=str(tmp_path / "c.jsonl"), validation_fraction=0.0),
        name="w",
    )
    assert result.summary["demonstrations"] == 16 and result.summary["without_winner"] == 4
    assert set(read_checkpoint(result.checkpoint).extra["files"]) == {"c.jsonl"}


def test_bad_use(config, tmp_path, home):
    with pytest.raises(DataError, match="no file of demonstrations"):
        train(replace(config, demonstrations=(str(tmp_path / "absent.jsonl"),)))
    with pytest.raises(CheckpointError):
        train(replace(config, base=str(tmp_path / "absent")))
    with pytest.raises(ValueError, match="base is needed"):
        train(replace(config, base=None))
    with pytest.raises(ValueError, match="give demonstrations"):
        train(replace(config, demonstrations=()))
    assert not (home / "runs").exists()
    with pytest.raises(DataError, match="max_length 100 is more than the model's context of 64"):
        train(replace(config, max_length=100))
    with pytest.raises(ValueError, match="micro_batch_size 3 must divide"):
        train(replace(config, micro_batch_size=3), name="m")
    for change, message in [
        ({"epochs": 0}, "epochs must be positive"),
        ({"validation_fraction": 1.0}, "below 1"),
        ({"lora_rank": -1}, "lora_rank"),
    ]:
        with pytest.raises(ValueError, match=message):
            replace(config, **change)
