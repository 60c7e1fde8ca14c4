"""Opening, making and upgrading the database, on both kinds."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, func, select, text

from storage import database as module
from storage.audit import record
from storage.database import SCHEMA_REVISION, init_database, open_database
from storage.projects import create_project, get_project
from storage.tables import Audit, Base, Project
from workbench.errors import DataError


def test_migrations_make_the_tables(database):
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_schema_revision_is_the_newest_migration():
    folder = module.Path(module.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_heads() == [SCHEMA_REVISION]


def test_init_twice_keeps_what_is_there(tmp_path):
    url = f"sqlite:///{tmp_path}/deep/accord.db"
    with init_database(url).writing() as session:
        create_project(session, "kept")
    with init_database(url).reading() as session:
        assert get_project(session, "kept").salt == "kept"


def test_a_missing_database_names_the_way_out(tmp_path):
    with pytest.raises(DataError, match=r"no database at .*none\.db; make one with 'accord init'"):
        open_database(f"sqlite:///{tmp_path}/none.db")
    assert not (tmp_path / "none.db").exists()


def test_another_schema_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path}/old.db"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('0000')"))
    engine.dispose()
    with pytest.raises(DataError, match="has schema 0000, this version needs .* 'accord init'"):
        open_database(url)


@pytest.mark.parametrize("url", ["nonsense", "oracle9://x", "://"])
def test_an_address_that_is_none(url):
    with pytest.raises(DataError, match="ACCORD_DATABASE_URL"):
        open_database(url)


def test_an_unreachable_server_hides_the_password():
    with pytest.raises(DataError, match="cannot open the database") as caught:
        open_database("postgresql://me:secret@127.0.0.1:9/none")
    assert "secret" not in str(caught.value)


def test_a_failed_transaction_leaves_nothing(database):
    with pytest.raises(ZeroDivisionError), database.writing() as session:
        create_project(session, "lost")
        raise ZeroDivisionError
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Project)) == 0


def test_reading_sees_one_state(database):
    """A reader that began before a commit does not see it, and neither waits for the other."""
    with database.reading() as reader:
        assert reader.scalar(select(func.count()).select_from(Audit)) == 0
        with database.writing() as writer:
            record(writer, "me", "did", "it", {})
        assert reader.scalar(select(func.count()).select_from(Audit)) == 0


def test_sqlite_is_in_wal_mode_and_checks_references(new_database):
    with new_database("sqlite").reading() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert session.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_what_the_database_refuses_is_a_data_error(database):
    with (
        pytest.raises(DataError, match="refused the change, and kept nothing"),
        database.writing() as session,
    ):
        session.add_all([Project(name="same", salt=""), Project(name="same", salt="")])
        session.flush()


def test_a_full_disk_keeps_nothing(new_database):
    """SQLite's own limit on pages stands in for the disk: the same error, at the same place."""
    database = new_database("sqlite")
    full = "busy, full or away, and kept nothing: database or disk is full"
    with pytest.raises(DataError, match=full), database.writing() as session:
        session.execute(text("PRAGMA max_page_count = 120"))
        for n in range(2000):
            create_project(session, f"{n}", description="x" * 1000)
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Project)) == 0
