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
    accuracy = result.report["policy"]["comparison"]["reward_model"]["accuracy"]["value"]
    print(f"published agreement: {published['equal']} of {published['checked']} figures come out")
    print(f"reward model: accuracy {accuracy:.3f} on held-out pairs")
    print(f"report: {result.folder / 'report.html'}")
    for shortfall in result.shortfalls:
        print(f"NOT REACHED: {shortfall}")
    return 1 if result.shortfalls else 0
