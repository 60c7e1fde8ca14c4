"""Errors of the service made into answers: a page for a browser's reader, one JSON shape for a program."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from annotation.access import Forbidden, NotFound, Refused, SignInNeeded, changing, reader_of, signed_in
from annotation.language import DEFAULT, Translate, messages, told, translator, words_for
from annotation.pages import render
from annotation.throttle import Throttle
from storage import audit
from storage.accounts import AccountRecord
from storage.database import Database
from workbench.errors import DataError

API = "/api/"
REFUSALS = 30
REFUSAL_SECONDS = 60.0
"""Refusals of one account that are written down within this time; more of the same tell nothing new."""


class ApiError(Exception):
    """What a program is told: `code` is for it, `message` for the person behind it, `field` is where it was wrong."""

    def __init__(self, status: int, code: str, message: str, *, field: str | None = None) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        super().__init__(message)


def add_error_handlers(app: FastAPI) -> None:
    """Let the service answer each of its errors."""
    for kind, handler in (
        (SignInNeeded, _to_sign_in),
        (Refused, _refused),
        (Forbidden, _forbidden),
        (NotFound, _not_found),
        (ApiError, _api_error),
        (DataError, _data_error),
        (HTTPException, http_error),
        (RequestValidationError, _bad_request),
    ):
        app.add_exception_handler(kind, handler)


def error_body(code: str, message: str, field: str | None = None) -> Mapping[str, Any]:
    """The one shape of an error in JSON."""
    return {"error": {"code": code, "message": message, "field": field}}


def is_for_program(request: Request) -> bool:
    """Whether a program asks, which reads JSON and no page."""
    return request.url.path.startswith((API, "/webhooks/"))


def say(request: Request, status: int, code: str, text: str) -> Response:
    """That something did not work, and why."""
    return _answer(request, status, code, "refused.failed", text)


def try_again(request: Request) -> Response:
    """The database is busy or away: nothing was done, and in a moment it may be. Whoever asks cannot be looked up."""
    t = words_for(request, None)
    answer = render(
        request,
        "message.html",
        account=None,
        status=503,
        title=t("refused.busy"),
        text=t("refused.busy_text"),
    )
    answer.headers["Retry-After"] = "1"
    return answer


def _answer(request: Request, status: int, code: str, title: str, text: str) -> Response:
    """A page with a message's title and text, or JSON; a text that is no message's key stands as it is.

    Programs are told in one language: they act by the code, and their logs are read by others.
    """
    if is_for_program(request):
        return JSONResponse(error_body(code, _said(translator(DEFAULT), text)), status_code=status)
    account = _reader(request)
    t = words_for(request, account)
    return render(
        request, "message.html", account=account, status=status, title=t(title), text=_said(t, text)
    )


def _said(t: Translate, text: str) -> str:
    return t(text) if text in messages(DEFAULT) else text


def _reader(request: Request) -> AccountRecord | None:
    """Who reads the page, so that its navigation stays; None where nobody is signed in."""
    database: Database = request.app.state.database
    with database.reading() as session:
        return reader_of(request, session)


def _to_sign_in(request: Request, error: Exception) -> Response:
    if request.url.path.startswith(API):
        text = "nobody is signed in: sign in again, or send 'Authorization: Bearer TOKEN' with a token that is valid"
        return JSONResponse(
            error_body("not-signed-in", text), status_code=401, headers={"WWW-Authenticate": "Bearer"}
        )
    return RedirectResponse("/sign-in", status_code=303)


def _refused(request: Request, error: Exception) -> Response:
    return _answer(request, 403, "form-refused", "refused.form", "refused.form_text")


def _forbidden(request: Request, error: Exception) -> Response:
    write_down(request, "forbidden")
    return _answer(request, 403, "forbidden", "refused.forbidden", "error.forbidden")


def _not_found(request: Request, error: Exception) -> Response:
    write_down(request, "not found")
    return _answer(request, 404, "not-found", "refused.not_found", "error.not-found")


def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse(error_body(error.code, error.message, error.field), status_code=error.status)


def _data_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DataError)
    if request.url.path.startswith(API):
        return JSONResponse(error_body("not-possible", str(error)), status_code=409)
    text = told(error, words_for(request, _reader(request)))
    return _answer(request, 409, "not-possible", "refused.failed", text)


def http_error(request: Request, error: Exception) -> Response:
    """The answer to an error that already has a status."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return _not_found(request, error)
    code = {405: "wrong-method", 413: "too-large"}.get(error.status_code, "not-possible")
    answer = _answer(request, error.status_code, code, "refused.failed", str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


def _bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if not request.url.path.startswith(API):
        return _answer(request, 422, "", "refused.failed", "refused.bad_request")
    # Some handlers look who asks after the body was read; strangers are not told what is wrong in it.
    try:
        with request.app.state.database.reading() as session:
            account = signed_in(request, session)
        if request.method != "GET":
            changing(request, account)
    except SignInNeeded as stranger:
        return _to_sign_in(request, stranger)
    except Refused as refused:
        return _refused(request, refused)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"] if part != "body")
    text = f"{field or 'the body'}: {first['msg']}"
    return JSONResponse(error_body("invalid", text, field or None), status_code=422)


def write_down(request: Request, answer: str) -> None:
    """Note in the audit trail who asked for what they may not have."""
    account_id = getattr(request.state, "account_id", None)
    throttle: Throttle = request.app.state.refusal_throttle
    if account_id is None or not throttle.is_open(str(account_id)):
        return
    throttle.fail(str(account_id))
    database: Database = request.app.state.database
    with database.writing() as session:
        subject = f"{request.method} {request.url.path}"[:500]
        audit.record(session, f"account:{account_id}", "refused", subject, {"answer": answer})
