"""The queue: the first comparison that still wants a vote and that this annotator can have.

The statements are made once: every task takes this path, and building a statement costs more than running it.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, exists, func, select, text
from sqlalchemy.orm import Session

from storage.tables import Comparison, ComparisonItem, Lease, Submission
from storage.tables.content import WAITING


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A comparison that wants a vote; on PostgreSQL its row is locked."""

    id: int
    priority: float
    record_id: str
    num_completions: int


@dataclass(frozen=True, kw_only=True)
class Place:
    """How far an annotator has come in the queue."""

    priority: float
    id: int


def search_queue(
    session: Session, project_id: int, annotator_id: int, place: Place | None, *, now: datetime
) -> tuple[Waiting | None, Place | None]:
    """The first comparison behind `place` that the annotator can have, and the place to go on from."""
    values: dict[str, Any] = {"project": project_id, "annotator": annotator_id, "now": now}
    connection = session.connection()
    while True:
        row = None
        # Each part is one stretch of the index, so neither looks at more rows than it passes over.
        for part in ("all",) if place is None else ("same", "lower"):
            at = {} if place is None else {"priority": place.priority}
            at |= {"id": place.id} if place is not None and part == "same" else {}
            row = connection.execute(_search(part), values | at).first()
            if row is not None:
                break
        if row is None:
            return None, place
        place = Place(priority=row.priority, id=row.id)
        # PostgreSQL locks a row after it has looked for leases: look again now that nobody else can add one.
        if (
            connection.dialect.name == "sqlite"
            or connection.execute(_look_again(), values | {"id": row.id}).scalar()
        ):
            return Waiting(**row._mapping), place


@cache
def _search(part: str) -> Select[Any]:
    place: dict[str, list[ColumnElement[bool]]] = {
        "all": [],
        "same": [Comparison.priority == bindparam("priority"), Comparison.id > bindparam("id")],
        "lower": [Comparison.priority < bindparam("priority")],
    }
    items = (
        select(func.count())
        .select_from(ComparisonItem)
        .where(ComparisonItem.comparison_id == Comparison.id)
        .correlate(Comparison)
        .scalar_subquery()
    )
    return (
        select(Comparison.id, Comparison.priority, Comparison.record_id, items.label("num_completions"))
        .where(Comparison.project_id == bindparam("project"), text(WAITING), *place[part], *_is_free())
        .order_by(Comparison.priority.desc(), Comparison.id)
        .limit(1)
        .with_for_update(key_share=True, skip_locked=True, of=Comparison)
    )


@cache
def _look_again() -> Select[Any]:
    return select(Comparison.id).where(Comparison.id == bindparam("id"), text(WAITING), *_is_free())


def _is_free() -> list[ColumnElement[bool]]:
    """Not answered or held by the annotator, and with a vote to give that nobody holds."""
    annotator: BindParameter[int] = bindparam("annotator")
    answered = exists().where(Submission.comparison_id == Comparison.id, Submission.annotator_id == annotator)
    mine = exists().where(Lease.comparison_id == Comparison.id, Lease.annotator_id == annotator)
    held = (
        select(func.count())
        .select_from(Lease)
        .where(
            Lease.comparison_id == Comparison.id,
            Lease.expires_at > bindparam("now", type_=Lease.expires_at.type),
            Lease.revises_id.is_(None),
        )
        .correlate(Comparison)
        .scalar_subquery()
    )
    return [~answered, ~mine, Comparison.target_overlap - Comparison.votes > held]
