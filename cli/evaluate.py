"""`accord evaluate compare` and `accord evaluate frontier`."""

from typing import TYPE_CHECKING, Any

from cli.arguments import parse
from evaluation.config import CompareConfig, FrontierConfig
from workbench.console import print_json, say

if TYPE_CHECKING:
    from workbench.page import Page


def compare(arguments: list[str]) -> None:
    """Handle `accord evaluate compare`."""
    config, options = parse(
        CompareConfig,
        arguments,
        command="evaluate compare",
        example="accord evaluate compare --start SFT-RUN --policies dpo=DPO-RUN ppo=PPO-RUN --prompts prompts.jsonl "
        "--reward-models REWARD-RUN --base BASE-RUN",
    )
    from evaluation.compare import compare as compare_policies
    from evaluation.report import comparison_page

    def work() -> "tuple[dict[str, Any], Page]":
        compared = compare_policies(config)
        return compared.report, comparison_page(
            compared,
            title="Policies compared",
            shown_prompts=config.shown_prompts,
            footer="Made by accord evaluate.",
        )

    _run("evaluate-compare", config, options, work)


def frontier(arguments: list[str]) -> None:
    """Handle `accord evaluate frontier`."""
    config, options = parse(
        FrontierConfig,
        arguments,
        command="evaluate frontier",
        example="accord evaluate frontier --start SFT-RUN --runs PPO-RUN --prompts prompts.jsonl "
        "--reward-models REWARD-RUN",
    )
    from evaluation.frontier import frontier as measure
    from evaluation.frontier import frontier_page

    def work() -> "tuple[dict[str, Any], Page]":
        report = measure(config)
        return report, frontier_page(report)

    _run("evaluate-frontier", config, options, work)


def _run(stage: str, config: Any, options: Any, work: Any) -> None:
    """Open the run, measure unless it is finished, write report.html and report.json, and say where they are."""
    from workbench.artifacts import write_file_aside
    from workbench.runs import open_run

    with open_run(stage, config, name=options.run, fresh=options.fresh) as run:
        page = None
        if run.finished:
            say(f"run '{run.name}' is finished")
            result = run.result()
        else:
            report, page = work()
            with write_file_aside(run.folder / "report.html") as file:
                file.write(page.to_html().encode())
            result = run.finish(report)
    if options.json:
        print_json(dict(result.summary))
        return
    if page is not None:
        print(page.to_text(), end="")
    print(f"report: {result.folder / 'report.html'}")
