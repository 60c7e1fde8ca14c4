"""`accord agreement`: how far annotators agree, from a project or a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from cli.arguments import parse_plain
from workbench.errors import UsageError

if TYPE_CHECKING:
    from annotation.agreement import Agreement


@dataclass(frozen=True, kw_only=True)
class AgreementArguments:
    """How much annotators agree, who disagrees, on what, whether it is enough, and what to do; with intervals."""

    file: Annotated[Path | None, tyro.conf.Positional] = None
    """A comparisons.jsonl file (.gz too)."""
    project: str | None = None
    """A project of the database, in place of a file; the service shows its report from then on."""
    by: Annotated[tuple[str, ...], tyro.conf.arg(metavar="TAG")] = ()
    """Tags to slice by; without it, tags of 2 to 12 values are."""
    bootstrap: int = 1000
    """Resamples of the prompts behind the intervals; 0 for none."""
    interval: Literal["percentile", "bca"] = "percentile"
    """How intervals are read off the resamples; bca corrects for bias and skew."""
    seed: int = 0
    """Seed of the resamples."""
    html: Path | None = None
    """Write the report as one HTML page."""
    markdown: Path | None = None
    """Write the report as Markdown."""
    json: bool = False
    """Print the report as one JSON object."""


def agreement(arguments: list[str]) -> int:
    """Handle `accord agreement`."""
    options = parse_plain(
        AgreementArguments,
        arguments,
        command="agreement",
        example="accord agreement comparisons.jsonl --by language --html agreement.html",
    )
    if (options.file is None) == (options.project is None):
        raise UsageError("give a file or --project NAME, one of the two")

    from annotation.report import agreement_page
    from workbench.artifacts import write_file_aside
    from workbench.console import print_json, say

    result = _measure(options)
    page = agreement_page(result)
    for path, write in ((options.html, page.to_html), (options.markdown, page.to_markdown)):
        if path is not None:
            with write_file_aside(path) as file:
                file.write(write().encode())
            say(f"report: {path}")
    if options.json:
        print_json(result.to_json())
    else:
        print(page.to_text(), end="")
    return 0


def _measure(options: AgreementArguments) -> "Agreement":
    from annotation.agreement import measure_agreement
    from annotation.agreement_store import refresh_agreement
    from storage.database import open_database
    from storage.projects import get_project
    from workbench.statistics.pair_files import read_pairs

    how: dict[str, Any] = {
        "by": options.by,
        "draws": options.bootstrap,
        "seed": options.seed,
        "method": options.interval,
    }
    if options.file is not None:
        return measure_agreement(read_pairs(options.file), source=options.file.name, **how)
    database = open_database()
    with database.reading() as session:
        project = get_project(session, str(options.project))
    # The service shows a project's last computed agreement.
    return refresh_agreement(database, project.id, **how)
