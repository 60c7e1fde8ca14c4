"""Locks that last longer than a transaction: one process at a time does what another machine must not see twice.

They end with their process, however it ends, so that nothing waits for the dead.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from storage.database import Database
from workbench.errors import DataError

Check = Callable[[], None]
"""Raises DataError where the lock was lost."""


@contextmanager
def alone(database: Database, name: str, *, what: str) -> Iterator[Check]:
    """Hold the lock of that name while the block runs; DataError at once where another process or thread holds it.

    The block calls what it gets before each thing that must not be done twice: a server that was restarted has
    forgotten its locks.
    """
    taken = (
        f"{what} goes on elsewhere already; wait until it has ended, then run this again. Nothing was done"
    )
    if database.engine.dialect.name == "postgresql":
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            key = int.from_bytes(sha256(name.encode()).digest()[:8], signed=True)
            if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}):
                raise DataError(taken)
            try:
                yield lambda: _check(connection, what)
            finally:
                _release(connection, key)
        return
    path = database.engine.url.database
    with Path(f"{path}.{name}.lock").open("w") if path else nullcontext() as file:
        if file is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DataError(taken) from error
        yield lambda: None


def _check(connection: Connection, what: str) -> None:
    try:
        connection.execute(text("SELECT 1"))
    except DBAPIError as error:
        raise DataError(
            f"the database was restarted while {what} went on, so it was stopped; run it again"
        ) from error


def _release(connection: Connection, key: int) -> None:
    try:
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
    except DBAPIError:
        connection.invalidate()  # The server has dropped the connection, and the lock with it.
