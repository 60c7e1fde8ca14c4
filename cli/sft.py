"""`accord sft train`."""

from cli.arguments import parse
from cli.training import run_training
from policy.sft_config import SFTConfig
from workbench.console import print_json


def train(arguments: list[str]) -> None:
    """Fine-tune a base model on demonstrations."""
    config, options = parse(
        SFTConfig,
        arguments,
        command="sft train",
        example="accord sft train --config configs/sft/tiny.yaml --base my-base --demonstrations demonstrations.jsonl",
    )
    from policy.sft import train as train_model

    result = run_training(train_model, config, options)
    if options.json:
        print_json({"run": result.folder.name, "checkpoint": str(result.checkpoint), **result.summary})
        return
    summary = result.summary
    held_out = summary.get("validation_loss")
    measured = "" if held_out is None else f", held-out loss {held_out:.3f}"
    print(
        f"{summary['demonstrations']:,} demonstrations, {summary['steps']:,} steps in {summary['seconds']:.0f} s: "
        f"loss {summary['loss']:.3f}{measured}"
    )
    print(f"policy: {result.checkpoint}")
