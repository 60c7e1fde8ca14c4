"""Duties: what comes round by the clock."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from annotation.jobs import AGREEMENT_JOB, FIGURES_JOB, WEBHOOK_JOB
from annotation.measuring import measure
from storage.audit import count_unsealed, seal
from storage.bookmarks import move_bookmark, read_bookmark, take_bookmark
from storage.carried import PROGRESS, read_counters
from storage.database import Database
from storage.disagreement import MEASURED, disputable
from storage.figures import read_figure
from storage.hooks import list_webhooks, next_event, tell_submissions
from storage.jobs import enqueue, is_pending, prune
from storage.projects import list_projects
from storage.settled import Settled, submissions_after
from storage.tables import utc_now

log = logging.getLogger(__name__)

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
    do: Callable[["Rounds"], None]


class Rounds:
    """The duties on one database, when each is due, and what they remember between two rounds."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.settled = Settled()
        self.measured: set[int] = set()
        """Submissions that are not settled, and whose comparisons were measured."""
        self._due = {duty.name: 0.0 for duty in DUTIES}

    def go(self) -> None:
        """Do the duties that are due. What fails is logged and done again the next time."""
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


def seal_audit(rounds: Rounds) -> None:
    """Chain the audit entries that are not sealed yet."""
    with rounds.database.reading() as session:
        waiting = count_unsealed(session)
    if waiting:
        with rounds.database.writing() as session:
            seal(session)


def find_disputes(rounds: Rounds) -> None:
    """Measure the comparisons that got new rankings."""
    begun = time.monotonic()
    while _measure_some(rounds) and time.monotonic() - begun < SECONDS:
        pass


def _measure_some(rounds: Rounds) -> bool:
    """Measure a batch, and let the next begin after what is measured and settled; whether there may be more."""
    with rounds.database.reading() as session:
        newest = rounds.settled.look(session)
        position = read_bookmark(session, MEASURED)
        following = submissions_after(session, position, len(rounds.measured) + BATCH)
    fresh = [key for key in following if key not in rounds.measured][:BATCH]
    is_all = len(fresh) < BATCH
    end = max(position, min(rounds.settled.position, newest if is_all else fresh[-1]))
    if fresh:
        with rounds.database.writing() as session:
            measure(session, disputable(session, fresh))
    if end > position:
        with rounds.database.writing() as session:
            move_bookmark(session, MEASURED, max(take_bookmark(session, MEASURED), end))
    rounds.measured = {key for key in rounds.measured.union(fresh) if key > end}
    return not is_all


def feed_webhooks(rounds: Rounds) -> None:
    """Queue new submissions for the webhooks that want them, and a job for each that has something to be told."""
    with rounds.database.reading() as session:
        hooks = list_webhooks(session)
        if hooks:
            rounds.settled.look(session)
    for hook in hooks:
        name, payload, now = f"webhook:{hook.id}", {"webhook": hook.id}, utc_now()
        with rounds.database.writing() as session:
            position = take_bookmark(session, name, start=hook.first_submission - 1)
            if "submission.created" in hook.events:
                seen = tell_submissions(session, hook, max(position + 1, hook.first_submission))
                move_bookmark(session, name, max(position, min(seen, rounds.settled.position)))
            if next_event(session, hook.id, now=now) and not is_pending(
                session, WEBHOOK_JOB, payload, now=now
            ):
                enqueue(session, WEBHOOK_JOB, payload, now=now)


def ask_for_figures(rounds: Rounds) -> None:
    """Queue the counts of projects in which something was sent since the last, if that is not too recent."""
    now = utc_now()
    with rounds.database.reading() as session:
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
        with rounds.database.writing() as session:
            if not is_pending(session, kind, {"project": project_id}, now=now):
                enqueue(session, kind, {"project": project_id}, now=now)


def prune_jobs(rounds: Rounds) -> None:
    """Forget jobs that were done days ago."""
    with rounds.database.writing() as session:
        prune(session, before=utc_now() - KEPT)


DUTIES = (
    Duty("seal the audit trail", 2.0, seal_audit),
    Duty("find disputes", 5.0, find_disputes),
    Duty("feed webhooks", 1.0, feed_webhooks),
    Duty("ask for figures", 10.0, ask_for_figures),
    Duty("forget old jobs", 3600.0, prune_jobs),
)
