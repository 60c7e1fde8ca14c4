"""A tiny world in files, for commands: checkpoints, rankings, demonstrations and prompts that train in seconds."""

import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.main import main
from tests.tiny_models import byte_tokenizer, tiny_model
from tests.words import WORDS
from workbench.checkpoints import CheckpointInfo, save_checkpoint
from workbench.jsonl import write_comparisons, write_demonstrations, write_prompts
from workbench.modeling.chat import template_hash
from workbench.modeling.heads import init_heads
from workbench.modeling.loading import load_sequence_classifier, save_model
from workbench.records import Comparison, Completion, Demonstration, Message, PromptRecord, Ranking


@pytest.fixture
def accord(home, capsys):
    """Run a command; returns exit code, stdout and stderr."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@dataclass(frozen=True)
class World:
    """Where everything is."""

    policy: Path
    reward: Path
    stories: Path
    demonstrations: Path
    comparisons: Path
    prompts: Path

    def commands(self) -> dict[str, list[str]]:
        """One short run of every trainer, without a name."""
        return {
            "pretrain": [
                "pretrain", "train", "--text", str(self.stories), "--vocab-size", "300", "--context", "64",
                "--hidden-size", "32", "--num-layers", "2", "--num-heads", "2", "--num-kv-heads", "1",
                "--intermediate-size", "64", "--tokens", "4096", "--batch-size", "8", "--compile", "off",
                "--validation-fraction", "0.1", "--device", "cpu",
            ],
            "sft": [
                "sft", "train", "--base", str(self.policy), "--demonstrations", str(self.demonstrations),
                "--epochs", "1", "--batch-size", "16", "--device", "cpu",
            ],
            "reward": [
                "reward", "train", "--base", str(self.policy), "--comparisons", str(self.comparisons),
                "--epochs", "1", "--batch-comparisons", "16", "--device", "cpu",
            ],
            "dpo": [
                "dpo", "train", "--policy", str(self.policy), "--comparisons", str(self.comparisons),
                "--epochs", "1", "--batch-comparisons", "16", "--device", "cpu",
            ],
            "ppo": [
                "ppo", "train", "--policy", str(self.policy), "--reward-models", str(self.reward),
                "--prompts", str(self.prompts), "--total-episodes", "32", "--batch-size", "16",
                "--max-new-tokens", "6", "--num-ppo-epochs", "1", "--num-mini-batches", "1", "--device", "cpu",
            ],
        }  # fmt: skip


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """The files of a world, made once."""
    root = tmp_path_factory.mktemp("world")
    chance, tokenizer = random.Random(0), byte_tokenizer()

    def words(count):
        return " ".join(chance.choice(WORDS) for _ in range(count))

    policy, reward = root / "policy", root / "reward"
    info = CheckpointInfo(stage="sft", run="policy", template_hash=template_hash(tokenizer))
    save_checkpoint(policy, info, lambda folder: save_model(folder, tiny_model(), tokenizer))
    scorer = load_sequence_classifier(policy, num_labels=1, device="cpu")
    scorer.config.pad_token_id = tokenizer.pad_token_id
    init_heads(scorer, seed=5)
    info = CheckpointInfo(
        stage="reward", run="reward", template_hash=template_hash(tokenizer),
        extra={"bias": 0.0, "temperature": 1.0, "heads": 1},
    )  # fmt: skip
    save_checkpoint(reward, info, lambda folder: save_model(folder, scorer, tokenizer))
    stories = root / "stories.jsonl"
    stories.write_text("".join(f'{{"text": "{words(20)} {i}."}}\n' for i in range(200)), encoding="utf-8")
    write_demonstrations(
        root / "demonstrations.jsonl",
        [
            Demonstration(f"d{i}", (Message("user", f"Tell {i}"), Message("assistant", words(4))))
            for i in range(40)
        ],
    )
    write_comparisons(
        root / "comparisons.jsonl",
        [
            Comparison(
                f"c{i:03}", f"Prompt {i}", tuple(Completion(f"{words(n)} {n}") for n in (2, 4, 3)),
                (Ranking(f"r{i}", f"a{i % 2}", (1, 3, 2)),),
            )
            for i in range(60)
        ],
    )  # fmt: skip
    write_prompts(
        root / "prompts.jsonl",
        [PromptRecord(f"p{i}", f"Say {i}", "evaluation" if i % 4 == 0 else "rl") for i in range(32)],
    )
    return World(
        policy,
        reward,
        stories,
        root / "demonstrations.jsonl",
        root / "comparisons.jsonl",
        root / "prompts.jsonl",
    )
