"""`accord serve` and `accord account create`."""

import getpass
import sys
from dataclasses import dataclass
from typing import Annotated

import tyro

from cli.arguments import parse_plain
from workbench.errors import UsageError

KEEP_ALIVE = 75
"""Seconds for which a silent connection stays open: longer than most rankings take, and than proxies keep theirs."""
LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True)
class ServeArguments:
    """Start the labeling service.

    It reads ACCORD_SECRET_KEY, ACCORD_ENVIRONMENT (development or production), ACCORD_DATABASE_URL and ACCORD_HOME.
    """

    host: str = "127.0.0.1"
    """Address to listen on; behind a proxy that speaks HTTPS, anything but this machine alone."""
    port: int = 8000
    """Port to listen on."""
    processes: int = 1
    """Processes that answer, on PostgreSQL: as many as there are cores for them. SQLite has one writer, so one."""
    demo: bool = False
    """Rank by hand what the demo's simulated annotators ranked: opens its project to you, on this machine only."""


@dataclass(frozen=True, kw_only=True)
class AccountArguments:
    """Make an account that can sign in.

    The password is asked for; with --password-stdin it is the first line of standard input.
    """

    login: Annotated[str, tyro.conf.Positional]
    """The name to sign in with."""
    admin: bool = False
    """May see and do everything."""
    project: str | None = None
    """A project to give the account a role in."""
    role: str = "annotator"
    """Its role there: annotator, reviewer, lead or researcher."""
    password_stdin: bool = False
    """Read the password from standard input."""


def serve(arguments: list[str]) -> int:
    """Handle `accord serve`."""
    options = parse_plain(
        ServeArguments,
        arguments,
        command="serve",
        example="ACCORD_ENVIRONMENT=development accord serve --port 8000",
    )
    import uvicorn

    from annotation.app import create_app, settle_process
    from annotation.settings import load_settings
    from storage.database import open_database
    from workbench.console import say

    if options.demo:
        return _serve_demo(options)
    settings = load_settings()
    database = open_database()
    # SQLite has one writer: a process of its own would only stand in the way. PostgreSQL gets `accord worker`.
    with_worker = database.has_one_writer
    if options.processes < 1 or (options.processes > 1 and with_worker):
        raise UsageError(
            f"--processes {options.processes}: on SQLite one process serves, on PostgreSQL one or more; set "
            "ACCORD_DATABASE_URL to a PostgreSQL database for more"
        )
    say(f"Accord listens on http://{options.host}:{options.port}")
    if options.processes > 1:
        database.dispose()
        uvicorn.run(
            "annotation.app:app_of_process",
            factory=True,
            workers=options.processes,
            host=options.host,
            port=options.port,
            log_level="warning",
            timeout_keep_alive=KEEP_ALIVE,
        )
        return 0
    app = create_app(settings, database, with_worker=with_worker)
    settle_process()
    uvicorn.run(
        app,
        host=options.host,
        port=options.port,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE,
    )
    database.dispose()
    return 0


def _serve_demo(options: ServeArguments) -> int:
    """The service on this machine, with an address that signs a newcomer in to the demo's project."""
    import secrets

    import uvicorn

    from annotation.app import create_app
    from annotation.routes.visit import add_visit
    from annotation.settings import Settings
    from storage.database import open_database
    from workflow.demo_config import PROJECT
    from workflow.demo_visit import prepare_visit

    if options.host not in LOCAL:
        raise UsageError(
            f"--demo serves this machine only, at {' or '.join(LOCAL)}; got --host {options.host}"
        )
    database = open_database()
    visit = prepare_visit(database, PROJECT)
    app = create_app(Settings(environment="development"), database)
    token = secrets.token_urlsafe(12)
    add_visit(
        app,
        token=token,
        account_id=visit.account_id,
        password_hash=visit.password_hash,
        leads_to=f"/projects/{PROJECT}/rank",
    )
    print(
        f"open http://{options.host}:{options.port}/visit/{token} and rank; Ctrl+C ends the service",
        flush=True,
    )
    uvicorn.run(app, host=options.host, port=options.port, log_level="warning")
    database.dispose()
    return 0


def create_account(arguments: list[str]) -> int:
    """Handle `accord account create`."""
    options = parse_plain(
        AccountArguments,
        arguments,
        command="account create",
        example="accord account create ada --project stories --role lead",
    )
    from annotation.passwords import hash_password
    from storage.accounts import add_membership
    from storage.accounts import create_account as create
    from storage.database import open_database
    from storage.projects import get_project

    password_hash = hash_password(_ask_password(options.password_stdin))
    with open_database().writing() as session:
        account = create(session, options.login, password_hash, is_admin=options.admin)
        if options.project is not None:
            add_membership(session, account, get_project(session, options.project).id, options.role)
    role = f", {options.role} in {options.project}" if options.project else ""
    print(f"account {options.login} made{' (admin)' if options.admin else ''}{role}")
    return 0


def _ask_password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    if not sys.stdin.isatty():
        raise UsageError("no terminal to ask for the password on; give it with --password-stdin")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise UsageError("the two passwords differ; nothing was made")
    return password
