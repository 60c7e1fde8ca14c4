"""Push: comparisons into a project of Label Studio, each one once."""

import hashlib
import html
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from annotation.label_studio.layout import MOST_TIERS, label_config
from annotation.label_studio.server import Server
from annotation.label_studio.tasks import Shown, draw, fits, key_of, task_data
from storage import audit
from storage.database import Database
from storage.guidelines import current_guideline
from storage.label_studio import (
    all_tasks,
    comparisons_by_record,
    comparisons_without_task,
    count_tasks,
    get_link,
    greatest_overlap,
    largest_comparison,
    open_links,
    tasks_by_key,
    unsent_tasks,
)
from storage.locks import Check, alone
from storage.projects import ProjectRecord, lock_project
from storage.tables import LabelStudioProject, LabelStudioTask
from workbench.errors import DataError

_BATCH = 250


@dataclass(frozen=True, kw_only=True)
class LinkSettings:
    """How a project is linked; read when the link is made, and compared with it later."""

    criterion: str = "helpful"
    layout: str = "ranker"
    tiers: int | None = None
    """Buckets; None: as many as the largest comparison has completions, at most 9."""
    seed: int = 0
    token_env: str = "LABEL_STUDIO_API_KEY"


@dataclass(frozen=True, kw_only=True)
class PushReport:
    """What a push did."""

    link: int
    number: int | None
    """The project's number in Label Studio."""
    created: bool
    sent: int
    known: int
    left_out: int
    """Comparisons that the layout cannot show."""

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {
            "link": self.link,
            "label_studio_project": self.number,
            "created": self.created,
            "sent": self.sent,
            "known": self.known,
            "left_out": self.left_out,
        }


def push(
    database: Database,
    project: ProjectRecord,
    server: Server,
    settings: LinkSettings,
    *,
    actor: str,
    anew: bool = False,
    webhook: str | None = None,
) -> PushReport:
    """Make the project in Label Studio, or go on with it, and send it the comparisons that it does not have.

    Each batch is planned here, sent, and only then marked as sent. A push that was cut short between the two looks
    into the server's own list first, so that nothing is there twice. One push of a project goes on at a time:
    DataError where another does.
    """
    with alone(database, f"push-{project.id}", what=f"a push of '{project.name}' to Label Studio") as check:
        return _push(database, project, server, settings, check, actor=actor, anew=anew, webhook=webhook)


def _push(
    database: Database,
    project: ProjectRecord,
    server: Server,
    settings: LinkSettings,
    check: Check,
    *,
    actor: str,
    anew: bool,
    webhook: str | None,
) -> PushReport:
    link_id = _ensure_link(database, project, server.url, settings, anew)
    number, created = _ensure_project(database, project, link_id, server)
    with database.reading() as session:
        known = count_tasks(session, link_id) - len(unsent_tasks(session, link_id))
        interrupted = bool(unsent_tasks(session, link_id))
    if interrupted:
        known += _find_sent(database, link_id, server.tasks(number))
    left_out = _plan(database, link_id)
    sent = 0
    while batch := _unsent(database, link_id):
        check()
        numbers = server.add_tasks(number, list(batch.values()))
        if len(numbers) != len(batch):
            raise DataError(
                f"{server.url} took {len(batch)} tasks and names {len(numbers)} of them. Run the command again: it "
                "looks at what is there first, and sends nothing twice"
            )
        _mark(database, link_id, dict(zip(batch, numbers, strict=True)))
        sent += len(batch)
    if webhook is not None:
        _set_webhook(
            database, link_id, number, server, f"{webhook.rstrip('/')}/webhooks/label-studio/{link_id}"
        )
    report = PushReport(
        link=link_id, number=number, created=created, sent=sent, known=known, left_out=left_out
    )
    with database.writing() as session:
        audit.record(session, actor, "push to label studio", f"project:{project.id}", report.to_json())
    return report


def plan_files(
    database: Database, project: ProjectRecord, settings: LinkSettings, *, actor: str
) -> tuple[list[dict[str, Any]], str, PushReport]:
    """The tasks and the XML of a project that travels as files: the same each time, plus what is new."""
    link_id = _ensure_link(database, project, "", settings, anew=False)
    with database.reading() as session:
        known = count_tasks(session, link_id)
    left_out = _plan(database, link_id)
    with database.reading() as session:
        link = get_link(session, link_id)
        rows = all_tasks(session, link_id)
        tasks = [{"data": data} for data in _data(session, link, rows).values()]
        config = label_config(link.layout, link.tiers)
    report = PushReport(
        link=link_id,
        number=None,
        created=known == 0,
        sent=len(tasks) - known,
        known=known,
        left_out=left_out,
    )
    with database.writing() as session:
        audit.record(session, actor, "export label studio", f"project:{project.id}", report.to_json())
    return tasks, config, report


def _ensure_link(
    database: Database, project: ProjectRecord, url: str, settings: LinkSettings, anew: bool
) -> int:
    with database.writing() as session:
        lock_project(session, project.id)
        found = [link for link in open_links(session, project.id, settings.criterion) if link.url == url]
        if found and anew:
            for link in found:
                link.closed_at = datetime.now(UTC)
            found = []
        if found:
            _check_same(found[0], settings)
            found[0].token_env = settings.token_env
            return found[0].id
        largest = largest_comparison(session, project.id)
        tiers = settings.tiers or min(max(largest, 2), MOST_TIERS)
        if not 2 <= tiers <= MOST_TIERS:
            raise DataError(f"--tiers must be 2 to {MOST_TIERS}, got {tiers}")
        link = LabelStudioProject(
            project_id=project.id,
            url=url,
            criterion=settings.criterion,
            layout=settings.layout,
            tiers=tiers,
            seed=settings.seed,
            token_env=settings.token_env,
        )
        session.add(link)
        session.flush()
        return link.id


def _check_same(link: LabelStudioProject, settings: LinkSettings) -> None:
    asked = {"layout": settings.layout, "seed": settings.seed, "tiers": settings.tiers or link.tiers}
    for name, value in asked.items():
        if getattr(link, name) != value:
            raise DataError(
                f"this project is linked with {name} {getattr(link, name)}, and {value} was asked for; labels of two "
                f"layouts do not mix. Leave --{name} out, or begin anew with --anew"
            )


def _ensure_project(
    database: Database, project: ProjectRecord, link_id: int, server: Server
) -> tuple[int, bool]:
    with database.reading() as session:
        link = get_link(session, link_id)
        guideline = current_guideline(session, project.id)
        overlap = greatest_overlap(session, project.id)
        number, shown = link.number, link.guidelines[-1][1] if link.guidelines else None
        config, marker = label_config(link.layout, link.tiers), _marker(link)
        # Label Studio wants three characters or more, and fifty at most.
        title = f"{project.name} ({link.criterion})"[:50].ljust(3, ".")
    # Label Studio renders the instruction as HTML; ours is Markdown, which reads well as it stands.
    text = (
        "" if guideline is None else f'<pre style="white-space: pre-wrap">{html.escape(guideline.text)}</pre>'
    )
    created = number is None
    if number is None:
        # A push may have been cut short after the server made the project and before that was written here.
        number = server.find_project(marker) or server.create_project(title, config, overlap, text, marker)
    elif not server.has_project(number):
        raise DataError(
            f"project {number} is gone from {server.url}; 'accord export label-studio --anew' makes a new one, and "
            "what was pulled from the old one stays"
        )
    else:
        server.update_project(number, overlap, text)
    with database.writing() as session:
        link = get_link(session, link_id)
        link.number = number
        if guideline is not None and guideline.version != shown:
            link.guidelines = [*link.guidelines, [datetime.now(UTC).isoformat(), guideline.version]]
    return number, created


def _marker(link: LabelStudioProject) -> str:
    """What the project's description says, so that it is found again: the same each time, and no other link's."""
    made = f"{link.id} {link.project_id} {link.created_at.isoformat()} {link.seed}"
    return f"Accord {hashlib.sha256(made.encode()).hexdigest()[:20]}"


def _plan(database: Database, link_id: int) -> int:
    """Draw how each new comparison is shown; returns how many the layout cannot show."""
    left_out = 0
    with database.writing() as session:
        link = get_link(session, link_id)
        lock_project(session, link.project_id)
        for page in comparisons_without_task(session, link):
            for comparison_id, comparison in page:
                if not fits(comparison, link.layout):
                    left_out += 1
                    continue
                shown = draw(comparison, link.seed)
                session.add(
                    LabelStudioTask(
                        link_id=link_id,
                        comparison_id=comparison_id,
                        key=shown.key,
                        order=list(shown.order),
                        item_ids=list(shown.item_ids),
                    )
                )
            session.flush()
    return left_out


def _find_sent(database: Database, link_id: int, tasks: Any) -> int:
    """Mark the planned tasks that the server turns out to have; returns how many."""
    numbers = {key: int(task["id"]) for task in tasks if (key := key_of(task))}
    with database.reading() as session:
        missing = {task.key for task in unsent_tasks(session, link_id)}
    found = {key: number for key, number in numbers.items() if key in missing}
    _mark(database, link_id, found)
    return len(found)


def _unsent(database: Database, link_id: int) -> dict[str, dict[str, Any]]:
    """The next batch to send, by key."""
    with database.reading() as session:
        link = get_link(session, link_id)
        rows = unsent_tasks(session, link_id)[:_BATCH]
        return {key: {"data": data} for key, data in _data(session, link, rows).items()}


def _data(
    session: Session, link: LabelStudioProject, rows: Sequence[LabelStudioTask]
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        comparisons = comparisons_by_record(session, link.project_id, [row.comparison_id for row in part])
        for row in part:
            shown = Shown(key=row.key, order=tuple(row.order), item_ids=tuple(row.item_ids))
            found[row.key] = task_data(comparisons[row.comparison_id], shown, link.layout)
    return found


def _mark(database: Database, link_id: int, numbers: Mapping[str, int]) -> None:
    with database.writing() as session:
        for key, task in tasks_by_key(session, link_id, numbers).items():
            task.number = numbers[key]


def _set_webhook(database: Database, link_id: int, number: int, server: Server, url: str) -> None:
    secret = secrets.token_urlsafe(32)
    server.ensure_webhook(number, url, secret)
    with database.writing() as session:
        get_link(session, link_id).webhook_hash = hash_secret(secret)


def hash_secret(secret: str) -> str:
    """What is kept of a webhook's secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
