"""`accord sample`, `accord ppo train`, `accord chat` and `accord export merged`."""

import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated

import tyro

from cli.arguments import parse, parse_plain
from cli.data import actor
from cli.training import run_training
from policy.config import ChatConfig, PPOConfig, SampleConfig
from workbench.console import print_json, say


@dataclass(frozen=True, kw_only=True)
class SampleArguments(SampleConfig):
    """Sample K completions of each prompt from a checkpoint into a file of comparisons."""

    project: str | None = None
    """Import the comparisons into this project as well, where they wait to be ranked."""
    json: bool = False
    """Print the result as one JSON object."""


@dataclass(frozen=True, kw_only=True)
class MergeArguments:
    """Write the model that a LoRA checkpoint stands for as one whole model, which any library loads."""

    checkpoint: Annotated[str, tyro.conf.Positional]
    """The LoRA checkpoint: a folder, a run's name or the start of a hash."""
    output: Path
    """The folder to write."""
    json: bool = False
    """Print the result as one JSON object."""


def sample(arguments: list[str]) -> None:
    """Handle `accord sample`."""
    options = parse_plain(
        SampleArguments,
        arguments,
        command="sample",
        example="accord sample --checkpoint SFT-RUN --prompts prompts.jsonl --output samples.jsonl --seed 1",
    )
    if options.project is not None:
        from workflow.sampling import check_project

        check_project(options.project)
    from policy.sample import sample as sample_all

    result = sample_all(SampleConfig(**{f.name: getattr(options, f.name) for f in fields(SampleConfig)}))
    imported = None
    if options.project is not None:
        from workflow.sampling import import_samples

        imported = import_samples(result.output, options.project, actor=actor())
    if options.json:
        print_json({**asdict(result), "output": str(result.output), "imported": imported})
        return
    print(
        f"{result.completions:,} completions of {result.comparisons:,} prompts: {result.mean_tokens:.1f} tokens each, "
        f"{result.finished:.1%} ended by themselves\ncomparisons: {result.output}"
    )
    if options.project is not None:
        print(f"imported into project '{options.project}': {imported:,} new comparisons")


def ppo_train(arguments: list[str]) -> None:
    """Handle `accord ppo train`."""
    config, options = parse(
        PPOConfig,
        arguments,
        command="ppo train",
        example="accord ppo train --config configs/ppo/tiny.yaml --policy SFT-RUN --reward-models REWARD-RUN "
        "--prompts prompts.jsonl",
    )
    from policy.ppo import train

    result = run_training(train, config, options)
    if options.json:
        print_json({"run": result.folder.name, "checkpoint": str(result.checkpoint), **result.summary})
        return
    first, last, best = (result.summary[key] for key in ("first", "last", "best"))
    print(
        f"{result.summary['episodes']:,} completions in {result.summary['iterations']:,} iterations: score "
        f"{first['scores']:.3f} -> {last['scores']:.3f} at KL {last['kl']:.2f}"
    )
    if best is not None:
        print(f"best: iteration {best['iteration']}, score {best['scores']:.3f} at KL {best['kl']:.2f}")
    print(f"policy ({result.summary['kept']}): {result.checkpoint}")


def chat(arguments: list[str]) -> None:
    """Handle `accord chat`."""
    config = parse_plain(
        ChatConfig, arguments, command="chat", example="accord chat PPO-RUN --temperature 0.8"
    )
    from policy.chat import chat as converse

    def read() -> str | None:
        try:
            return input("> " if sys.stdin.isatty() else "")
        except EOFError:
            return None

    def write(text: str) -> None:
        print(text, end="", flush=True)

    say("an empty line or Ctrl-D ends, /new begins anew")
    converse(config, read, write)


def export_merged(arguments: list[str]) -> None:
    """Handle `accord export merged`."""
    options = parse_plain(
        MergeArguments,
        arguments,
        command="export merged",
        example="accord export merged PPO-RUN --output merged-policy",
    )
    from policy.merge import export_merged as merge

    digest = merge(options.checkpoint, options.output)
    if options.json:
        print_json({"output": str(options.output), "hash": digest})
        return
    print(f"merged model: {options.output} (hash {digest[:12]})")
