"""`accord dpo`: train a policy on rankings directly."""

from cli.arguments import parse
from cli.training import run_training
from dpo.config import DPOConfig


def train(arguments: list[str]) -> int:
    """Handle `accord dpo train`."""
    config, options = parse(
        DPOConfig,
        arguments,
        command="dpo train",
        example="accord dpo train --config configs/dpo/small.yaml --policy SFT-RUN --comparisons SNAPSHOT",
    )
    from dpo.train import train as run
    from workbench.console import print_json

    result = run_training(run, config, options)
    if options.json:
        print_json({"run": result.folder.name, "checkpoint": str(result.checkpoint), **result.summary})
        return 0
    held_out = result.summary["dpo"]
    if held_out:
        print(
            f"held out: loss {held_out['loss']:.3f}, accuracy of implicit rewards {held_out['accuracy']:.3f}"
        )
    print(f"policy: {result.checkpoint}")
    return 0
