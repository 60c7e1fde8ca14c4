"""`accord study simulate`: what a labeling study will give, tried on simulated annotators."""

from dataclasses import dataclass, field
from pathlib import Path

import tyro

from annotation.study_design import StudyDesign
from cli.arguments import parse_plain


@dataclass(frozen=True, kw_only=True)
class StudyArguments:
    """Try a labeling study on simulated annotators: agreement, widths of intervals, accuracy, time and cost."""

    design: tyro.conf.OmitArgPrefixes[StudyDesign] = field(default_factory=StudyDesign)
    comparisons: Path | None = None
    """Write the first simulated study as comparisons.jsonl; its rankings are marked as simulated."""
    html: Path | None = None
    """Write the figures as one HTML page."""
    json: bool = False
    """Print the figures as one JSON object."""


def simulate(arguments: list[str]) -> int:
    """Handle `accord study simulate`."""
    options = parse_plain(
        StudyArguments,
        arguments,
        command="study simulate",
        example="accord study simulate --prompts 400 --annotators 8 --overlap 3 --policy sequential",
    )

    from annotation.study import simulate_study
    from annotation.study_report import study_page
    from workbench.artifacts import write_file_aside
    from workbench.console import print_json, say
    from workbench.jsonl import write_comparisons

    study = simulate_study(options.design)
    page = study_page(study)
    if options.comparisons is not None:
        write_comparisons(options.comparisons, study.comparisons)
        say(f"comparisons: {options.comparisons}")
    if options.html is not None:
        with write_file_aside(options.html) as file:
            file.write(page.to_html().encode())
        say(f"report: {options.html}")
    if options.json:
        print_json(study.to_json())
    else:
        print(page.to_text(), end="")
    return 0
