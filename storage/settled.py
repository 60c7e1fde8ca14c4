"""Which ids of submissions are settled: no transaction that goes on can still bring a smaller one.

PostgreSQL gives out ids before their rows can be seen, so a long import ends with ids that lie before those that
annotators made meanwhile. Whoever reads the table in the order of ids may forget only what is settled.
"""

from collections import deque
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from storage.submissions import last_submission
from storage.tables import Submission


@dataclass(frozen=True)
class Horizon:
    """What one look at the database tells."""

    newest: int
    """The greatest id that is seen."""
    ended: int
    """Transactions of smaller numbers have ended."""
    begun: int
    """Transactions of this number and greater had not begun."""


class Settled:
    """How far ids are settled, learned by looking again and again; the memory of one process."""

    def __init__(self) -> None:
        self.position = 0
        self._newest: int | None = None
        self._marks: deque[tuple[int, int]] = deque()

    def look(self, session: Session) -> int:
        """Look once more; returns the greatest id that is seen.

        An id that an earlier look saw is settled, with all before it, once every transaction has ended that had begun
        by the look after that one: whoever got a smaller id had certainly begun by then.
        """
        seen = horizon(session)
        if self._newest is not None and (not self._marks or self._marks[-1][0] != self._newest):
            self._marks.append((self._newest, seen.begun))
        self._newest = seen.newest
        while self._marks and self._marks[0][1] <= seen.ended:
            self.position = max(self.position, self._marks.popleft()[0])
        return seen.newest


def horizon(session: Session) -> Horizon:
    """A look at the database. On SQLite whoever writes is alone, so that what is seen is all there is."""
    if session.get_bind().dialect.name != "postgresql":
        return Horizon(newest=last_submission(session), ended=0, begun=0)
    query = text(
        "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint FROM pg_current_snapshot() AS s"
    )
    ended, begun = session.execute(query).one()
    return Horizon(newest=last_submission(session), ended=ended, begun=begun)


def submissions_after(session: Session, position: int, limit: int) -> list[int]:
    """The ids that follow, in order, at most so many."""
    query = select(Submission.id).where(Submission.id > position).order_by(Submission.id).limit(limit)
    return list(session.scalars(query))
