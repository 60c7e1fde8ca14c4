"""Push: comparisons into a project of Label Studio, each one once."""

from dataclasses import dataclass
from typing import Any

from annotation.label_studio.layout import label_config
from annotation.label_studio.link import LinkSettings, ensure_link, ensure_project, set_webhook
from annotation.label_studio.plan import find_sent, make_plan, mark_sent, next_batch, tasks_of
from annotation.label_studio.server import Server
from storage import audit
from storage.database import Database
from storage.label_studio import all_tasks, count_tasks, get_link, unsent_tasks
from storage.locks import Check, alone
from storage.projects import ProjectRecord
from workbench.errors import DataError


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
    link_id = ensure_link(database, project, server.url, settings, anew)
    number, created = ensure_project(database, project, link_id, server)
    with database.reading() as session:
        known = count_tasks(session, link_id) - len(unsent_tasks(session, link_id))
        interrupted = bool(unsent_tasks(session, link_id))
    if interrupted:
        known += find_sent(database, link_id, server.tasks(number))
    left_out = make_plan(database, link_id)
    sent = 0
    while batch := next_batch(database, link_id):
        check()
        numbers = server.add_tasks(number, list(batch.values()))
        if len(numbers) != len(batch):
            raise DataError(
                f"{server.url} took {len(batch)} tasks and names {len(numbers)} of them. Run the command again: it "
                "looks at what is there first, and sends nothing twice"
            )
        mark_sent(database, link_id, dict(zip(batch, numbers, strict=True)))
        sent += len(batch)
    if webhook is not None:
        set_webhook(
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
    link_id = ensure_link(database, project, "", settings, anew=False)
    with database.reading() as session:
        known = count_tasks(session, link_id)
    left_out = make_plan(database, link_id)
    with database.reading() as session:
        link = get_link(session, link_id)
        rows = all_tasks(session, link_id)
        tasks = [{"data": data} for data in tasks_of(session, link, rows).values()]
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
