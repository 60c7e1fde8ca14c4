"""accord loop."""

from cli.arguments import parse_plain
from workflow.loop_config import LoopConfig


def loop(arguments: list[str]) -> int:
    """Run the loop on real data."""
    config = parse_plain(
        LoopConfig, arguments, command="loop", example="accord loop --shared ../shared --size small"
    )
    from workflow.loop import loop as run

    result = run(config)
    published = result.report["published"]
    print(f"published agreement: {published['equal']} of {published['checked']} figures come out")
    print(f"report: {result.folder / 'report.html'}")
    return 0 if published["equal"] == published["checked"] else 1
