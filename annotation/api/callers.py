"""Callers: the account behind a request to the API, the annotator it ranks as, and the project it works in."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request

from annotation.access import NotFound, allowed, changing, signed_in
from annotation.forms import ProjectSettings, read_settings
from storage.accounts import AccountRecord
from storage.annotators import AnnotatorRecord, ensure_annotator
from storage.database import Database
from storage.projects import ProjectRecord, find_project

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks, and the database to do it on."""

    account: AccountRecord
    database: Database
    named: ProjectRecord | None
    """The project in the path, if it names one that exists; whoever takes it checks the right to it."""

    def annotator(self) -> AnnotatorRecord:
        """The annotator that the account ranks as; made at first need."""
        if self.account.annotator is not None:
            return self.account.annotator
        with self.database.writing() as session:
            return ensure_annotator(session, self.account.id)


def caller(request: Request) -> Caller:
    """The signed-in account; a browser that changes something sends its page's token in a header."""
    database: Database = request.app.state.database
    # A session of its own that ends here: the handler's transaction then needs one connection and not two.
    with database.reading() as session:
        account = signed_in(request, session)
        name = request.path_params.get("project")
        named = None if name is None else find_project(session, name)
    if request.method not in SAFE:
        changing(request, account)
    return Caller(account=account, database=database, named=named)


Calling = Annotated[Caller, Depends(caller)]
IdempotencyKey = Annotated[
    str, Header(alias="Idempotency-Key", min_length=8, max_length=100, pattern=r"^[\x21-\x7e]+$")
]


@dataclass(frozen=True, kw_only=True)
class Work:
    """A project as one of its annotators works in it."""

    caller: Caller
    project: ProjectRecord

    @property
    def settings(self) -> ProjectSettings:
        """The project's settings."""
        return read_settings(self.project.settings)

    @property
    def annotator(self) -> AnnotatorRecord:
        """Who works."""
        return self.caller.annotator()


# These two read nothing, and as coroutines they need no thread of their own.
async def work_in(project: str, calling: Calling) -> Work:
    """The project of the path, for those who rank in it."""
    return Work(caller=calling, project=allowed(calling.account, calling.named, project, "annotate"))


async def seen_project(project: str, calling: Calling) -> ProjectRecord:
    """The project of the path, for anyone with a role in it."""
    found = calling.named
    if found is None or not (calling.account.is_admin or found.id in calling.account.roles):
        raise NotFound(project)
    return found


Working = Annotated[Work, Depends(work_in)]
Seeing = Annotated[ProjectRecord, Depends(seen_project)]
