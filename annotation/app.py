"""The service as an application: its parts put together and its headers set."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from fastapi import FastAPI

from annotation.api.errors import add_api_errors
from annotation.api.openapi import add_api
from annotation.body_limit import MEBI, BodyLimit
from annotation.errors import REFUSAL_SECONDS, REFUSALS, add_error_handlers, http_error
from annotation.headers import Headers
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
from annotation.worker import Worker, working
from storage.database import Database

LOGIN_FAILURES = 10
ADDRESS_FAILURES = 100
"""More than for a login: behind a proxy or in an office many people share an address."""
FAILURE_SECONDS = 300.0


def create_app(settings: Settings, database: Database, *, with_worker: bool = False) -> FastAPI:
    """The service on a database that is open and up to date; with a worker in a thread of its own if asked."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with working(Worker(database, settings)) if with_worker else nullcontext():
            yield

    app = FastAPI(title="Accord", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
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
    app.add_middleware(Headers, secure=settings.secure_cookies)
    add_error_handlers(app)
    return app
