"""The worker: duties that come round by the clock in one thread, and the jobs of the queue, one by one, in another."""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from annotation.agreement_store import last_agreement, refresh_agreement
from annotation.forms import read_settings
from annotation.freezing import SNAPSHOT_JOB, freeze
from annotation.label_studio.sync import PULL_JOB, run_pull_job
from annotation.settings import Settings
from annotation.webhooks import deliver
from storage.audit import count_unsealed, seal
from storage.bookmarks import move_bookmark, read_bookmark, take_bookmark
from storage.carried import PROGRESS, count_rows, read_counters
from storage.database import Database
from storage.disputes import disputable, measure_disputes, settings_of
from storage.figures import count_submissions, keep_figure, read_figure
from storage.hooks import list_webhooks, next_event, tell_submissions
from storage.jobs import JobRecord, claim, enqueue, fail, finish, heartbeat, is_pending, prune
from storage.projects import list_projects
from storage.settled import Settled, submissions_after
from storage.tables import utc_now

log = logging.getLogger(__name__)

FIGURES_JOB = "refresh-figures"
AGREEMENT_JOB = "refresh-agreement"
WEBHOOK_JOB = "tell-webhook"

PAUSE = 0.5
"""Seconds between two looks at the clock and the queue."""
BEAT = 15.0
"""Seconds between two signs of life during a job."""
BATCH = 500
"""Submissions whose comparisons are measured in one transaction."""
SECONDS = 1.0
"""How long measuring may take before other duties have their turn."""
KEPT = timedelta(days=3)
"""How long finished jobs are kept."""
SOONEST_FIGURES = 60.0
SOONEST_CHANGED = 5.0
"""Seconds between two counts of a project in which something was imported or withdrawn."""
SOONEST_AGREEMENT = 600.0
SHARE = 20
"""Counting takes at most one part in so many of the worker's time."""


@dataclass(frozen=True)
class Duty:
    """Something done again and again."""

    name: str
    every: float
    """Seconds."""
    do: Callable[["Worker"], None]


class Worker:
    """Does what is due on one database; several workers on one database do nothing twice at once."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.settings = settings
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self.settled = Settled()
        self.measured: set[int] = set()
        """Submissions that are not settled, and whose comparisons were measured."""
        self._due = {duty.name: 0.0 for duty in DUTIES}

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
        self.do_duties()
        return self.do_job()

    def do_duties(self) -> None:
        """Do the duties that are due."""
        for duty in DUTIES:
            now = time.monotonic()
            if self._due[duty.name] > now:
                continue
            try:
                duty.do(self)
            except Exception:
                log.exception("the duty '%s' failed and will be tried again", duty.name)
            # From the end: a duty that takes long does not come round without a pause.
            self._due[duty.name] = time.monotonic() + duty.every

    def do_job(self) -> bool:
        """Do one job; whether there was one."""
        try:
            return self._work()
        except Exception:
            log.exception("the job queue cannot be read and will be tried again")
            return False

    def _go_round(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.do_duties()
            stop.wait(PAUSE)

    def _work(self) -> bool:
        with self.database.writing() as session:
            job = claim(session, list(JOBS), self.name, now=utc_now())
        if job is None:
            return False
        try:
            with self._beating(job):
                JOBS[job.kind](self, job.payload)
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


def seal_audit(worker: Worker) -> None:
    """Chain the audit entries that are not sealed yet."""
    with worker.database.reading() as session:
        waiting = count_unsealed(session)
    if waiting:
        with worker.database.writing() as session:
            seal(session)


def find_disputes(worker: Worker) -> None:
    """Measure the comparisons that got new rankings."""
    begun = time.monotonic()
    while _measure_some(worker) and time.monotonic() - begun < SECONDS:
        pass


def _measure_some(worker: Worker) -> bool:
    """Measure a batch, and let the next begin after what is measured and settled; whether there may be more."""
    name = "disputes"
    with worker.database.reading() as session:
        newest = worker.settled.look(session)
        position = read_bookmark(session, name)
        following = submissions_after(session, position, len(worker.measured) + BATCH)
    fresh = [key for key in following if key not in worker.measured][:BATCH]
    is_all = len(fresh) < BATCH
    end = max(position, min(worker.settled.position, newest if is_all else fresh[-1]))
    if fresh:
        with worker.database.writing() as session:
            found = disputable(session, fresh)
            settings = settings_of(session, list(found))
            thresholds = {key: read_settings(value).review_threshold for key, value in settings.items()}
            for keys in found.values():
                measure_disputes(session, keys, thresholds, now=utc_now())
    if end > position:
        with worker.database.writing() as session:
            move_bookmark(session, name, max(take_bookmark(session, name), end))
    worker.measured = {key for key in worker.measured.union(fresh) if key > end}
    return not is_all


def feed_webhooks(worker: Worker) -> None:
    """Queue new submissions for the webhooks that want them, and a job for each that has something to be told."""
    with worker.database.reading() as session:
        hooks = list_webhooks(session)
        if hooks:
            worker.settled.look(session)
    for hook in hooks:
        name, payload, now = f"webhook:{hook.id}", {"webhook": hook.id}, utc_now()
        with worker.database.writing() as session:
            position = take_bookmark(session, name, start=hook.first_submission - 1)
            if "submission.created" in hook.events:
                seen = tell_submissions(session, hook, max(position + 1, hook.first_submission))
                move_bookmark(session, name, max(position, min(seen, worker.settled.position)))
            if next_event(session, hook.id, now=now) and not is_pending(
                session, WEBHOOK_JOB, payload, now=now
            ):
                enqueue(session, WEBHOOK_JOB, payload, now=now)


def ask_for_figures(worker: Worker) -> None:
    """Queue the counts of projects in which something was sent since the last, if that is not too recent."""
    now = utc_now()
    with worker.database.reading() as session:
        wanted = []
        for project in list_projects(session):
            figure = read_figure(session, project.id, PROGRESS)
            counters = read_counters(session, project.id)
            sent = counters.submissions
            if figure is None or "at_changes" not in figure.content:
                wanted.append((FIGURES_JOB, project.id))
            elif (sent, counters.changes) != (figure.content["at_submissions"], figure.content["at_changes"]):
                is_changed = counters.changes != figure.content["at_changes"]
                rest = max(SOONEST_CHANGED if is_changed else SOONEST_FIGURES, SHARE * figure.seconds)
                if now - figure.computed_at > timedelta(seconds=rest):
                    wanted.append((FIGURES_JOB, project.id))
            known = read_figure(session, project.id, "agreement")
            if sent and (known is None or sent != known.content["at_submissions"]):
                rest = max(SOONEST_AGREEMENT, SHARE * known.seconds if known else 0)
                if known is None or now - known.computed_at > timedelta(seconds=rest):
                    wanted.append((AGREEMENT_JOB, project.id))
    for kind, project_id in wanted:
        with worker.database.writing() as session:
            if not is_pending(session, kind, {"project": project_id}, now=now):
                enqueue(session, kind, {"project": project_id}, now=now)


def prune_jobs(worker: Worker) -> None:
    """Forget jobs that were done days ago."""
    with worker.database.writing() as session:
        prune(session, before=utc_now() - KEPT)


def refresh_figures(worker: Worker, payload: Mapping[str, Any]) -> None:
    """Count a project's progress and its annotators' habits."""
    project_id = int(payload["project"])
    now, begun = utc_now(), time.perf_counter()
    with worker.database.reading() as session:
        content = count_rows(session, project_id)
    seconds = time.perf_counter() - begun
    with worker.database.writing() as session:
        keep_figure(session, project_id, PROGRESS, content, seconds=seconds, now=now)


def refresh_report(worker: Worker, payload: Mapping[str, Any]) -> None:
    """Measure a project's agreement anew."""
    project_id = int(payload["project"])
    begun = time.perf_counter()
    with worker.database.reading() as session:
        sent = count_submissions(session, project_id)
    refresh_agreement(worker.database, project_id)
    stored = last_agreement(project_id)
    assert stored is not None, "it was just stored"
    with worker.database.writing() as session:
        keep_figure(
            session,
            project_id,
            "agreement",
            {"at_submissions": sent},
            seconds=time.perf_counter() - begun,
            now=stored.computed_at,
        )


def tell_webhook(worker: Worker, payload: Mapping[str, Any]) -> None:
    """Tell a webhook what waits for it."""
    with worker.database.reading() as session:
        hooks = [hook for hook in list_webhooks(session) if hook.id == int(payload["webhook"])]
    for hook in hooks:
        deliver(worker.database, worker.settings, hook)


def pull_label_studio(worker: Worker, payload: Mapping[str, Any]) -> None:
    """Bring in what changed in Label Studio."""
    run_pull_job(worker.database, payload)


def make_snapshot(worker: Worker, payload: Mapping[str, Any]) -> None:
    """Freeze a project's labels."""
    freeze(worker.database, payload)


DUTIES = (
    Duty("seal the audit trail", 2.0, seal_audit),
    Duty("find disputes", 5.0, find_disputes),
    Duty("feed webhooks", 1.0, feed_webhooks),
    Duty("ask for figures", 10.0, ask_for_figures),
    Duty("forget old jobs", 3600.0, prune_jobs),
)
JOBS: Mapping[str, Callable[[Worker, Mapping[str, Any]], None]] = {
    FIGURES_JOB: refresh_figures,
    AGREEMENT_JOB: refresh_report,
    WEBHOOK_JOB: tell_webhook,
    PULL_JOB: pull_label_studio,
    SNAPSHOT_JOB: make_snapshot,
}


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
