"""`accord worker` and `accord audit verify`: background work on PostgreSQL, and the chain of the audit trail."""

import signal
import threading
from dataclasses import dataclass

from cli.arguments import parse_plain
from workbench.console import print_json, say


@dataclass(frozen=True, kw_only=True)
class WorkerArguments:
    """Do the background work: seal the audit trail, find disputes, count, measure agreement, tell webhooks.

    On SQLite `accord serve` does it in its own process. On PostgreSQL run one of these, or several. It reads the same
    variables as the service.
    """

    once: bool = False
    """Do what is due and stop."""


@dataclass(frozen=True, kw_only=True)
class VerifyArguments:
    """Walk the sealed audit trail and say whether an entry was changed or removed after it was sealed."""

    json: bool = False
    """Print one JSON object."""


def worker(arguments: list[str]) -> None:
    """Handle `accord worker`."""
    config = parse_plain(WorkerArguments, arguments, command="worker", example="accord worker")
    import logging

    from annotation.settings import load_settings
    from annotation.worker import Worker
    from storage.database import open_database

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = load_settings()
    database = open_database()
    working = Worker(database, settings)
    if config.once:
        while working.step():
            pass
    else:
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        say(f"the worker {working.name} is at work")
        working.run(stop)
    database.dispose()


def audit_verify(arguments: list[str]) -> None:
    """Handle `accord audit verify`."""
    config = parse_plain(VerifyArguments, arguments, command="audit verify", example="accord audit verify")
    from storage.audit import count_unsealed, last_hash, verify
    from storage.database import open_database

    database = open_database()
    with database.reading() as session:
        sealed = verify(session)
        waiting = count_unsealed(session)
        newest = last_hash(session)
    database.dispose()
    if config.json:
        print_json({"sealed": sealed, "not_sealed": waiting, "last_hash": newest})
        return
    print(f"{sealed} entries are sealed and unchanged; {waiting} wait for their seal")
    if newest:
        print(f"the chain ends in {newest}: keep it elsewhere to notice if the whole trail is replaced")
