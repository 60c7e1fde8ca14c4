"""accord lineage."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from cli.arguments import parse_plain


@dataclass(frozen=True, kw_only=True)
class LineageArguments:
    """From a checkpoint back to its labels: parents, snapshots, annotators and guideline versions, each verified."""

    checkpoint: Annotated[str, tyro.conf.Positional]
    """A checkpoint folder, a run name, or the start of a checkpoint's hash."""
    json: bool = False
    """Print the tree as one JSON object."""


def lineage(arguments: list[str]) -> None:
    """Print the tree behind a checkpoint."""
    config = parse_plain(LineageArguments, arguments, command="lineage", example="accord lineage demo-ppo")
    from rich.console import Console

    from workbench.console import print_json
    from workflow.lineage import draw, trace

    node = trace(config.checkpoint)
    if config.json:
        print_json(node.to_json())
    else:
        Console().print(draw(node))
