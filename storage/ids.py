"""Ids for bulk inserts: reserved at once, so that rows can refer to each other before any is written."""

from collections.abc import Sequence

from sqlalchemy import func, select, text
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
