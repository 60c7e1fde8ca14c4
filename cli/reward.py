"""`accord reward`: train a reward model, judge it, score with it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from cli.arguments import parse, parse_plain
from cli.training import run_training
from reward.config import RewardConfig


@dataclass(frozen=True, kw_only=True)
class EvaluateArguments:
    """Accuracy, log-loss and calibration of a reward model on labels that it did not learn from."""

    checkpoint: Annotated[str, tyro.conf.Positional]
    """The reward model: a folder, a run's name or the start of a hash."""
    comparisons: Annotated[str, tyro.conf.Positional]
    """A snapshot, of which one split is taken, or a comparisons.jsonl, taken whole."""
    split: str = "test"
    """Split of the snapshot: validation or test."""
    criterion: str | None = None
    """The criterion, where a file has more than one."""
    json: bool = False
    """Print the result as one JSON object."""


@dataclass(frozen=True, kw_only=True)
class ScoreArguments:
    """Scores of every completion of a comparisons.jsonl, one line a comparison."""

    checkpoint: Annotated[str, tyro.conf.Positional]
    """The reward model: a folder, a run's name or the start of a hash."""
    comparisons: Annotated[Path, tyro.conf.Positional]
    """The comparisons.jsonl (.gz); rankings are not needed."""
    out: Path = Path("scores.jsonl")
    """Where to write the scores."""
    json: bool = False
    """Print what was written as one JSON object."""


def train(arguments: list[str]) -> int:
    """Handle `accord reward train`."""
    config, options = parse(
        RewardConfig,
        arguments,
        command="reward train",
        example="accord reward train --config configs/reward/small.yaml --base SFT-RUN --comparisons SNAPSHOT",
    )
    from reward.train import train as run
    from workbench.console import print_json

    result = run_training(run, config, options)
    if options.json:
        print_json({"run": result.folder.name, "checkpoint": str(result.checkpoint), **result.summary})
        return 0
    print(_told(result.summary["reward_model"]))
    print(f"reward model: {result.checkpoint}")
    return 0


def evaluate(arguments: list[str]) -> int:
    """Handle `accord reward evaluate`."""
    options = parse_plain(
        EvaluateArguments,
        arguments,
        command="reward evaluate",
        example="accord reward evaluate reward-3f2a91c0de SNAPSHOT --split test",
    )
    from reward.evaluate import evaluate as run
    from workbench.console import print_json

    result = run(options.checkpoint, options.comparisons, split=options.split, criterion=options.criterion)
    if options.json:
        print_json(result)
    else:
        print(f"split {result['split']}: {result['data']['comparisons_used']} comparisons")
        print(_told(result["reward_model"]))
    return 0


def score(arguments: list[str]) -> int:
    """Handle `accord reward score`."""
    options = parse_plain(
        ScoreArguments,
        arguments,
        command="reward score",
        example="accord reward score reward-3f2a91c0de samples.jsonl --out scores.jsonl",
    )
    from reward.evaluate import score_file
    from workbench.artifacts import write_file_aside
    from workbench.console import print_json

    count = 0
    with write_file_aside(options.out) as file:
        for line in score_file(options.checkpoint, str(options.comparisons)):
            file.write((json.dumps(line, allow_nan=False) + "\n").encode())
            count += 1
    if options.json:
        print_json({"comparisons": count, "file": str(options.out)})
    else:
        print(f"{count} comparisons scored: {options.out}")
    return 0


def _told(measured: dict[str, Any]) -> str:
    from workbench.statistics.estimates import Estimate

    rows = (
        ("accuracy", "accuracy"),
        ("ceiling", "label ceiling"),
        ("log_loss", "log-loss"),
        ("ece", "calibration error"),
    )
    return "\n".join(f"{words:18} {Estimate.from_json(measured[key]).format(3)}" for key, words in rows)
