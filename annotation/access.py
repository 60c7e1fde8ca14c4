"""Access: the signed-in account of a request, and the project it asks for if it has the right to."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Annotated

from fastapi import Depends, Form, Request
from sqlalchemy.orm import Session

from annotation.rights import Right, may, may_anywhere
from annotation.sessions import BrowserSession, Sessions, same_token
from storage.accounts import AccountRecord, get_account
from storage.api_tokens import find_token, note_use, should_note_use
from storage.projects import ProjectRecord, find_project, list_projects
from storage.tables import utc_now


class SignInNeeded(Exception):
    """Nobody is signed in; the page sends them to the sign-in form."""


class NotFound(Exception):
    """There is no such thing, or this account may not know that there is."""


class Forbidden(Exception):
    """The account knows the project, and its role there does not allow this."""


class Refused(Exception):
    """A form came without the token that its page had given it."""


async def admitted(request: Request) -> AsyncIterator[None]:
    """A place among the requests that hold a connection; the others wait without a thread."""
    async with request.app.state.readers:
        yield


def reading(request: Request, _: Annotated[None, Depends(admitted)]) -> Iterator[Session]:
    """A database session that sees one state and writes nothing, held until the request is answered."""
    with request.app.state.database.reading() as session:
        yield session


Reading = Annotated[Session, Depends(reading)]


def browser_session(request: Request) -> BrowserSession | None:
    """What the cookie of the request says."""
    sessions: Sessions = request.app.state.sessions
    return sessions.read(request)


def signed_in(request: Request, database: Reading) -> AccountRecord:
    """The account of the request, by its token if it sends one, else by its cookie; raises SignInNeeded."""
    given = request.headers.get("Authorization")
    account = _of_cookie(request, database) if given is None else _of_token(request, database, given)
    request.state.account_id = account.id
    return account


def reader_of(request: Request, database: Session) -> AccountRecord | None:
    """The same where a page is for strangers too; None for them."""
    try:
        return signed_in(request, database)
    except SignInNeeded:
        return None


def _of_token(request: Request, database: Session, header: str) -> AccountRecord:
    scheme, _, token = header.partition(" ")
    now = utc_now()
    found = find_token(database, token.strip(), now=now) if scheme.lower() == "bearer" else None
    account = get_account(database, found.account_id) if found else None
    if found is None or account is None:
        raise SignInNeeded
    if should_note_use(found, now=now):
        with request.app.state.database.writing() as writing:
            note_use(writing, found.id, now=now)
    return account


def _of_cookie(request: Request, database: Session) -> AccountRecord:
    session = browser_session(request)
    account = None if session is None else account_of(request, database, session)
    if account is None:
        raise SignInNeeded
    return account


def account_of(request: Request, database: Session, session: BrowserSession) -> AccountRecord | None:
    """The account of a session; None where nobody is signed in with it, or the password was changed since."""
    account = None if session.account_id is None else get_account(database, session.account_id)
    sessions: Sessions = request.app.state.sessions
    if account is None or not same_token(session.fingerprint, sessions.fingerprint(account.password_hash)):
        return None
    return account


SignedIn = Annotated[AccountRecord, Depends(signed_in)]


def changing(request: Request, account: SignedIn) -> AccountRecord:
    """The account of a request that changes something by JSON: a browser must send its page's token in a header.

    A request with a token of its own needs none: no other site can make a browser send that header.
    """
    if "Authorization" not in request.headers:
        check_form(browser_session(request), request.headers.get("X-CSRF-Token", ""))
    return account


Changing = Annotated[AccountRecord, Depends(changing)]


def posting(
    request: Request, account: SignedIn, csrf: Annotated[str, Form(max_length=200)] = ""
) -> AccountRecord:
    """The account of a form that was sent from one of our pages; forms are for browsers, so a token is not enough."""
    check_form(browser_session(request), csrf)
    return account


Posting = Annotated[AccountRecord, Depends(posting)]


async def form_fields(request: Request) -> Mapping[str, str]:
    """The text fields of a form whose names its handler alone knows.

    Read here, so that the handler need not be a coroutine: one that waited for the database would halt all others.
    """
    return {key: value for key, value in (await request.form()).items() if isinstance(value, str)}


Fields = Annotated[Mapping[str, str], Depends(form_fields)]


def check_form(session: BrowserSession | None, token: str) -> BrowserSession:
    """The session, if the form carries its token; else Refused."""
    if session is None or not same_token(session.csrf, token):
        raise Refused
    return session


def visible_projects(database: Session, account: AccountRecord) -> list[ProjectRecord]:
    """The projects in which the account has any role; an admin sees all."""
    return [project for project in list_projects(database) if account.is_admin or project.id in account.roles]


def project_for(database: Session, account: AccountRecord, name: str, right: Right) -> ProjectRecord:
    """The project, if the account has the right in it.

    Forbidden for those who have another role there; NotFound for strangers, which does not tell whether it exists.
    """
    return allowed(account, find_project(database, name), name, right)


def allowed(account: AccountRecord, project: ProjectRecord | None, name: str, right: Right) -> ProjectRecord:
    """The project that was found under a name, if the account has the right in it; else as `project_for`."""
    if project is None or not (account.is_admin or project.id in account.roles):
        raise NotFound(name)
    if not may(account, project.id, right):
        raise Forbidden(f"{right} in {name}")
    return project


def readable_project(database: Session, account: AccountRecord, name: str) -> ProjectRecord:
    """The project, if the account may read its figures; else as `project_for`."""
    return project_for(database, account, name, "read")


def can_read(account: AccountRecord, project_id: int) -> bool:
    """Whether the account may read a project's figures."""
    return may(account, project_id, "read")


def require_research(account: AccountRecord) -> None:
    """NotFound unless the account may see runs: admins, and leads and researchers of any project."""
    if not may_anywhere(account, "export"):
        raise NotFound("runs")


def require_admin(account: AccountRecord) -> None:
    """NotFound unless the account is an admin."""
    if not account.is_admin:
        raise NotFound("administration")
