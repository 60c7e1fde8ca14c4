"""Leases: a comparison held for one annotator, renewed while the page is open, and the draft that lies with it."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Delete, Select, Update, bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from storage.projects import ProjectRecord
from storage.tables import Comparison, ComparisonItem, Draft, Lease, Project
from storage.tables.base import table_of
from workbench.errors import DataError, quoted


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

    With `lock` others who want the same lease wait until the transaction ends.
    """
    row = session.connection().execute(_find("token", lock), {"token": token}).first()
    if row is None or row.annotator_id != annotator_id:
        kind = NoSuchTask if row is None else ForeignTask
        raise kind(f"no task {quoted(token, 60)} is waiting for you; it was answered, or ran out long ago")
    return _record(row)


def own_leases(session: Session, project_id: int, annotator_id: int) -> list[LeaseRecord]:
    """All leases of an annotator in a project, oldest first."""
    values = {"project": project_id, "annotator": annotator_id}
    return [_record(row) for row in session.connection().execute(_find("annotator", False), values)]


def give_lease(
    session: Session,
    project: ProjectRecord,
    *,
    comparison_id: int,
    annotator_id: int,
    kind: str,
    num_completions: int,
    order: Sequence[int],
    expires_at: datetime,
    now: datetime,
    revises_id: int | None = None,
) -> LeaseRecord:
    """Write a lease under a new name; the annotator has none on the comparison."""
    values = {
        "comparison_id": comparison_id,
        "annotator_id": annotator_id,
        "token": secrets.token_urlsafe(18),
        "shown_order": list(order),
        "revises_id": revises_id,
        "created_at": now,
        "expires_at": expires_at,
    }
    key = session.connection().execute(_insert(), values).scalar_one()
    return LeaseRecord(
        id=key,
        token=str(values["token"]),
        annotator_id=annotator_id,
        comparison_id=comparison_id,
        project_id=project.id,
        project=project.name,
        settings=project.settings,
        kind=kind,
        num_completions=num_completions,
        order=tuple(order),
        expires_at=expires_at,
        revises_id=revises_id,
    )


def drop_lease(session: Session, comparison_id: int, annotator_id: int) -> None:
    """Remove the annotator's lease on a comparison, if there is one."""
    session.connection().execute(_delete(Lease), {"comparison": comparison_id, "annotator": annotator_id})


def renew(
    session: Session, lease: LeaseRecord, *, seconds: float, now: datetime, wait: bool = True
) -> datetime | None:
    """Hold the lease for `seconds` from now; None where it ran out and its vote is no longer to be had.

    Without `wait` a comparison that another transaction is busy with counts as taken.
    """
    if lease.expires_at <= now and lease.counts_as_vote:
        is_locked = lock_comparison(session, lease, wait=wait)
        if not (is_locked and has_room(session, lease, now=now)):
            return None
    until = now + timedelta(seconds=seconds)
    session.connection().execute(_renew(), {"lease": lease.id, "until": until})
    return until


def lock_comparison(session: Session, lease: LeaseRecord, *, wait: bool = True) -> bool:
    """Let others who would give or take a vote of the comparison wait until the transaction ends."""
    found = session.connection().execute(_lock(wait), {"comparison": lease.comparison_id}).first()
    return found is not None


def has_room(session: Session, lease: LeaseRecord, *, now: datetime) -> bool:
    """Whether the comparison, which is locked, wants a vote beside those it has and those others hold."""
    values = {"comparison": lease.comparison_id, "annotator": lease.annotator_id, "now": now}
    return bool(session.connection().execute(_room(), values).scalar())


def end_lease(session: Session, lease: LeaseRecord) -> None:
    """Remove a lease and its draft: the work is done."""
    values = {"comparison": lease.comparison_id, "annotator": lease.annotator_id}
    session.connection().execute(_delete(Lease), values)
    session.connection().execute(_delete(Draft), values)


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


@cache
def _find(column: str, lock: bool) -> Select[Any]:
    items = (
        select(func.count())
        .select_from(ComparisonItem)
        .where(ComparisonItem.comparison_id == Lease.comparison_id)
        .correlate(Lease)
        .scalar_subquery()
    )
    query = (
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
    if column == "token":
        query = query.where(Lease.token == bindparam("token"))
    else:
        query = query.where(
            Lease.annotator_id == bindparam("annotator"), Comparison.project_id == bindparam("project")
        ).order_by(Lease.id)
    return query.with_for_update(of=Lease) if lock else query


@cache
def _insert() -> ReturningInsert[Any]:
    return insert(table_of(Lease)).returning(table_of(Lease).c.id)


@cache
def _delete(table: type[Lease] | type[Draft]) -> Delete:
    columns = table_of(table).c
    return delete(table_of(table)).where(
        columns.comparison_id == bindparam("comparison"), columns.annotator_id == bindparam("annotator")
    )


@cache
def _renew() -> Update:
    table = table_of(Lease)
    until = bindparam("until", type_=table.c.expires_at.type)
    return update(table).where(table.c.id == bindparam("lease")).values(expires_at=until)


@cache
def _lock(wait: bool) -> Select[Any]:
    return (
        select(Comparison.id)
        .where(Comparison.id == bindparam("comparison"))
        .with_for_update(key_share=True, skip_locked=not wait)
    )


@cache
def _room() -> Select[Any]:
    others = (
        select(func.count())
        .select_from(Lease)
        .where(
            Lease.comparison_id == bindparam("comparison"),
            Lease.annotator_id != bindparam("annotator"),
            Lease.expires_at > bindparam("now", type_=Lease.expires_at.type),
            Lease.revises_id.is_(None),
        )
        .scalar_subquery()
    )
    return select(Comparison.target_overlap - Comparison.votes > others).where(
        Comparison.id == bindparam("comparison")
    )


def _record(row: Any) -> LeaseRecord:
    return LeaseRecord(**dict(row._mapping) | {"order": tuple(row.order)})
