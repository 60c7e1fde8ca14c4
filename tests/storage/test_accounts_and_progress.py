"""Accounts, memberships and a project's progress, on both databases."""

import pytest

from storage.accounts import add_membership, create_account, find_account, get_account, set_password_hash
from storage.importing import import_comparisons_file
from storage.progress import project_progress
from storage.projects import create_project, get_project
from storage.tables import Account, Comparison, utc_now
from storage.withdrawals import withdraw_annotator
from workbench.errors import DataError
from workbench.jsonl import write_comparisons
from workbench.records import Comparison as Record
from workbench.records import Completion, Ranking


def test_accounts_and_roles(database):
    with database.writing() as session:
        project = create_project(session, "stories-of-accounts")
        account = create_account(session, "ada", "a hash", is_admin=True)
        for role in ("lead", "researcher", "lead"):
            add_membership(session, account, project.id, role)
    with database.reading() as session:
        found = find_account(session, "ada")
        assert found == get_account(session, account)
        assert found.is_admin and found.password_hash == "a hash"
        assert found.roles == {project.id: frozenset({"lead", "researcher"})}
        assert find_account(session, "eve") is None and get_account(session, account + 1) is None


def test_wrong_accounts_are_refused(database):
    with database.writing() as session:
        project = create_project(session, "stories-of-accounts")
        account = create_account(session, "ada", "a hash")
        with pytest.raises(DataError, match="there is an account 'ada' already"):
            create_account(session, "ada", "another")
        with pytest.raises(DataError, match="needs a login"):
            create_account(session, "  ", "a hash")
        with pytest.raises(DataError, match="annotator, reviewer, lead, researcher"):
            add_membership(session, account, project.id, "owner")
        with pytest.raises(DataError, match="no account with id"):
            set_password_hash(session, account + 1, "new")


def test_an_erased_account_is_nobody(database):
    with database.writing() as session:
        account = create_account(session, "ada", "a hash")
        set_password_hash(session, account, "new hash")
        assert find_account(session, "ada").password_hash == "new hash"
        session.get(Account, account).erased_at = utc_now()
    with database.reading() as session:
        assert find_account(session, "ada") is None and get_account(session, account) is None


def ranking(key, annotator, **changes):
    return Ranking(**{"id": key, "annotator": annotator, "ranks": (1, 2), **changes})


def test_progress_counts_what_counts(database, tmp_path):
    """Of three comparisons one has the two votes it should get, one has one, one has only an adjudication."""
    completions = (Completion(text="x"), Completion(text="y"))
    parts = [
        Record(
            id="a", prompt="p", completions=completions, rankings=(ranking("1", "ann"), ranking("2", "bob"))
        ),
        Record(id="b", prompt="q", completions=completions, rankings=(ranking("3", "ann"),)),
        Record(
            id="c",
            prompt="r",
            completions=completions,
            rankings=(ranking("4", "lea", annotator_kind="adjudicator"),),
        ),
    ]
    write_comparisons(tmp_path / "c.jsonl", parts)
    with database.writing() as session:
        project = create_project(session, "progressing")
        assert project_progress(session, project.id).comparisons == 0
        assert project_progress(session, project.id).submissions == 0
        import_comparisons_file(session, project.id, tmp_path / "c.jsonl")
        for row in session.query(Comparison).filter_by(project_id=project.id):
            row.target_overlap = 2
    with database.writing() as session:
        project = get_project(session, "progressing")
        found = project_progress(session, project.id)
        counts = (found.comparisons, found.started, found.complete, found.wanted, found.submissions)
        assert counts == (3, 2, 1, 6, 3)
        assert found.annotators == 2 and found.last_at is not None
        withdraw_annotator(session, "bob", reason="test", actor="test")
        session.flush()
        found = project_progress(session, project.id)
        assert (found.complete, found.submissions, found.annotators) == (0, 2, 1)
