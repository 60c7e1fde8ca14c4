"""A link's pull, from its server or from a file that Label Studio exported."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from annotation.label_studio.pull import PullReport, take_tasks
from annotation.label_studio.server import Server
from storage.database import Database
from storage.label_studio import get_link, open_links
from storage.projects import ProjectRecord
from workbench.errors import DataError

PULL_JOB = "label-studio-pull"
"""The kind of job that a webhook asks for; its payload names the link."""

_OVERLAP = timedelta(seconds=60)
"""A change is stamped before it can be seen: each pull looks a little further back than the last one saw."""


def pull(database: Database, link_id: int, *, actor: str, full: bool = False) -> PullReport:
    """Bring in what changed in Label Studio since the last pull; with `full`, look at every task again."""
    with database.reading() as session:
        link = get_link(session, link_id)
        url, number, token_env, pulled_to = link.url, link.number, link.token_env, link.pulled_to
    if number is None:
        raise DataError(
            "this link has no project in Label Studio yet; 'accord export label-studio --project P --url U' makes it"
        )
    since = None if full or pulled_to is None else datetime.fromisoformat(pulled_to) - _OVERLAP
    seen = _Newest(pulled_to)
    with Server(url, token_env) as server:
        tasks = seen.watch(server.tasks(number, since=since))
        report = take_tasks(database, link_id, tasks, actor=actor, complete=True)
    # Only now is everything in: a pull that broke off begins again where the one before it ended.
    with database.writing() as session:
        get_link(session, link_id).pulled_to = seen.text
    return report


def run_pull_job(database: Database, payload: Mapping[str, Any]) -> None:
    """Do the work of a `PULL_JOB`."""
    pull(database, int(payload["link"]), actor="label studio webhook")


def take_file(database: Database, link_id: int, path: Path, *, actor: str) -> PullReport:
    """Bring in the annotations of a JSON file that Label Studio exported."""
    return take_tasks(database, link_id, read_export(path), actor=actor, complete=False)


def read_export(path: Path) -> list[Mapping[str, Any]]:
    """The tasks of a JSON export; DataError where the file is none."""
    try:
        tasks = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}. Export the project in the format JSON") from error
    if not isinstance(tasks, list) or not all(isinstance(task, Mapping) for task in tasks):
        raise DataError(f"{path} is no list of tasks. Export the project in the format JSON")
    if tasks and not any("annotations" in task for task in tasks):
        raise DataError(
            f"no task of {path} has annotations: it looks like JSON-MIN, which does not say who made what. Export the "
            "project in the format JSON"
        )
    return tasks


def choose_link(database: Database, project: ProjectRecord, *, criterion: str | None, url: str | None) -> int:
    """The id of the one open link that fits: of a server, of that server, or where `url` is empty of files."""
    with database.reading() as session:
        found = {
            link.id: f"--criterion {link.criterion} at {link.url or 'files'}"
            for link in open_links(session, project.id, criterion)
            if (link.url == url if url is not None else link.url)
        }
    if not found:
        raise DataError(
            f"project '{project.name}' has no such link to Label Studio; 'accord export label-studio' makes one"
        )
    if len(found) > 1:
        raise DataError(
            f"project '{project.name}' has several links to Label Studio; choose one of {', '.join(found.values())}"
        )
    return next(iter(found))


class _Newest:
    """The latest change among the tasks that went by, in the server's own words."""

    def __init__(self, text: str | None) -> None:
        self.text = text

    def watch(self, tasks: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for task in tasks:
            text = task.get("updated_at")
            if isinstance(text, str) and (self.text is None or _later(text, self.text)):
                self.text = text
            yield task


def _later(one: str, other: str) -> bool:
    return datetime.fromisoformat(one) > datetime.fromisoformat(other)
