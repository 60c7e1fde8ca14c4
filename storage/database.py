"""The database: open it, make or upgrade it, and the two kinds of transaction."""

import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.orm import Session

from workbench.errors import DataError
from workbench.home import database_url

SCHEMA_REVISION = "0007"
"""The newest migration; a database at another revision is refused with the way out."""

POOL_SIZE = 32
"""Connections of one process, at most; the service divides them among its threads, so that none waits for another's."""

FRESH = 5.0
"""Seconds within which a connection that was given back is taken again without asking whether it still stands."""

LONGEST_WAIT = 30
"""Seconds that a change waits for its turn."""

_SQLITE_PRAGMAS = (
    "journal_mode = WAL",  # readers go on while one process writes
    "synchronous = NORMAL",  # durable at each checkpoint of the WAL, whole after any crash
    "foreign_keys = ON",
    f"busy_timeout = {LONGEST_WAIT * 1000}",
)


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)
_DECODER = json.JSONDecoder()


class Unavailable(DataError):
    """The database is busy, full or away; what was asked was not done, and may be asked again."""


class Database:
    """An engine and the two ways to use it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.has_one_writer = engine.dialect.name == "sqlite"
        reading: dict[str, Any] = {"accord_write": False}
        if not self.has_one_writer:
            reading["isolation_level"] = "REPEATABLE READ"
        self._reading = engine.execution_options(**reading)
        # SQLite's own waiting is a sleep that grows, and the unlucky sleep for seconds; a lock wakes the next at once.
        self._turn = threading.Lock() if self.has_one_writer else None

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one consistent state and writes nothing."""
        with Session(self._reading, expire_on_commit=False) as session:
            yield session
            session.rollback()

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that commits when the block ends and rolls back when it raises.

        On SQLite it takes the write lock at once, so two writers wait for each other instead of failing half-way.
        Raises DataError where the database refuses the change or cannot take it: locked for 30 s, disk full, away.
        """
        with self._take_turn(), Session(self.engine, expire_on_commit=False) as session:
            try:
                with session.begin():
                    yield session
            except IntegrityError as error:
                raise DataError(
                    f"the database refused the change, and kept nothing of it: {error.orig}. If another process was "
                    "writing the same things, run the command again"
                ) from error
            except OperationalError as error:
                raise Unavailable(
                    f"the database is busy, full or away, and kept nothing: {error.orig}"
                ) from error

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _take_turn(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        if not self._turn.acquire(timeout=LONGEST_WAIT):
            raise Unavailable(
                f"the database is busy: other changes took longer than {LONGEST_WAIT} s, and nothing was done"
            )
        try:
            yield
        finally:
            self._turn.release()


def open_database(url: str | None = None) -> Database:
    """The database of this home (or of `url`), which must exist at the current schema revision.

    Raises DataError with the way out where there is none, it cannot be reached, or its schema is another.
    """
    address = _parse(url or database_url())
    shown = address.render_as_string(hide_password=True)
    if _sqlite_file(address) is not None and not Path(str(address.database)).exists():
        raise DataError(f"no database at {address.database}; make one with 'accord init'")
    database = Database(make_engine(address))
    try:
        with database.engine.connect() as connection:
            revision = _revision(connection)
    except DBAPIError as error:
        raise DataError(f"cannot open the database {shown}: {error.orig}") from error
    if revision != SCHEMA_REVISION:
        raise DataError(
            f"the database {shown} has schema {revision or 'none'}, this version needs {SCHEMA_REVISION}; "
            "'accord init' brings it up to date"
        )
    return database


def init_database(url: str | None = None) -> Database:
    """Make the database, or bring its schema up to date; what it holds is kept. Doing it twice changes nothing."""
    address = _parse(url or database_url())
    if (file := _sqlite_file(address)) is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    database = Database(make_engine(address))
    try:
        _upgrade(database.engine)
    except DBAPIError as error:
        shown = address.render_as_string(hide_password=True)
        raise DataError(f"cannot set up the database {shown}: {error.orig}") from error
    return database


def make_engine(address: URL) -> Engine:
    """An engine with our settings: JSON as it was written, and on SQLite WAL and explicit transactions."""
    engine = create_engine(
        address,
        json_serializer=_to_json,
        json_deserializer=_from_json,
        pool_size=POOL_SIZE,
        max_overflow=0,
        # The few that are in use are used again: what they have prepared is worth more than an even share.
        pool_use_lifo=True,
    )
    if engine.dialect.name == "postgresql":
        event.listen(engine, "checkin", _on_checkin)
        event.listen(engine, "checkout", _on_checkout)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _on_checkin(_: Any, record: Any) -> None:
    record.info["used_at"] = time.monotonic()


def _on_checkout(connection: Any, record: Any, _: Any) -> None:
    """Ask a connection that has rested whether the server still knows it; the pool takes another where it does not."""
    if time.monotonic() - record.info.get("used_at", math.inf) < FRESH:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except connection.OperationalError as error:
        raise DisconnectionError("the server has ended this connection") from error


def _on_sqlite_connect(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # The driver would begin transactions late, and never for reading.
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _on_sqlite_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("accord_write", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _to_json(value: Any) -> str:
    if not value and isinstance(value, list | dict):
        return "[]" if isinstance(value, list) else "{}"  # Most flags, answers and tags are.
    return _JSON.encode(value)


def _from_json(stored: str | bytes) -> Any:
    """What `_to_json` wrote; nothing stands around it, which saves looking for it. PostgreSQL's driver gives bytes."""
    text = stored if isinstance(stored, str) else stored.decode()
    if text == "[]" or text == "{}":
        return [] if text == "[]" else {}
    return _DECODER.raw_decode(text)[0]


def _parse(url: str) -> URL:
    try:
        address = make_url(url)
        if address.drivername in ("postgres", "postgresql"):
            address = address.set(drivername="postgresql+psycopg")
        address.get_dialect()
    except (ArgumentError, NoSuchModuleError) as error:
        raise DataError(
            "ACCORD_DATABASE_URL is no database address; it looks like sqlite:////folder/accord.db or "
            "postgresql://user:password@host/name"
        ) from error
    return address


def _sqlite_file(address: URL) -> Path | None:
    if address.get_backend_name() != "sqlite" or address.database in (None, "", ":memory:"):
        return None
    return Path(str(address.database))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(engine: Engine) -> None:
    # Imported here: commands that only open the database start faster without it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
