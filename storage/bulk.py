"""Bulk inserts: ids reserved at once, so that rows can refer to each other before any is written."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from sqlalchemy import Table, func, select, text
from sqlalchemy.orm import Session

from storage.tables import Base


def reserve_ids(session: Session, table: type[Base], count: int) -> Sequence[int]:
    """`count` ids that no other row of the table has or will get.

    On PostgreSQL they come from the table's sequence; on SQLite they follow the greatest one, which is safe because
    `Database.writing` holds the only write lock.
    """
    if count == 0:
        return ()
    if session.get_bind().dialect.name == "postgresql":
        query = text("SELECT nextval(pg_get_serial_sequence(:name, 'id')) FROM generate_series(1, :count)")
        return session.execute(query, {"name": table.__tablename__, "count": count}).scalars().all()
    last = session.execute(select(func.max(table.__table__.c.id))).scalar() or 0
    return range(last + 1, last + 1 + count)


def insert_rows(session: Session, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Write rows given by column name; each must have the columns of the first, in the same order.

    Straight to the driver, with the columns' own conversions: SQLAlchemy's executemany spends more time on each row
    than SQLite does (benchmarks/import_speed measures both).
    """
    if not rows:
        return
    connection = session.connection()
    dialect = connection.dialect
    columns = [cast(Table, table.__table__).c[name] for name in rows[0]]
    values: list[Sequence[Any]] = []
    for column in columns:
        name = column.name
        convert = column.type.dialect_impl(dialect).bind_processor(dialect)
        found = [row[name] for row in rows]
        values.append(_converted(found, convert) if convert else found)
    quote = dialect.identifier_preparer
    names = ", ".join(quote.format_column(column) for column in columns)
    marks = ", ".join(["?" if dialect.paramstyle == "qmark" else "%s"] * len(columns))
    statement = f"INSERT INTO {quote.format_table(columns[0].table)} ({names}) VALUES ({marks})"
    connection.exec_driver_sql(statement, list(zip(*values, strict=True)))


def _converted(values: Sequence[Any], convert: Callable[[Any], Any]) -> list[Any]:
    """Each value converted; what stands there several times as one object (a time, a source) once."""
    made: dict[int, Any] = {}
    for value in values:
        if id(value) not in made:
            made[id(value)] = convert(value)
    return [made[id(value)] for value in values]
