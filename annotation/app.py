"""The service as an application: its parts put together and its headers set."""

import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from anyio import CapacityLimiter
from anyio.to_thread import current_default_thread_limiter
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
from annotation.settings import Settings, load_settings
from annotation.throttle import Throttle
from annotation.worker import Worker, working
from storage.database import POOL_SIZE, Database, open_database

LOGIN_FAILURES = 10
ADDRESS_FAILURES = 100
"""More than for a login: behind a proxy or in an office many people share an address."""
FAILURE_SECONDS = 300.0
PAGE_THREADS = 4
"""Threads of one process for the ranking page: they share one interpreter, and with more each takes longer."""
READERS = 8
"""Requests for other pages that hold a connection while they wait for a thread."""
SWITCH_SECONDS = 0.0005
"""How long a thread may compute while others wait: those that answer connections have little to do and do it often."""
OTHER_THREADS = POOL_SIZE - READERS - 2 * PAGE_THREADS
"""Threads for all else: even if each takes a connection beside those, and each of the page's two, none is missing."""


def app_of_process() -> FastAPI:
    """The service of one process of several, made from the environment; it ends when the process that began it does."""
    end_with_parent()
    app = create_app(load_settings(), open_database())
    settle_process()
    return app


def settle_process() -> None:
    """Make this process one that answers many at once and does nothing else."""
    sys.setswitchinterval(SWITCH_SECONDS)
    # What stands by now stays: a search for cycles in all of it would halt every request for a tenth of a second.
    gc.collect()
    gc.freeze()


def end_with_parent() -> None:
    """Ask this process to end when its parent has, even if that was killed: it would hold the port for good."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="wait for the parent", daemon=True).start()


def create_app(settings: Settings, database: Database, *, with_worker: bool = False) -> FastAPI:
    """The service on a database that is open and up to date; with a worker in a thread of its own if asked."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = OTHER_THREADS
        with working(Worker(database, settings)) if with_worker else nullcontext():
            yield

    app = FastAPI(title="Accord", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.settings = settings
    app.state.database = database
    app.state.page_limiter = CapacityLimiter(PAGE_THREADS)
    app.state.readers = CapacityLimiter(READERS)
    app.state.sessions = Sessions(settings)
    app.state.login_throttle = Throttle(LOGIN_FAILURES, FAILURE_SECONDS, time.monotonic)
    app.state.address_throttle = Throttle(ADDRESS_FAILURES, FAILURE_SECONDS, time.monotonic)
    app.state.refusal_throttle = Throttle(REFUSALS, REFUSAL_SECONDS, time.monotonic)
    # The first that fits answers, and most requests are the ranking page's.
    add_api(app)
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
    add_api_errors(app)
    larger = {"/upload": settings.upload_megabytes * MEBI}
    app.add_middleware(BodyLimit, answer=http_error, larger=larger)
    app.add_middleware(Headers, secure=settings.secure_cookies)
    add_error_handlers(app)
    return app
