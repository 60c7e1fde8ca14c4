"""Where an annotator stands in a project: counters, qualification and the place in the queue, one row each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Select, Update, bindparam, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.schema import CallableColumnDefault, ScalarElementColumnDefault

from storage.queue import Place
from storage.tables import Base, Project, ProjectAnnotator, Withdrawal, WorkDay
from storage.tables.base import table_of, utc_now


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The annotator's row in a project, and what the page shows beside it."""

    submissions: int
    qualification: str
    practised: int
    practice_agreed: float
    cursor_priority: float | None
    cursor_id: int | None
    cursor_at: datetime | None
    exhausted_at: datetime | None
    is_withdrawn: bool
    """Nothing that the annotator makes counts any more, here or anywhere."""
    today: int
    """Submissions on the day asked for, practice left out."""
    left: int
    """Comparisons of the project that want more votes."""

    @property
    def place(self) -> Place | None:
        """How far the annotator has come in the queue."""
        if self.cursor_id is None or self.cursor_priority is None:
            return None
        return Place(priority=self.cursor_priority, id=self.cursor_id)


def lock_standing(session: Session, project_id: int, annotator_id: int, day: str) -> Standing:
    """Where the annotator stands; others who want the row wait until this transaction ends."""
    values = {"project": project_id, "annotator": annotator_id, "day": day}
    connection = session.connection()
    row = connection.execute(_standing(lock=True), values).first()
    if row is None:
        add_up(session, ProjectAnnotator, {"project_id": project_id, "annotator_id": annotator_id}, {})
        row = connection.execute(_standing(lock=True), values).one()
    return Standing(**row._mapping)


def set_standing(session: Session, project_id: int, annotator_id: int, **values: Any) -> None:
    """Change the annotator's row."""
    session.connection().execute(
        _set(tuple(values)), {**values, "project": project_id, "annotator": annotator_id}
    )


def count_mine(session: Session, project_id: int, annotator_id: int, day: str) -> tuple[int, int]:
    """An annotator's submissions on one day and in all, practice left out; nothing is locked."""
    values = {"project": project_id, "annotator": annotator_id, "day": day}
    row = session.connection().execute(_standing(lock=False), values).first()
    return (0, 0) if row is None else (row.today, row.submissions)


def is_withdrawn(session: Session, project_id: int, annotator_id: int) -> bool:
    """Whether nothing that the annotator makes counts any more, here or anywhere."""
    values = {"project": project_id, "annotator": annotator_id}
    return bool(session.connection().execute(_ask_withdrawn(), values).scalar())


def is_submission_withdrawn(session: Session, submission_id: int) -> bool:
    """Whether this one submission was withdrawn."""
    return bool(session.scalar(select(exists().where(Withdrawal.submission_id == submission_id))))


def count_answer(
    session: Session,
    project_id: int,
    annotator_id: int,
    *,
    day: str,
    what: str,
    seconds: float,
    now: datetime,
    more: Mapping[str, float],
    gained: int = 0,
) -> None:
    """Count one submission (`what`: ranked, skipped, practised or revised) for its annotator and its day.

    `gained` is 1 where a revision makes a ranking of a skip, and -1 where it does the opposite.
    """
    key = {"project_id": project_id, "annotator_id": annotator_id}
    turned = {"ranked": gained, "skipped": -gained} if what == "revised" and gained else {}
    add_up(session, WorkDay, {**key, "day": day}, {what: 1, "seconds": seconds, **turned})
    amounts: dict[str, float] = {"seconds": seconds, **turned, **more}
    if what != "revised":
        amounts[what] = 1
    if what in ("ranked", "skipped"):
        amounts["submissions"] = 1
    add_up(session, ProjectAnnotator, key, amounts, {"last_at": now})


def add_up(
    session: Session,
    table: type[Base],
    key: Mapping[str, Any],
    amounts: Mapping[str, float],
    also: Mapping[str, Any] | None = None,
) -> None:
    """Add to the counters of the row with that key, and set what is `also` given; the row is made if there is none."""
    connection = session.connection()
    statement = _add_up(connection.dialect.name, table, tuple(key), tuple(amounts), tuple(also or ()))
    row = {**_zeros(table), **key, **amounts, **(also or {})}
    connection.execute(statement, row)


def find_standing(session: Session, project_id: int, annotator_id: int) -> ProjectAnnotator | None:
    """The annotator's counters in a project, if they ever asked for a task there."""
    return session.get(ProjectAnnotator, (project_id, annotator_id))


@cache
def _add_up(
    dialect: str, table: type[Base], key: tuple[str, ...], amounts: tuple[str, ...], also: tuple[str, ...]
) -> Any:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    columns = table_of(table).c
    named = {*_zeros(table), *key, *amounts, *also}
    statement = insert(table).values({name: bindparam(name, type_=columns[name].type) for name in named})
    changes = {name: columns[name] + statement.excluded[name] for name in amounts}
    changes |= {name: statement.excluded[name] for name in also}
    if not changes:
        return statement.on_conflict_do_nothing(index_elements=list(key))
    return statement.on_conflict_do_update(index_elements=list(key), set_=changes)


def _zeros(table: type[Base]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for column in table_of(table).columns:
        default = column.default
        if isinstance(default, CallableColumnDefault):
            values[column.name] = utc_now()
        elif isinstance(default, ScalarElementColumnDefault):
            values[column.name] = default.arg
    return values


def _withdrawn() -> Any:
    return exists().where(
        Withdrawal.annotator_id == bindparam("annotator"),
        Withdrawal.project_id.is_(None) | (Withdrawal.project_id == bindparam("project")),
    )


@cache
def _ask_withdrawn() -> Select[Any]:
    return select(_withdrawn())


@cache
def _standing(*, lock: bool) -> Select[Any]:
    project: BindParameter[int] = bindparam("project")
    annotator: BindParameter[int] = bindparam("annotator")
    today = select(WorkDay.ranked + WorkDay.skipped).where(
        WorkDay.project_id == project, WorkDay.annotator_id == annotator, WorkDay.day == bindparam("day")
    )
    everyone = table_of(ProjectAnnotator).alias("everyone")
    closed = select(func.coalesce(func.sum(everyone.c.closed), 0)).where(everyone.c.project_id == project)
    left = select(Project.queued - closed.scalar_subquery()).where(Project.id == project)
    row = ProjectAnnotator
    query = select(
        row.submissions,
        row.qualification,
        row.practised,
        row.practice_agreed,
        row.cursor_priority,
        row.cursor_id,
        row.cursor_at,
        row.exhausted_at,
        _withdrawn().label("is_withdrawn"),
        func.coalesce(today.scalar_subquery(), 0).label("today"),
        left.scalar_subquery().label("left"),
    ).where(row.project_id == project, row.annotator_id == annotator)
    return query.with_for_update(of=row) if lock else query


@cache
def _set(names: tuple[str, ...]) -> Update:
    columns = table_of(ProjectAnnotator).c
    return (
        update(table_of(ProjectAnnotator))
        .where(columns.project_id == bindparam("project"), columns.annotator_id == bindparam("annotator"))
        .values({name: bindparam(name, type_=columns[name].type) for name in names})
    )
