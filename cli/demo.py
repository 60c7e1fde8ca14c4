"""`accord demo`: the whole loop on little stories with simulated annotators."""

from dataclasses import dataclass
from typing import Literal

from cli.arguments import parse
from workbench.console import print_json, say
from workbench.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class DemoArguments:
    """The whole loop on little stories, with simulated annotators, on two cores.

    The same command goes on after an interruption, and says at once where the report is when it has ended.
    """

    size: Literal["full", "small"] = "full"
    """full is the demo; small runs the same stages in a few minutes and shows only that they work."""
    seed: int = 0
    """Of everything: corpus, weights, samples, annotators."""
    seeds: int = 1
    """Repeat the demo with this many seeds, from `seed` on, and report means over them."""


def demo(arguments: list[str]) -> int:
    """Handle `accord demo`."""
    config, options = parse(DemoArguments, arguments, command="demo", example="accord demo")
    if config.seeds < 1:
        raise UsageError(f"--seeds must be at least 1, got {config.seeds}")
    from workflow.demo import demo as run_demo
    from workflow.demo_config import DemoConfig
    from workflow.demo_seeds import over_seeds, seeds_text, summary_text, write_seeds_report

    name = options.run or "demo"
    results = []
    for i in range(config.seeds):
        results.append(
            run_demo(
                DemoConfig(size=config.size, seed=config.seed + i),
                name=name if i == 0 else f"{name}-seed-{config.seed + i}",
                fresh=options.fresh,
            )
        )
        if not options.json:
            print(summary_text(results[-1].summary))
            print(f"report: {results[-1].folder / 'report.html'}")
    report = dict(results[0].summary) if config.seeds == 1 else over_seeds([r.summary for r in results])
    if config.seeds > 1:
        path = write_seeds_report(results[0].folder, report)
        if not options.json:
            print(seeds_text(report))
        say(f"the same as JSON: {path}")
    if name == "demo" and not options.json:
        print(
            "rank the stories by hand, and see how far you agree: accord serve --demo (or make serve ARGS=--demo)"
        )
    if options.json:
        print_json(report)
    return 0
