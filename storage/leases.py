"""Leases: a comparison held for one annotator, renewed while the page is open, and the draft that lies with it."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from storage.tables import Comparison, ComparisonItem, Draft, Lease, Project
from workbench.errors import DataError


class NoSuchTask(DataError):
    """No task of that name was given to this annotator, or it is done."""


class ForeignTask(NoSuchTask):
    """The task of that name is another annotator's; the answer is the same, and it is written down."""


class SlotTaken(DataError):
    """The lease ran out and others have given, or are giving, the votes that the comparison wants."""


@dataclass(frozen=True, kw_only=True)
class LeaseRecord:
    """A lease with what is needed to answer it."""

    id: int
    token: str
    annotator_id: int
    comparison_id: int
    project_id: int
    project: str
    settings: Mapping[str, Any]
    """The project's."""
    kind: str
    """The comparison's kind."""
    num_completions: int
    order: tuple[int, ...]
    expires_at: datetime
    revises_id: int | None

    @property
    def counts_as_vote(self) -> bool:
        """Whether it holds one of the votes that its comparison wants."""
        return self.kind == "ordinary" and self.revises_id is None


def find_lease(session: Session, token: str, annotator_id: int, *, lock: bool = False) -> LeaseRecord:
    """The annotator's lease of that name, live or run out; NoSuchTask if there is none.

    With `lock` others who want the same lease or its comparison wait until the transaction ends.
    """
    found = _one(session, Lease.token == token, lock=lock)
    if found is None or found.annotator_id != annotator_id:
        kind = NoSuchTask if found is None else ForeignTask
        raise kind(f"no task '{token:.60}' is waiting for you; it was answered, or ran out long ago")
    return found


def own_leases(session: Session, project_id: int, annotator_id: int) -> list[LeaseRecord]:
    """All leases of an annotator in a project, oldest first."""
    query = _query().where(Lease.annotator_id == annotator_id, Comparison.project_id == project_id)
    return [_record(row) for row in session.execute(query.order_by(Lease.id))]


def give_lease(
    session: Session,
    comparison_id: int,
    annotator_id: int,
    order: list[int],
    *,
    expires_at: datetime,
    now: datetime,
    revises_id: int | None = None,
) -> LeaseRecord:
    """Write a lease with a new name, in place of one that the annotator had on the comparison."""
    session.execute(
        delete(Lease).where(Lease.comparison_id == comparison_id, Lease.annotator_id == annotator_id)
    )
    lease = Lease(
        comparison_id=comparison_id,
        annotator_id=annotator_id,
        token=secrets.token_urlsafe(18),
        order=order,
        revises_id=revises_id,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(lease)
    session.flush()
    found = _one(session, Lease.id == lease.id, lock=False)
    assert found is not None
    return found


def renew(session: Session, lease: LeaseRecord, *, seconds: float, now: datetime) -> datetime | None:
    """Hold the lease for `seconds` from now; None where it ran out and its vote is no longer to be had."""
    if lease.expires_at <= now and lease.counts_as_vote and not has_room(session, lease, now=now):
        return None
    until = now + timedelta(seconds=seconds)
    session.execute(update(Lease).where(Lease.id == lease.id).values(expires_at=until))
    return until


def has_room(session: Session, lease: LeaseRecord, *, now: datetime) -> bool:
    """Whether the comparison still wants a vote beside those it has and those others hold; the row stays locked."""
    row = session.execute(
        select(Comparison.target_overlap - Comparison.votes)
        .where(Comparison.id == lease.comparison_id)
        .with_for_update(key_share=True)
    ).one()
    others = (
        select(func.count())
        .select_from(Lease)
        .where(
            Lease.comparison_id == lease.comparison_id,
            Lease.annotator_id != lease.annotator_id,
            *holds_a_vote(now),
        )
    )
    return int(row[0]) > (session.scalar(others) or 0)


def holds_a_vote(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Conditions on a lease that counts against its comparison's votes."""
    return Lease.expires_at > now, Lease.revises_id.is_(None)


def end_lease(session: Session, lease: LeaseRecord) -> None:
    """Remove a lease and its draft: the work is done."""
    session.execute(delete(Lease).where(Lease.id == lease.id))
    session.execute(
        delete(Draft).where(
            Draft.comparison_id == lease.comparison_id, Draft.annotator_id == lease.annotator_id
        )
    )


def save_draft(
    session: Session, lease: LeaseRecord, content: Mapping[str, Any], *, seconds: float, now: datetime
) -> None:
    """Keep unsent work, in place of what was kept before."""
    where = (Draft.comparison_id == lease.comparison_id, Draft.annotator_id == lease.annotator_id)
    values = {"content": dict(content), "seconds": seconds, "updated_at": now}
    changed = session.execute(update(Draft).where(*where).values(values).returning(Draft.id)).first()
    if changed is None:
        session.add(Draft(comparison_id=lease.comparison_id, annotator_id=lease.annotator_id, **values))
        session.flush()


def _query() -> Any:
    items = (
        select(func.count())
        .select_from(ComparisonItem)
        .where(ComparisonItem.comparison_id == Lease.comparison_id)
        .scalar_subquery()
    )
    return (
        select(
            Lease.id,
            Lease.token,
            Lease.annotator_id,
            Lease.comparison_id,
            Comparison.project_id,
            Project.name.label("project"),
            Project.settings,
            Comparison.kind,
            items.label("num_completions"),
            Lease.order.label("order"),
            Lease.expires_at,
            Lease.revises_id,
        )
        .join(Comparison, Comparison.id == Lease.comparison_id)
        .join(Project, Project.id == Comparison.project_id)
    )


def _one(session: Session, condition: ColumnElement[bool], *, lock: bool) -> LeaseRecord | None:
    query = _query().where(condition)
    row = session.execute(query.with_for_update(of=Lease) if lock else query).first()
    return None if row is None else _record(row)


def _record(row: Any) -> LeaseRecord:
    return LeaseRecord(**dict(row._mapping) | {"order": tuple(row.order)})
