"""Who may see what: the signed-in account of a request, and the rights that its roles give."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from annotation.sessions import BrowserSession, Sessions, same_token
from storage.accounts import AccountRecord, get_account
from storage.projects import ProjectRecord, get_project, list_projects
from workbench.errors import DataError

READERS = frozenset({"reviewer", "lead", "researcher"})
"""Roles that see a project's figures; annotators see their own work only."""


class SignInNeeded(Exception):
    """Nobody is signed in; the page sends them to the sign-in form."""


class NotFound(Exception):
    """There is no such thing, or this account may not know that there is."""


class Refused(Exception):
    """A form came without the token that its page had given it."""


def reading(request: Request) -> Iterator[Session]:
    """A database session that sees one state and writes nothing."""
    with request.app.state.database.reading() as session:
        yield session


Reading = Annotated[Session, Depends(reading)]


def browser_session(request: Request) -> BrowserSession | None:
    """What the cookie of the request says."""
    sessions: Sessions = request.app.state.sessions
    return sessions.read(request)


def signed_in(request: Request, database: Reading) -> AccountRecord:
    """The account of the request; raises SignInNeeded."""
    session = browser_session(request)
    if session is None or session.account_id is None:
        raise SignInNeeded
    account = get_account(database, session.account_id)
    sessions: Sessions = request.app.state.sessions
    if account is None or not same_token(session.fingerprint, sessions.fingerprint(account.password_hash)):
        raise SignInNeeded
    return account


SignedIn = Annotated[AccountRecord, Depends(signed_in)]


def check_form(session: BrowserSession | None, token: str) -> BrowserSession:
    """The session, if the form carries its token; else Refused."""
    if session is None or not same_token(session.csrf, token):
        raise Refused
    return session


def visible_projects(database: Session, account: AccountRecord) -> list[ProjectRecord]:
    """The projects in which the account has any role; an admin sees all."""
    return [project for project in list_projects(database) if account.is_admin or project.id in account.roles]


def readable_project(database: Session, account: AccountRecord, name: str) -> ProjectRecord:
    """The project, if the account may read its figures; else NotFound, which does not tell whether it exists."""
    try:
        project = get_project(database, name)
    except DataError as error:
        raise NotFound(name) from error
    if not can_read(account, project.id):
        raise NotFound(name)
    return project


def can_read(account: AccountRecord, project_id: int) -> bool:
    """Whether the account may read a project's figures."""
    return account.is_admin or bool(account.roles.get(project_id, frozenset()) & READERS)


def require_research(account: AccountRecord) -> None:
    """NotFound unless the account may see runs: admins, and leads and researchers of any project."""
    held = frozenset().union(*account.roles.values()) if account.roles else frozenset()
    if not account.is_admin and not held & {"lead", "researcher"}:
        raise NotFound("runs")
