"""Invitations, API tokens, members and erasure, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from storage.accounts import (
    add_membership,
    create_account,
    erase_account,
    find_account,
    get_account,
    list_accounts,
    set_admin,
)
from storage.api_tokens import (
    create_token,
    find_token,
    list_tokens,
    note_use,
    revoke_token,
    should_note_use,
)
from storage.invitations import (
    accept_with_account,
    accept_with_new_account,
    create_invitation,
    find_invitation,
    list_invitations,
    revoke_invitation,
)
from storage.members import list_members, remove_membership
from storage.secret_tokens import hash_token
from storage.tables import Account, Annotator, ApiToken, Audit, Invitation
from workbench.errors import DataError

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def invite(session, project, **settings) -> str:
    return create_invitation(session, project.id, "annotator", now=NOW, actor="test", **settings)


def join(session, token: str, login: str, now: datetime = NOW) -> int:
    return accept_with_new_account(session, token, login, "hash", locale="zh", now=now)


def test_an_invitation_makes_an_account_with_its_role(database, project):
    with database.writing() as session:
        token = invite(session, project)
        stored = session.scalars(select(Invitation)).one()
        assert token not in (stored.token_hash, str(vars(stored))) and stored.token_hash == hash_token(token)
        assert find_invitation(session, token, now=NOW).project == "test"
        account = get_account(session, join(session, token, "ada"))
    assert account.roles == {project.id: frozenset({"annotator"})} and account.locale == "zh"
    with database.writing() as session:
        assert find_invitation(session, token, now=NOW) is None, "it was for one"
        with pytest.raises(DataError, match="used up"):
            join(session, token, "eve")


def test_an_invitation_ends(database, project):
    with database.writing() as session:
        late, withdrawn = invite(session, project, lasts=timedelta(hours=1)), invite(session, project, uses=3)
        assert find_invitation(session, late, now=NOW + timedelta(hours=1)) is None
        with pytest.raises(DataError, match="too old"):
            join(session, late, "eve", now=NOW + timedelta(hours=2))
        join(session, withdrawn, "ada")
        number = list_invitations(session, project.id)[0].id
        revoke_invitation(session, project.id, number, now=NOW, actor="test")
        with pytest.raises(DataError, match="withdrawn"):
            join(session, withdrawn, "bob")
        with pytest.raises(DataError, match="no invitation"):
            revoke_invitation(session, project.id + 1, number, now=NOW, actor="test")
        assert find_invitation(session, "invitation_guessed", now=NOW) is None


@pytest.mark.parametrize(
    ("settings", "problem"),
    [({"uses": 0}, "1 to 1000"), ({"lasts": timedelta(days=91)}, "90 days"), ({"lasts": timedelta(0)}, "90")],
)
def test_invitations_that_cannot_be(database, project, settings, problem):
    with database.writing() as session, pytest.raises(DataError, match=problem):
        invite(session, project, **settings)


def test_an_account_that_is_there_gets_another_role(database, project):
    with database.writing() as session:
        account = create_account(session, "ada", "hash")
        token = create_invitation(session, project.id, "lead", uses=2, now=NOW, actor="test")
        accept_with_account(session, token, account, now=NOW)
        accept_with_account(session, token, account, now=NOW)
        assert get_account(session, account).roles == {project.id: frozenset({"lead"})}


def test_a_refused_login_does_not_use_up_the_invitation(database, project):
    with database.writing() as session:
        create_account(session, "ada", "hash")
        token = invite(session, project)
    for login in ("ada", "", " ada", "a\x00b", "x" * 101, "a\u202eb"):
        with pytest.raises(DataError), database.writing() as session:
            join(session, token, login)
    with database.writing() as session:
        join(session, token, "bob")


def test_only_one_gets_the_last_use(database, project):
    with database.writing() as session:
        token = invite(session, project, uses=2)

    def race(number: int) -> bool:
        try:
            with database.writing() as session:
                join(session, token, f"racer-{number}")
        except DataError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(race, range(6))) == 2
    with database.reading() as session:
        assert len(list_members(session, project.id)) == 2


def test_tokens_open_until_they_end(database):
    with database.writing() as session:
        account = create_account(session, "ada", "hash")
        token = create_token(
            session, account, "nightly export", now=NOW, lasts=timedelta(days=1), actor="test"
        )
        stored = session.scalars(select(ApiToken)).one()
        assert stored.token_hash == hash_token(token) and token.startswith("accord_")
        found = find_token(session, token, now=NOW)
        assert found.account_id == account and should_note_use(found, now=NOW)
        note_use(session, found.id, now=NOW)
        session.expire_all()
        (listed,) = list_tokens(session, account)
        assert listed.last_used_at == NOW
        assert not should_note_use(listed, now=NOW + timedelta(seconds=59))
        assert should_note_use(listed, now=NOW + timedelta(seconds=60))
        assert find_token(session, token, now=NOW + timedelta(days=1)) is None
        assert find_token(session, token[:-1], now=NOW) is None
        other = create_account(session, "eve", "hash")
        with pytest.raises(DataError, match="no token"):
            revoke_token(session, other, listed.id, now=NOW, actor="test")
        revoke_token(session, account, listed.id, now=NOW, actor="test")
        assert find_token(session, token, now=NOW) is None and list_tokens(session, account) == []
        with pytest.raises(DataError, match="name"):
            create_token(session, account, " ", now=NOW, actor="test")


def test_members_and_their_roles(database, project):
    with database.writing() as session:
        account = create_account(session, "ada", "hash")
        for role in ("annotator", "reviewer"):
            add_membership(session, account, project.id, role)
        (member,) = list_members(session, project.id)
        assert (member.login, member.roles, member.pseudonym) == ("ada", ("annotator", "reviewer"), None)
        remove_membership(session, account, project.id, "annotator", actor="test")
        assert list_members(session, project.id)[0].roles == ("reviewer",)
        with pytest.raises(DataError, match="is not annotator"):
            remove_membership(session, account, project.id, "annotator", actor="test")
        assert [each.roles for each in list_accounts(session)] == [{project.id: frozenset({"reviewer"})}]


def test_erasure_forgets_the_person_and_keeps_the_labels(database, project):
    with database.writing() as session:
        account = create_account(session, "ada lovelace", "a secret hash", is_admin=True)
        with pytest.raises(DataError, match="only admin"):
            erase_account(session, account, now=NOW, actor="test")
        with pytest.raises(DataError, match="only admin"):
            set_admin(session, account, False, actor="test")
        set_admin(session, create_account(session, "bob", "hash"), True, actor="test")
        annotator = Annotator(pseudonym="person-1", kind="person")
        session.add(annotator)
        session.flush()
        session.get(Account, account).annotator_id = annotator.id
        add_membership(session, account, project.id, "annotator")
        token = create_token(session, account, "x", now=NOW, actor="test")
        erase_account(session, account, now=NOW, actor="test")
        assert find_account(session, "ada lovelace") is None and get_account(session, account) is None
        assert find_token(session, token, now=NOW) is None and list_members(session, project.id) == []
        row = session.get(Account, account)
        assert (row.login, row.password_hash, row.annotator_id, row.is_admin) == (None, None, None, False)
        assert session.get(Annotator, annotator.id).pseudonym == "person-1"
        trail = " ".join(f"{a.actor} {a.subject} {a.payload_hash}" for a in session.scalars(select(Audit)))
        assert "lovelace" not in trail
        create_account(session, "ada lovelace", "hash")
