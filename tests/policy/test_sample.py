"""`accord sample`, chat and merging on a tiny model."""

import dataclasses
import json

import pytest
import torch
from peft import LoraConfig, get_peft_model

from cli.main import main
from policy.chat import chat
from policy.config import ChatConfig, SampleConfig
from policy.merge import export_merged
from policy.sample import _Part, sample
from workbench.checkpoints import CheckpointInfo, checkpoint_hash, read_checkpoint, save_checkpoint
from workbench.errors import AccordError, CheckpointError, DataError
from workbench.jsonl import read_comparisons
from workbench.modeling.loading import load_causal_lm, save_model


@pytest.fixture
def config(policy_folder, prompts_file, tmp_path):
    return SampleConfig(
        checkpoint=str(policy_folder), prompts=prompts_file, output=tmp_path / "out.jsonl", max_new_tokens=10,
        completions_per_prompt=3, batch_size=16, device="cpu", seed=5,
    )  # fmt: skip


def texts(path):
    return {c.id: [one.text for one in c.completions] for c in read_comparisons(path)}


def test_each_prompt_gets_k_completions_with_their_origin(config, policy_folder):
    result = sample(config)
    comparisons = list(read_comparisons(config.output))
    assert (result.comparisons, result.completions) == (24, 72) == (len(comparisons), 3 * len(comparisons))
    assert len({c.id for c in comparisons}) == 24
    notes = [one.sampling for c in comparisons for one in c.completions]
    assert {note["checkpoint"] for note in notes} == {checkpoint_hash(policy_folder)}
    assert len({note["seed"] for note in notes}) == 72
    assert {one.source for c in comparisons for one in c.completions} == {("tiny-sft",)}
    assert 0 < result.finished < 1
    assert all(note["tokens"] <= 10 and (note["finished"] or note["tokens"] == 10) for note in notes)


def test_completions_depend_on_seed_and_prompt_alone(config, tmp_path):
    sample(config)
    other_batches = dataclasses.replace(config, output=tmp_path / "b.jsonl", batch_size=5, use="reward")
    sample(other_batches)
    whole, part = texts(config.output), texts(other_batches.output)
    assert len(part) == 6 and all(whole[key] == value for key, value in part.items())
    other_seed = dataclasses.replace(config, output=tmp_path / "c.jsonl", seed=6)
    sample(other_seed)
    assert not set(texts(other_seed.output)) & set(whole)


def test_an_interrupted_sampling_goes_on_and_ends_with_the_same_bytes(config, tmp_path, monkeypatch):
    sample(config)
    expected = config.output.read_bytes()
    again = dataclasses.replace(config, output=tmp_path / "again.jsonl.gz", batch_size=2)
    extend = _Part.extend

    def stop_midway(self, comparisons):
        def some():
            for i, comparison in enumerate(comparisons):
                if i == 7:
                    raise KeyboardInterrupt
                yield comparison

        extend(self, some())

    monkeypatch.setattr(_Part, "extend", stop_midway)
    with pytest.raises(KeyboardInterrupt):
        sample(again)
    monkeypatch.undo()
    part = tmp_path / ".again.jsonl.part"
    assert part.read_bytes().count(b"\n") == 7 and not again.output.exists()
    with part.open("ab") as file:
        file.write(b'{"id": "cut sh')
    sample(again)
    assert [c for c in read_comparisons(again.output)] == [c for c in read_comparisons(config.output)]
    assert not part.exists()
    plain = dataclasses.replace(config, output=tmp_path / "plain.jsonl")
    sample(plain)
    assert plain.output.read_bytes() == expected


def test_what_cannot_be_sampled_is_refused(config):
    with pytest.raises(DataError, match="no prompt with the use 'sft'"):
        sample(dataclasses.replace(config, use="sft"))
    config.output.write_text("")
    with pytest.raises(AccordError, match="exists"):
        sample(config)
    with pytest.raises(CheckpointError, match="no checkpoint 'nowhere'"):
        sample(dataclasses.replace(config, checkpoint="nowhere", overwrite=True))


def test_a_prompt_beyond_the_context_is_named(config, tmp_path):
    long = tmp_path / "long.jsonl"
    long.write_text(json.dumps({"id": "p", "prompt": "the cat " * 100, "use": "rl"}) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="96 positions; shorten the prompt"):
        sample(dataclasses.replace(config, prompts=long))
    assert not config.output.exists()


def test_the_command_prints_one_json_object(config, capsys):
    flags = ["--checkpoint", config.checkpoint, "--prompts", str(config.prompts), "--output", str(config.output),
             "--max-new-tokens", "4", "--device", "cpu", "--json"]  # fmt: skip
    assert main(["sample", *flags]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["completions"] == 96 and printed["imported"] is None
    assert main(["sample", *flags]) == 1
    assert "exists" in capsys.readouterr().err


def test_project_imports_once_and_is_checked_before_sampling(config, home, capsys):
    flags = ["--checkpoint", config.checkpoint, "--prompts", str(config.prompts), "--output", str(config.output),
             "--max-new-tokens", "4", "--device", "cpu", "--use", "reward", "--project", "p", "--json"]  # fmt: skip
    assert main(["init"]) == 0
    assert main(["sample", *flags]) == 1
    assert not config.output.exists()
    assert main(["project", "create", "p"]) == 0
    capsys.readouterr()
    assert main(["sample", *flags]) == 0
    assert json.loads(capsys.readouterr().out)["imported"] == 6
    assert main(["sample", *flags, "--overwrite"]) == 0
    assert json.loads(capsys.readouterr().out)["imported"] == 0, "the same samples again add nothing"


def test_chat_streams_and_remembers(policy_folder):
    said = iter(["the cat", "a dog", "/new", "the cat", ""])
    pieces = []
    chat(
        ChatConfig(checkpoint=str(policy_folder), max_new_tokens=12, device="cpu"),
        lambda: next(said),
        pieces.append,
    )
    assert len(pieces) > 6, "written while it was drawn"
    assert "".join(pieces).count("\n") >= 3


def test_chat_drops_the_oldest_turns_when_room_is_short(policy_folder):
    said = iter(["the old hen sat on the red mat " * 2] * 4 + [""])
    pieces = []
    chat(
        ChatConfig(checkpoint=str(policy_folder), max_new_tokens=12, device="cpu"),
        lambda: next(said),
        pieces.append,
    )


def test_chat_says_that_a_message_is_too_long_and_goes_on(policy_folder, capsys):
    said, pieces = iter(["the old hen sat on the red mat " * 20, "the cat", ""]), []
    chat(ChatConfig(checkpoint=str(policy_folder), device="cpu"), lambda: next(said), pieces.append)
    assert "does not fit: the model has 96 positions" in capsys.readouterr().err
    assert "".join(pieces).count("\n") >= 1 and len(pieces) > 2, "the next one was answered"


def test_chat_leaves_room_for_the_message_in_a_small_model(policy_folder):
    said, pieces = iter(["the cat", ""]), []
    config = ChatConfig(checkpoint=str(policy_folder), device="cpu")
    assert config.max_new_tokens > 96, "more than the model has positions"
    chat(config, lambda: next(said), pieces.append)
    assert 2 < len(pieces) <= 96 // 2 + 2, "at most a piece a token, the rest of the text and a line's end"


def test_a_merged_model_is_the_adapter_and_its_base(tmp_path, policy_folder, tokenizer):
    adapted = get_peft_model(
        load_causal_lm(policy_folder, device="cpu"),
        LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"),
    )
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_()
    adapter = tmp_path / "adapter"
    info = CheckpointInfo(stage="ppo", run="r", tags={"a": "b"})
    save_checkpoint(adapter, info, lambda path: save_model(path, adapted, tokenizer))
    assert main(["export", "merged", str(adapter), "--output", str(tmp_path / "merged")]) == 0
    merged = read_checkpoint(tmp_path / "merged")
    assert merged.parents[0].hash == checkpoint_hash(adapter) and merged.tags == {"a": "b"}
    assert not (tmp_path / "merged" / "adapter_config.json").exists()
    ids = torch.tensor([[1, 30, 40]])
    one = load_causal_lm(tmp_path / "merged", device="cpu")(ids).logits
    torch.testing.assert_close(one, adapted(ids).logits, atol=1e-4, rtol=1e-4)
    with pytest.raises(CheckpointError, match="whole model already"):
        export_merged(policy_folder, tmp_path / "no")
