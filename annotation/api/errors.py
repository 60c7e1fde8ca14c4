"""Errors of assignment and answering, with the status and the code that a program acts by."""

import logging

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from annotation.answers import FormError
from annotation.errors import is_for_program, say, try_again, write_down
from storage.answering import AlreadyAnswered, KeyReused, Withdrawn
from storage.answers import UnknownGuideline
from storage.assignment import TooManyTasks
from storage.database import Unavailable
from storage.history import NoSuchSubmission, NotRevisable, Superseded
from storage.leases import ForeignTask, NoSuchTask, SlotTaken
from workbench.errors import AccordError, ConfigError, RecordError

log = logging.getLogger(__name__)

_KINDS: dict[type[AccordError], tuple[int, str]] = {
    Unavailable: (503, "try-again"),
    NoSuchTask: (410, "lease-expired"),
    SlotTaken: (409, "slot-taken"),
    TooManyTasks: (409, "too-many-tasks"),
    AlreadyAnswered: (409, "already-answered"),
    KeyReused: (409, "key-reused"),
    Withdrawn: (403, "withdrawn"),
    UnknownGuideline: (422, "unknown-guideline"),
    NoSuchSubmission: (404, "not-found"),
    Superseded: (409, "superseded"),
    NotRevisable: (409, "not-revisable"),
    RecordError: (422, "invalid"),
    ConfigError: (500, "project-settings"),
}


def add_api_errors(app: FastAPI) -> None:
    """Let the service answer each of these errors."""
    for kind in _KINDS:
        app.add_exception_handler(kind, _known_error)
    app.add_exception_handler(FormError, _form_error)
    app.add_exception_handler(SQLAlchemyError, _database_error)


def _known_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AccordError)
    if isinstance(error, ForeignTask | NoSuchSubmission):
        write_down(request, "not theirs")
    if isinstance(error, Unavailable):
        log.error("%s %s was not done: %s", request.method, request.url.path, error)
    status, code = next(_KINDS[kind] for kind in type(error).__mro__ if kind in _KINDS)
    if not is_for_program(request):
        return (
            try_again(request) if isinstance(error, Unavailable) else say(request, status, code, str(error))
        )
    return _answer(status, code, str(error), error.field if isinstance(error, RecordError) else None)


def _form_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, FormError)
    return _answer(422, "invalid-answer", str(error), error.field)


def _database_error(request: Request, error: Exception) -> Response:
    log.error("%s %s failed in the database", request.method, request.url.path, exc_info=error)
    if not is_for_program(request):
        return try_again(request)
    return _answer(503, "try-again", "the database does not answer; nothing was changed, so try again", None)


def _answer(status: int, code: str, message: str, field: str | None) -> JSONResponse:
    headers = {"Retry-After": "1"} if status == 503 else None
    return JSONResponse(
        {"error": {"code": code, "message": message, "field": field}}, status_code=status, headers=headers
    )
