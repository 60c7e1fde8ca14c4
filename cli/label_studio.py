"""accord export label-studio and accord import label-studio: rank there, keep the labels here."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from cli.arguments import parse_plain
from cli.data import actor
from workbench.console import print_json, say
from workbench.errors import UsageError

if TYPE_CHECKING:
    from annotation.label_studio.pull import PullReport
    from annotation.label_studio.push import PushReport

_MAX_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class ExportLabelStudioArguments:
    """Send a project's comparisons to Label Studio, blinded and shuffled; the same command sends what is new since.

    With --url it makes the project there, or goes on with it. With a file it writes the tasks, and the layout beside
    them as .xml, to be loaded by hand. Nothing is sent twice.
    """

    file: Annotated[Path | None, tyro.conf.Positional] = None
    """Write the tasks to this file (.json) instead of a server."""
    project: str
    """The project to send."""
    url: str | None = None
    """Label Studio's address, such as https://labels.example.org."""
    token_env: str = "LABEL_STUDIO_API_KEY"
    """The environment variable that holds your token of Label Studio; its name is kept, the token never."""
    criterion: str = "helpful"
    """What is ranked by; each criterion has a project of its own in Label Studio."""
    layout: Literal["ranker", "pairwise"] = "ranker"
    """Tiers as buckets, or for comparisons of two: left, right or equally good."""
    tiers: int | None = None
    """Buckets of the ranker; by default as many as the largest comparison has completions, at most 9."""
    seed: int = 0
    """What the orders shown are drawn from."""
    webhook: str | None = None
    """This service's own address: Label Studio then says when something changed, and a pull follows."""
    anew: bool = False
    """Make a new project in Label Studio, where the old one is gone or should be left."""
    json: bool = False
    """Print one JSON object."""


def export_label_studio(arguments: list[str]) -> None:
    """Send a project to Label Studio, or write its tasks to a file."""
    config = parse_plain(
        ExportLabelStudioArguments,
        arguments,
        command="export label-studio",
        example="accord export label-studio --project helpful --url http://127.0.0.1:8080",
    )
    if (config.file is None) == (config.url is None):
        raise UsageError("give either --url or a file to write")
    from annotation.label_studio.link import LinkSettings
    from annotation.label_studio.push import plan_files, push
    from annotation.label_studio.server import Server
    from storage.database import open_database
    from storage.projects import get_project
    from workbench.artifacts import write_file_aside

    database = open_database()
    with database.reading() as session:
        project = get_project(session, config.project)
    settings = LinkSettings(
        criterion=config.criterion,
        layout=config.layout,
        tiers=config.tiers,
        seed=config.seed,
        token_env=config.token_env,
    )
    if config.url is not None:
        with Server(config.url, config.token_env) as server:
            report = push(
                database, project, server, settings, actor=actor(), anew=config.anew, webhook=config.webhook
            )
        _show_push(report, config, f"project {report.number} of {server.url}")
        return
    assert config.file is not None
    tasks, layout, report = plan_files(database, project, settings, actor=actor())
    for path, text in (
        (config.file, json.dumps(tasks, ensure_ascii=False, indent=1)),
        (config.file.with_suffix(".xml"), layout),
    ):
        with write_file_aside(path) as out:
            out.write(text.encode())
    _show_push(report, config, f"{config.file} (layout: {config.file.with_suffix('.xml')})")


@dataclass(frozen=True, kw_only=True)
class ImportLabelStudioArguments:
    """Bring a project's annotations back from Label Studio; what is known adds nothing, an edit is a new revision.

    Each annotation is checked for what Label Studio lets pass, and listed with the reason where it is rejected.
    """

    file: Annotated[Path | None, tyro.conf.Positional] = None
    """A JSON export of Label Studio's, for tasks that were loaded from a file."""
    project: str
    """The project to bring them into."""
    url: str | None = None
    """Which server, where the project is linked to several."""
    criterion: str | None = None
    """Which criterion, where several are linked."""
    full: bool = False
    """Look at every task again, not only at those that changed since the last pull."""
    json: bool = False
    """Print one JSON object."""


def import_label_studio(arguments: list[str]) -> None:
    """Pull annotations from Label Studio, or read an export of its."""
    config = parse_plain(
        ImportLabelStudioArguments,
        arguments,
        command="import label-studio",
        example="accord import label-studio --project helpful",
    )
    if config.file is not None and (config.url is not None or config.full):
        raise UsageError("a file is always read whole and belongs to no server: leave out --url and --full")
    from annotation.label_studio.server import clean_url
    from annotation.label_studio.sync import choose_link, pull, take_file
    from storage.database import open_database
    from storage.projects import get_project

    database = open_database()
    with database.reading() as session:
        project = get_project(session, config.project)
    url = "" if config.file is not None else clean_url(config.url) if config.url is not None else None
    link = choose_link(database, project, criterion=config.criterion, url=url)
    if config.file is not None:
        report = take_file(database, link, config.file, actor=actor())
    else:
        report = pull(database, link, actor=actor(), full=config.full)
    _show_pull(report, config)


def _show_push(report: "PushReport", config: ExportLabelStudioArguments, target: str) -> None:
    if config.json:
        print_json(report.to_json())
        return
    print(f"project '{config.project}' -> {target}: sent {report.sent}, already there {report.known}")
    if report.left_out:
        print(f"{report.left_out} comparisons left out: practice, or not of a size that the layout can show")
    print(f"next, when people have annotated: accord import label-studio --project {config.project}")


def _show_pull(report: "PullReport", config: ImportLabelStudioArguments) -> None:
    for rejection in report.rejected[:_MAX_SHOWN]:
        say(f"rejected: {rejection}")
    if len(report.rejected) > _MAX_SHOWN:
        say(f"rejected: {len(report.rejected) - _MAX_SHOWN} more; --json lists all")
    if config.json:
        print_json(report.to_json())
        return
    counts = report.counts
    print(
        f"project '{config.project}': {counts['ranked']} new rankings, {counts['skipped']} new skips, "
        f"{counts['revised']} revised, {counts['deleted']} deleted there and withdrawn here, "
        f"{counts['known']} already known"
    )
    if counts["foreign_tasks"]:
        print(f"{counts['foreign_tasks']} tasks are not ours and were left alone")
    if report.rejected:
        print(f"{len(report.rejected)} annotations rejected")
