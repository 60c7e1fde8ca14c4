"""Errors of the service made into answers: a page for a browser's reader, one JSON shape for a program."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from annotation.access import Forbidden, NotFound, Refused, SignInNeeded
from annotation.pages import render
from annotation.throttle import Throttle
from storage import audit
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


def _answer(request: Request, status: int, code: str, title: str, text: str) -> Response:
    if request.url.path.startswith(API):
        return JSONResponse(error_body(code, text), status_code=status)
    return render(request, "message.html", account=None, status=status, title=title, text=text)


def _to_sign_in(request: Request, error: Exception) -> Response:
    if request.url.path.startswith(API):
        text = "nobody is signed in: sign in again, or send 'Authorization: Bearer TOKEN' with a token that is valid"
        return JSONResponse(
            error_body("not-signed-in", text), status_code=401, headers={"WWW-Authenticate": "Bearer"}
        )
    return RedirectResponse("/sign-in", status_code=303)


def _refused(request: Request, error: Exception) -> Response:
    text = "This form was open for too long, or did not come from this site. Go back, reload the page and try again."
    return _answer(request, 403, "form-refused", "The form was refused", text)


def _forbidden(request: Request, error: Exception) -> Response:
    write_down(request, "forbidden")
    text = "Your role in this project does not allow this. A lead of the project can give you another."
    return _answer(request, 403, "forbidden", "Not allowed", text)


def _not_found(request: Request, error: Exception) -> Response:
    write_down(request, "not found")
    text = "There is nothing here, or your account may not see it."
    return _answer(request, 404, "not-found", "Not found", text)


def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse(error_body(error.code, error.message, error.field), status_code=error.status)


def _data_error(request: Request, error: Exception) -> Response:
    return _answer(request, 409, "not-possible", "That did not work", str(error))


def http_error(request: Request, error: Exception) -> Response:
    """The answer to an error that already has a status."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return _not_found(request, error)
    code = {405: "wrong-method", 413: "too-large"}.get(error.status_code, "not-possible")
    answer = _answer(request, error.status_code, code, "That did not work", str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


def _bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if not request.url.path.startswith(API):
        return _answer(request, 422, "", "That did not work", "The request was not one that this page sends.")
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
