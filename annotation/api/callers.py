"""Callers: the account behind a request to the API, the annotator it ranks as, and the project it works in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from anyio import to_thread
from fastapi import Depends, Header, Request
from sqlalchemy.orm import Session

from annotation.access import NotFound, allowed, changing, signed_in
from storage.accounts import AccountRecord
from storage.annotators import AnnotatorRecord, ensure_annotator
from storage.database import Database
from storage.projects import ProjectRecord, find_project

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks, and the database to do it on."""

    account: AccountRecord
    database: Database
    named: ProjectRecord | None
    """The project in the path, if it names one that exists; whoever takes it checks the right to it."""

    def annotator(self, session: Session) -> AnnotatorRecord:
        """The annotator that the account ranks as; made at first need, in the session of a change."""
        return self.account.annotator or ensure_annotator(session, self.account.id)

    def working_in(self, project: str) -> ProjectRecord:
        """The project of the path, for those who rank in it."""
        return allowed(self.account, self.named, project, "annotate")


def caller(request: Request) -> Caller:
    """The signed-in account; a browser that changes something sends its page's token in a header."""
    # A session of its own that ends here: the handler's transaction then needs one connection and not two.
    with request.app.state.database.reading() as session:
        return _find_caller(request, session)


async def changing_once(request: Request, change: Callable[[Session, Caller], T]) -> T:
    """Find who asks and make their change, in one thread and, where several may write at once, one transaction.

    The requests of the ranking page come this way. Few threads serve them all: more would only take turns.
    """
    return await to_thread.run_sync(_change, request, change, limiter=request.app.state.page_limiter)


def _change(request: Request, change: Callable[[Session, Caller], T]) -> T:
    database: Database = request.app.state.database
    if database.has_one_writer:
        found = caller(request)
        with database.writing() as session:
            return change(session, found)
    with database.writing() as session:
        return change(session, _find_caller(request, session))


def _find_caller(request: Request, session: Session) -> Caller:
    account = signed_in(request, session)
    name = request.path_params.get("project")
    named = None if name is None else find_project(session, name)
    if request.method not in SAFE:
        changing(request, account)
    return Caller(account=account, database=request.app.state.database, named=named)


Calling = Annotated[Caller, Depends(caller)]
IdempotencyKey = Annotated[
    str, Header(alias="Idempotency-Key", min_length=8, max_length=100, pattern=r"^[\x21-\x7e]+$")
]


# It reads nothing, and as a coroutine it needs no thread of its own.
async def seen_project(project: str, calling: Calling) -> ProjectRecord:
    """The project of the path, for anyone with a role in it."""
    found = calling.named
    if found is None or not (calling.account.is_admin or found.id in calling.account.roles):
        raise NotFound(project)
    return found


Seeing = Annotated[ProjectRecord, Depends(seen_project)]
