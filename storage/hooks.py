"""Webhooks: who is told, what waits to be told, and what became of it. Told in order, one webhook at a time."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, cast, exists, func, literal, select, text, update
from sqlalchemy.orm import Session

from storage import audit
from storage.submissions import last_submission
from storage.tables import Annotator, Comparison, Submission, Webhook, WebhookEvent
from storage.tables.hooks import WAITING
from workbench.errors import DataError

EVENTS = ("submission.created", "dispute.ended", "labels.withdrawn", "guideline.changed", "project.changed")
MOST_WEBHOOKS = 20
_BATCH = 1000
RETRIES = (5, 30, 120, 600, 3600, 6 * 3600, 12 * 3600)
"""Seconds to wait after each failure; after the last one the event is given up, and the next is told."""


@dataclass(frozen=True, kw_only=True)
class HookRecord:
    """A webhook."""

    id: int
    project_id: int
    url: str
    events: tuple[str, ...]
    nonce: str
    first_submission: int
    waiting: int
    last_error: str | None


@dataclass(frozen=True, kw_only=True)
class EventRecord:
    """One event on its way."""

    id: int
    kind: str
    body: Mapping[str, Any]
    created_at: datetime
    attempts: int
    next_at: datetime


def add_webhook(session: Session, project_id: int, url: str, events: Sequence[str], *, actor: str) -> int:
    """Tell this address of a project's events from now on; returns its id."""
    unknown = [event for event in events if event not in EVENTS]
    if unknown or not events:
        raise DataError(
            f"choose events among {', '.join(EVENTS)}, got {', '.join(events) or 'none'}", code="events"
        )
    if len(list_webhooks(session, project_id)) >= MOST_WEBHOOKS:
        raise DataError(
            f"a project has at most {MOST_WEBHOOKS} webhooks; remove one first",
            code="most_webhooks",
            most=MOST_WEBHOOKS,
        )
    row = Webhook(
        project_id=project_id,
        url=url,
        events=list(events),
        nonce=secrets.token_hex(16),
        first_submission=last_submission(session) + 1,
    )
    session.add(row)
    session.flush()
    audit.record(session, actor, "add webhook", f"webhook:{row.id}", {"url": url, "events": list(events)})
    return row.id


def remove_webhook(session: Session, project_id: int, webhook_id: int, *, now: datetime, actor: str) -> None:
    """Tell it nothing more, not even what waits."""
    row = session.get(Webhook, webhook_id)
    if row is None or row.project_id != project_id or row.removed_at is not None:
        raise DataError(f"no webhook {webhook_id} in this project")
    row.removed_at = now
    waiting = update(WebhookEvent).where(WebhookEvent.webhook_id == webhook_id, text(WAITING))
    session.execute(waiting.values(given_up_at=now))
    audit.record(session, actor, "remove webhook", f"webhook:{row.id}", {})
    session.flush()


def list_webhooks(session: Session, project_id: int | None = None) -> list[HookRecord]:
    """The webhooks of a project, or all."""
    waiting = (
        select(func.count())
        .select_from(WebhookEvent)
        .where(WebhookEvent.webhook_id == Webhook.id, text(WAITING))
        .scalar_subquery()
    )
    error = (
        select(WebhookEvent.error)
        .where(WebhookEvent.webhook_id == Webhook.id, WebhookEvent.error.is_not(None), text(WAITING))
        .order_by(WebhookEvent.id)
        .limit(1)
        .scalar_subquery()
    )
    query = select(Webhook, waiting, error).where(Webhook.removed_at.is_(None)).order_by(Webhook.id)
    if project_id is not None:
        query = query.where(Webhook.project_id == project_id)
    return [
        HookRecord(
            id=row.id,
            project_id=row.project_id,
            url=row.url,
            events=tuple(row.events),
            nonce=row.nonce,
            first_submission=row.first_submission,
            waiting=count,
            last_error=problem,
        )
        for row, count, problem in session.execute(query)
    ]


def tell(
    session: Session, project_id: int, kind: str, subject: str, body: Mapping[str, Any], *, now: datetime
) -> None:
    """Queue an event for every webhook of the project that wants it, in the transaction that made it happen."""
    hooks = select(Webhook).where(Webhook.project_id == project_id, Webhook.removed_at.is_(None))
    for hook in session.scalars(hooks):
        if kind in hook.events:
            session.add(
                WebhookEvent(
                    webhook_id=hook.id,
                    kind=kind,
                    subject=subject,
                    body=dict(body),
                    created_at=now,
                    next_at=now,
                )
            )


def tell_submissions(session: Session, hook: HookRecord, first: int) -> int:
    """Queue the submissions of ids from `first` that the webhook has not been told of; returns how far it has looked.

    Read from the table and not written while submitting: annotators never wait for a webhook.
    """
    newest = last_submission(session)
    told = exists().where(
        WebhookEvent.webhook_id == hook.id,
        WebhookEvent.subject == literal("submission:") + cast(Submission.id, String),
    )
    query = (
        select(Submission, Comparison.record_id, Annotator.pseudonym)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .join(Annotator, Annotator.id == Submission.annotator_id)
        .where(
            Submission.id >= first,
            Submission.origin == "service",
            Comparison.project_id == hook.project_id,
            ~told,
        )
        .order_by(Submission.id)
        .limit(_BATCH)
    )
    rows = session.execute(query).all()
    for row, comparison, pseudonym in rows:
        body = {
            "submission": row.id,
            "comparison": comparison,
            "annotator": pseudonym,
            "outcome": row.outcome,
            "revision": row.revision,
            "at": row.at,
        }
        session.add(
            WebhookEvent(
                webhook_id=hook.id,
                kind="submission.created",
                subject=f"submission:{row.id}",
                body=body,
                created_at=row.created_at,
                next_at=row.created_at,
            )
        )
    session.flush()
    return rows[-1][0].id if len(rows) == _BATCH else newest


def next_event(session: Session, webhook_id: int, *, now: datetime) -> EventRecord | None:
    """The oldest event that was not told, if its time has come: what follows it waits."""
    query = select(WebhookEvent).where(WebhookEvent.webhook_id == webhook_id, text(WAITING))
    row = session.scalar(query.order_by(WebhookEvent.id).limit(1))
    if row is None or row.next_at > now:
        return None
    return EventRecord(
        id=row.id,
        kind=row.kind,
        body=row.body,
        created_at=row.created_at,
        attempts=row.attempts,
        next_at=row.next_at,
    )


def mark_told(session: Session, event_id: int, *, now: datetime) -> None:
    """It arrived."""
    row = session.get_one(WebhookEvent, event_id)
    row.delivered_at, row.error, row.attempts = now, None, row.attempts + 1


def mark_failed(session: Session, event_id: int, error: str, *, now: datetime) -> None:
    """It did not arrive: try again later, or give it up after the last try."""
    row = session.get_one(WebhookEvent, event_id)
    row.attempts += 1
    row.error = error[:500]
    if row.attempts > len(RETRIES):
        row.given_up_at = now
    else:
        row.next_at = now + timedelta(seconds=RETRIES[row.attempts - 1])
