"""Callers: the account behind a request to the API, the annotator it ranks as, and the project it works in."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request

from annotation.access import NotFound, changing, project_for, signed_in
from annotation.forms import ProjectSettings, read_settings
from storage.accounts import AccountRecord
from storage.annotators import AnnotatorRecord, annotator_of, ensure_annotator
from storage.database import Database
from storage.projects import ProjectRecord, find_project

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks, and the database to do it on."""

    account: AccountRecord
    database: Database
    known: AnnotatorRecord | None

    def annotator(self) -> AnnotatorRecord:
        """The annotator that the account ranks as; made at first need."""
        if self.known is not None:
            return self.known
        with self.database.writing() as session:
            return ensure_annotator(session, self.account.id)


def caller(request: Request) -> Caller:
    """The signed-in account; a browser that changes something sends its page's token in a header."""
    database: Database = request.app.state.database
    # A session of its own that ends here: the handler's transaction then needs one connection and not two.
    with database.reading() as session:
        account = signed_in(request, session)
        annotator = annotator_of(session, account.id)
    if request.method not in SAFE:
        changing(request, account)
    return Caller(account=account, database=database, known=annotator)


Calling = Annotated[Caller, Depends(caller)]
IdempotencyKey = Annotated[
    str, Header(alias="Idempotency-Key", min_length=8, max_length=100, pattern=r"^[\x21-\x7e]+$")
]


@dataclass(frozen=True, kw_only=True)
class Work:
    """A project as one of its annotators works in it."""

    caller: Caller
    project: ProjectRecord
    settings: ProjectSettings
    annotator: AnnotatorRecord


def work_in(project: str, calling: Calling) -> Work:
    """The project of the path, for those who rank in it."""
    with calling.database.reading() as session:
        found = project_for(session, calling.account, project, "annotate")
    return Work(
        caller=calling,
        project=found,
        settings=read_settings(found.settings),
        annotator=calling.annotator(),
    )


def seen_project(project: str, calling: Calling) -> ProjectRecord:
    """The project of the path, for anyone with a role in it."""
    with calling.database.reading() as session:
        found = find_project(session, project)
    if found is None or not (calling.account.is_admin or found.id in calling.account.roles):
        raise NotFound(project)
    return found


Working = Annotated[Work, Depends(work_in)]
Seeing = Annotated[ProjectRecord, Depends(seen_project)]
