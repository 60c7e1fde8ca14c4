"""Accounts and memberships: who can sign in, and what they may do in which project."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, delete, select
from sqlalchemy.orm import Session

from storage import audit
from storage.annotators import AnnotatorRecord
from storage.tables import Account, Annotator, ApiToken, Membership
from storage.tables.people import ROLES
from workbench.errors import DataError, quoted

LONGEST_LOGIN = 100


@dataclass(frozen=True, kw_only=True)
class AccountRecord:
    """An account as the service sees it."""

    id: int
    login: str
    password_hash: str | None
    locale: str
    is_admin: bool
    roles: Mapping[int, frozenset[str]]
    """Roles by project id."""
    annotator: AnnotatorRecord | None = None
    """Whom the account ranks as, where it was asked for by id and has ranked before."""


def create_account(
    session: Session,
    login: str,
    password_hash: str,
    *,
    is_admin: bool = False,
    locale: str = "en",
    actor: str = "command line",
) -> int:
    """Make an account and return its id; DataError if the login is no login or taken."""
    if not login.strip():
        raise DataError("an account needs a login", code="no_login")
    if login != login.strip() or not login.isprintable() or len(login) > LONGEST_LOGIN:
        raise DataError(
            f"a login has at most {LONGEST_LOGIN} characters, none of them invisible and no space at either end, "
            f"got {quoted(login)}",
            code="login_form",
            most=LONGEST_LOGIN,
            login=quoted(login),
        )
    if session.scalar(select(Account.id).where(Account.login == login)) is not None:
        raise DataError(f"there is an account '{login}' already", code="login_taken", login=login)
    account = Account(login=login, password_hash=password_hash, is_admin=is_admin, locale=locale)
    session.add(account)
    session.flush()
    audit.record(session, actor, "create account", f"account:{account.id}", {"admin": is_admin})
    return account.id


def add_membership(
    session: Session, account_id: int, project_id: int, role: str, *, actor: str = "command line"
) -> None:
    """Give an account a role in a project; giving it twice changes nothing. DataError for an unknown role."""
    if role not in ROLES:
        raise DataError(f"no role '{role}'; the roles are {', '.join(ROLES)}")
    held = select(Membership.id).where(
        Membership.account_id == account_id, Membership.project_id == project_id, Membership.role == role
    )
    if session.scalar(held) is not None:
        return
    session.add(Membership(account_id=account_id, project_id=project_id, role=role))
    audit.record(
        session,
        actor,
        "add membership",
        f"account:{account_id}",
        {"project": project_id, "role": role},
    )
    session.flush()


def find_account(session: Session, login: str) -> AccountRecord | None:
    """The account of that login, unless it is erased."""
    row = session.scalar(select(Account).where(Account.login == login, Account.erased_at.is_(None)))
    return None if row is None else _record(session, row)


def get_account(session: Session, account_id: int) -> AccountRecord | None:
    """The account of that id, unless it is erased."""
    rows = session.connection().execute(_account(), {"account": account_id}).all()
    if not rows:
        return None
    roles: dict[int, set[str]] = {}
    for row in rows:
        if row.project_id is not None:
            roles.setdefault(row.project_id, set()).add(row.role)
    first = rows[0]
    annotator = (
        None
        if first.annotator_id is None
        else AnnotatorRecord(id=first.annotator_id, pseudonym=first.pseudonym, kind=first.kind)
    )
    return replace(_make_record(first, roles), annotator=annotator)


@cache
def _account() -> Select[*tuple[Any, ...]]:
    # Every request asks this, so it is one statement and made once.
    return (
        select(
            Account.id,
            Account.login,
            Account.password_hash,
            Account.locale,
            Account.is_admin,
            Account.annotator_id,
            Annotator.pseudonym,
            Annotator.kind,
            Membership.project_id,
            Membership.role,
        )
        .outerjoin(Annotator, Annotator.id == Account.annotator_id)
        .outerjoin(Membership, Membership.account_id == Account.id)
        .where(Account.id == bindparam("account"), Account.erased_at.is_(None))
    )


def set_password_hash(session: Session, account_id: int, password_hash: str) -> None:
    """Replace an account's password hash."""
    account = session.get(Account, account_id)
    if account is None:
        raise DataError(f"no account with id {account_id}")
    account.password_hash = password_hash
    session.flush()


def set_locale(session: Session, account_id: int, locale: str) -> None:
    """Remember the language that an account reads the service in."""
    account = session.get(Account, account_id)
    if account is None:
        raise DataError(f"no account with id {account_id}")
    account.locale = locale
    session.flush()


def change_password(session: Session, account_id: int, password_hash: str, *, actor: str) -> None:
    """Replace the password; sessions that were begun with the old one end."""
    set_password_hash(session, account_id, password_hash)
    audit.record(session, actor, "change password", f"account:{account_id}", {})


def list_accounts(session: Session) -> list[AccountRecord]:
    """All accounts that are not erased, by login."""
    rows = session.scalars(select(Account).where(Account.erased_at.is_(None)).order_by(Account.login)).all()
    roles: dict[int, dict[int, set[str]]] = {}
    for member in session.scalars(select(Membership)):
        roles.setdefault(member.account_id, {}).setdefault(member.project_id, set()).add(member.role)
    return [_make_record(row, roles.get(row.id, {})) for row in rows]


def set_admin(session: Session, account_id: int, is_admin: bool, *, actor: str) -> None:
    """Make an account an admin, or one no more; DataError where none would be left."""
    account = _standing(session, account_id)
    if not is_admin:
        _keep_an_admin(session, account)
    account.is_admin = is_admin
    audit.record(session, actor, "set admin", f"account:{account_id}", {"admin": is_admin})
    session.flush()


def erase_account(session: Session, account_id: int, *, now: datetime, actor: str) -> None:
    """Forget who someone was: login, password, roles and tokens go; pseudonym and labels stay, without a link."""
    account = _standing(session, account_id)
    _keep_an_admin(session, account)
    account.login = account.password_hash = account.annotator_id = None
    account.is_admin = False
    account.erased_at = now
    session.execute(delete(Membership).where(Membership.account_id == account_id))
    session.execute(delete(ApiToken).where(ApiToken.account_id == account_id))
    audit.record(session, actor, "erase account", f"account:{account_id}", {})
    session.flush()


def _standing(session: Session, account_id: int) -> Account:
    account = session.get(Account, account_id)
    if account is None or account.erased_at is not None:
        raise DataError(f"no account with id {account_id}")
    return account


def _keep_an_admin(session: Session, account: Account) -> None:
    others = select(Account.id).where(Account.is_admin, Account.erased_at.is_(None), Account.id != account.id)
    if account.is_admin and session.scalar(others.limit(1)) is None:
        raise DataError("this is the only admin; make another account admin first", code="only_admin")


def _record(session: Session, row: Account) -> AccountRecord:
    held = select(Membership.project_id, Membership.role).where(Membership.account_id == row.id)
    roles: dict[int, set[str]] = {}
    for project_id, role in session.execute(held):
        roles.setdefault(project_id, set()).add(role)
    return _make_record(row, roles)


def _make_record(row: Any, roles: Mapping[int, Set[str]]) -> AccountRecord:
    return AccountRecord(
        id=row.id,
        login=row.login or "",
        password_hash=row.password_hash,
        locale=row.locale,
        is_admin=row.is_admin,
        roles={project_id: frozenset(found) for project_id, found in roles.items()},
    )
