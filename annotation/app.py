"""The service as an application: its parts put together and its headers set."""

import time
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response

from annotation.api.errors import add_api_errors
from annotation.api.openapi import add_api
from annotation.body_limit import MEBI, BodyLimit
from annotation.errors import REFUSAL_SECONDS, REFUSALS, add_error_handlers, http_error
from annotation.routes import (
    account,
    health,
    label_studio,
    language,
    leading,
    projects,
    ranking,
    runs,
    scripts,
)
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
    app.state.refusal_throttle = Throttle(REFUSALS, REFUSAL_SECONDS, time.monotonic)
    for routes in (
        health.router,
        scripts.router,
        account.router,
        language.router,
        ranking.router,
        projects.router,
        runs.router,
        label_studio.router,
        leading.router,
    ):
        app.include_router(routes)
    add_api(app)
    add_api_errors(app)
    larger = {"/upload": settings.upload_megabytes * MEBI}
    app.add_middleware(BodyLimit, answer=http_error, larger=larger)
    app.middleware("http")(_add_headers)
    add_error_handlers(app)
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
