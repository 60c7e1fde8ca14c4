"""The audit trail: sealed in order, and any later change shows; on both databases."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, select, update

from storage.audit import record, seal, verify
from storage.importing import import_comparisons_file
from storage.tables import Audit
from workbench.errors import DataError


@pytest.fixture
def trail(database):
    with database.writing() as session:
        for n in range(4):
            record(session, "me", "did", f"thing:{n}", {"secret": n})
    with database.writing() as session:
        assert seal(session) == 4
    return database


def test_sealing_continues_the_chain(trail):
    with trail.writing() as session:
        record(session, "me", "did", "thing:4", {})
        assert verify(session) == 4
        assert (seal(session), seal(session)) == (1, 0)
        assert verify(session) == 5


def test_payloads_are_not_kept(trail):
    with trail.reading() as session:
        rows = session.execute(select(Audit.__table__)).all()
    assert "secret" not in str(rows)


@pytest.mark.parametrize(
    ("change", "entry"),
    [
        (update(Audit).where(Audit.sequence == 2).values(actor="you"), 2),
        (update(Audit).where(Audit.sequence == 3).values(payload_hash="0"), 3),
        (delete(Audit).where(Audit.sequence == 2), 2),
        (update(Audit).where(Audit.sequence == 4).values(hash="0"), 4),
    ],
)
def test_a_change_breaks_the_chain(trail, change, entry):
    with trail.writing() as session:
        session.execute(change)
        with pytest.raises(DataError, match=f"broken at entry {entry} "):
            verify(session)


def test_sealers_exclude_each_other(database):
    with database.writing() as session:
        for n in range(30):
            record(session, "me", "did", str(n), {})

    def work(_):
        with database.writing() as session:
            return seal(session)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 30
    with database.reading() as session:
        assert verify(session) == 30


def test_an_import_leaves_an_entry(database, project, write_lines):
    with database.writing() as session:
        import_comparisons_file(
            session, project.id, write_lines({"prompt": "p", "completions": [{"text": "a"}]}), actor="ada"
        )
        (entry,) = session.scalars(select(Audit))
    assert (entry.actor, entry.action, entry.subject) == (
        "ada",
        "import comparisons",
        f"project:{project.id}",
    )
