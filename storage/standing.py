"""Where an annotator stands in a project: counters, qualification and the place in the queue, one row each."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from storage.tables import Base, ProjectAnnotator, Withdrawal, WorkDay
from storage.tables.base import utc_now


def lock_standing(session: Session, project_id: int, annotator_id: int) -> ProjectAnnotator:
    """The annotator's row in a project, made where there is none; others who want it wait for this transaction."""
    query = (
        select(ProjectAnnotator)
        .where(ProjectAnnotator.project_id == project_id, ProjectAnnotator.annotator_id == annotator_id)
        .with_for_update()
    )
    found = session.scalar(query)
    if found is None:
        add_up(session, ProjectAnnotator, {"project_id": project_id, "annotator_id": annotator_id}, {})
        found = session.scalars(query).one()
    return found


def add_up(session: Session, table: type[Base], key: Mapping[str, Any], amounts: Mapping[str, float]) -> None:
    """Add to the counters of the row with that key, which is made where there is none."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    first = _zeros(table) | dict(amounts)
    statement = insert(table).values({**key, **first})
    added = {name: getattr(table, name) + amount for name, amount in amounts.items()}
    if added:
        statement = statement.on_conflict_do_update(index_elements=list(key), set_=added)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=list(key))
    session.execute(statement, execution_options={"synchronize_session": False})


def is_withdrawn(session: Session, project_id: int, annotator_id: int) -> bool:
    """Whether nothing that the annotator makes counts any more, here or anywhere."""
    query = select(Withdrawal.id).where(
        Withdrawal.annotator_id == annotator_id,
        Withdrawal.project_id.is_(None) | (Withdrawal.project_id == project_id),
    )
    return session.scalar(query.limit(1)) is not None


def count_mine(session: Session, project_id: int, annotator_id: int, day: str) -> tuple[int, int]:
    """An annotator's submissions on one day and in all, practice left out."""
    where = (ProjectAnnotator.project_id == project_id, ProjectAnnotator.annotator_id == annotator_id)
    query = (
        select(ProjectAnnotator.submissions, func.coalesce(WorkDay.ranked + WorkDay.skipped, 0))
        .outerjoin(
            WorkDay,
            (WorkDay.project_id == project_id)
            & (WorkDay.annotator_id == annotator_id)
            & (WorkDay.day == day),
        )
        .where(*where)
    )
    total, today = session.execute(query).first() or (0, 0)
    return today, total


def count_answer(
    session: Session,
    project_id: int,
    annotator_id: int,
    *,
    day: str,
    what: str,
    seconds: float,
    now: datetime,
    more: Mapping[str, float] = {},
) -> None:
    """Count one submission (`what`: ranked, skipped, practised or revised) for its annotator and its day."""
    key = {"project_id": project_id, "annotator_id": annotator_id}
    add_up(
        session,
        WorkDay,
        {"project_id": project_id, "day": day, "annotator_id": annotator_id},
        {what: 1, "seconds": seconds},
    )
    amounts: dict[str, float] = {"seconds": seconds, **more}
    if what != "revised":
        amounts[what] = 1
    if what in ("ranked", "skipped"):
        amounts["submissions"] = 1
    add_up(session, ProjectAnnotator, key, amounts)
    session.execute(
        update(ProjectAnnotator)
        .where(ProjectAnnotator.project_id == project_id, ProjectAnnotator.annotator_id == annotator_id)
        .values(last_at=now),
        execution_options={"synchronize_session": False},
    )


def _zeros(table: type[Base]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for column in table.__table__.columns:
        default = column.default
        if column.primary_key or default is None:
            continue
        values[column.name] = utc_now() if default.is_callable else default.arg
    return values
