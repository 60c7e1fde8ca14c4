"""The service as an application: its parts put together, its errors made into pages, its headers set."""

import time
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException

from annotation.access import NotFound, Refused, SignInNeeded
from annotation.pages import render
from annotation.routes import account, health, language, projects, runs, scripts
from annotation.sessions import Sessions
from annotation.settings import Settings
from annotation.throttle import Throttle
from storage.database import Database

# Reports draw with style attributes; everything else comes from our own files, and nothing may frame us.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


LOGIN_FAILURES = 10
ADDRESS_FAILURES = 100
"""More than for a login: behind a proxy or in an office many people share an address."""
FAILURE_SECONDS = 300.0


def create_app(settings: Settings, database: Database) -> FastAPI:
    """The service on a database that is open and up to date."""
    app = FastAPI(title="Accord", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings = settings
    app.state.database = database
    app.state.sessions = Sessions(settings)
    app.state.login_throttle = Throttle(LOGIN_FAILURES, FAILURE_SECONDS, time.monotonic)
    app.state.address_throttle = Throttle(ADDRESS_FAILURES, FAILURE_SECONDS, time.monotonic)
    for routes in (
        health.router,
        scripts.router,
        account.router,
        language.router,
        projects.router,
        runs.router,
    ):
        app.include_router(routes)
    app.middleware("http")(_add_headers)
    app.add_exception_handler(SignInNeeded, _to_sign_in)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(NotFound, _not_found)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _bad_request)
    return app


async def _add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    headers = {
        "Content-Security-Policy": CONTENT_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    if request.app.state.settings.secure_cookies:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    for name, value in headers.items():
        response.headers.setdefault(name, value)
    return response


def _to_sign_in(request: Request, error: Exception) -> Response:
    return RedirectResponse("/sign-in", status_code=303)


def _message(request: Request, status: int, title: str, text: str) -> HTMLResponse:
    return render(request, "message.html", account=None, status=status, title=title, text=text)


def _refused(request: Request, error: Exception) -> Response:
    text = "This form was open for too long, or did not come from this site. Go back, reload the page and try again."
    return _message(request, 403, "The form was refused", text)


def _not_found(request: Request, error: Exception) -> Response:
    return _message(request, 404, "Not found", "There is nothing here, or your account may not see it.")


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return _not_found(request, error)
    return _message(request, error.status_code, "That did not work", str(error.detail))


def _bad_request(request: Request, error: Exception) -> Response:
    return _message(request, 422, "That did not work", "The request was not one that this page sends.")
