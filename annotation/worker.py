"""The worker: the duties in one thread, and the jobs of the queue, one by one, in another."""

import logging
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from annotation.duties import Rounds
from annotation.jobs import JOBS
from annotation.settings import Settings
from storage.database import Database
from storage.jobs import JobRecord, claim, fail, finish, heartbeat
from storage.tables import utc_now

log = logging.getLogger(__name__)

PAUSE = 0.5
"""Seconds between two looks at the clock and the queue."""
BEAT = 15.0
"""Seconds between two signs of life during a job."""


class Worker:
    """Does what is due on one database; several workers on one database do nothing twice at once."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.settings = settings
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self.rounds = Rounds(database)

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop. What fails is logged and tried again: the database may be away for a while.

        Duties have a thread of their own: a job may take minutes, and the audit trail is sealed every few seconds.
        """
        duties = threading.Thread(target=self._go_round, args=(stop,), name="accord duties", daemon=True)
        duties.start()
        while not stop.is_set():
            if not self.do_job():
                stop.wait(PAUSE)
        duties.join(timeout=30)

    def step(self) -> bool:
        """Do the duties that are due and at most one job; whether there was a job."""
        self.rounds.go()
        return self.do_job()

    def do_job(self) -> bool:
        """Do one job; whether there was one."""
        try:
            return self._work()
        except Exception:
            log.exception("the job queue cannot be read and will be tried again")
            return False

    def _go_round(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.rounds.go()
            stop.wait(PAUSE)

    def _work(self) -> bool:
        with self.database.writing() as session:
            job = claim(session, list(JOBS), self.name, now=utc_now())
        if job is None:
            return False
        try:
            with self._beating(job):
                JOBS[job.kind](self.database, self.settings, job.payload)
        except Exception as error:
            log.exception("the job %s (%s) failed in try %s", job.id, job.kind, job.attempt)
            with self.database.writing() as session:
                fail(session, job.id, self.name, f"{type(error).__name__}: {error}"[:2000], now=utc_now())
            return True
        with self.database.writing() as session:
            finish(session, job.id, self.name, now=utc_now())
        return True

    @contextmanager
    def _beating(self, job: JobRecord) -> Iterator[None]:
        """Give signs of life while a job is done, so that no other worker takes it over."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(BEAT):
                try:
                    with self.database.writing() as session:
                        heartbeat(session, job.id, self.name, now=utc_now())
                except Exception:
                    log.exception("no sign of life of the job %s could be written; the next may be", job.id)

        thread = threading.Thread(target=beat, name=f"beat of job {job.id}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


@contextmanager
def working(worker: Worker) -> Iterator[None]:
    """A worker in a thread of this process for as long as the block runs."""
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,), name="accord worker", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=30)
