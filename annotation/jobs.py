"""Jobs: what the worker does when it was asked to, one after another."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from annotation.agreement_store import last_agreement, refresh_agreement
from annotation.freezing import SNAPSHOT_JOB, freeze
from annotation.label_studio.sync import PULL_JOB, run_pull_job
from annotation.measuring import measure_withdrawn
from annotation.settings import Settings
from annotation.webhooks import deliver
from storage.carried import PROGRESS, count_rows
from storage.database import Database
from storage.disagreement import MEASURE_JOB
from storage.figures import count_submissions, keep_figure
from storage.hooks import list_webhooks
from storage.tables import utc_now

FIGURES_JOB = "refresh-figures"
AGREEMENT_JOB = "refresh-agreement"
WEBHOOK_JOB = "tell-webhook"


def refresh_figures(database: Database, settings: Settings, payload: Mapping[str, Any]) -> None:
    """Count a project's progress and its annotators' habits."""
    project_id = int(payload["project"])
    now, begun = utc_now(), time.perf_counter()
    with database.reading() as session:
        content = count_rows(session, project_id)
    seconds = time.perf_counter() - begun
    with database.writing() as session:
        keep_figure(session, project_id, PROGRESS, content, seconds=seconds, now=now)


def refresh_report(database: Database, settings: Settings, payload: Mapping[str, Any]) -> None:
    """Measure a project's agreement anew."""
    project_id = int(payload["project"])
    begun = time.perf_counter()
    with database.reading() as session:
        sent = count_submissions(session, project_id)
    refresh_agreement(database, project_id)
    stored = last_agreement(project_id)
    assert stored is not None, "it was just stored"
    with database.writing() as session:
        keep_figure(
            session,
            project_id,
            "agreement",
            {"at_submissions": sent},
            seconds=time.perf_counter() - begun,
            now=stored.computed_at,
        )


def tell_webhook(database: Database, settings: Settings, payload: Mapping[str, Any]) -> None:
    """Tell a webhook what waits for it."""
    with database.reading() as session:
        hooks = [hook for hook in list_webhooks(session) if hook.id == int(payload["webhook"])]
    for hook in hooks:
        deliver(database, settings, hook)


def measure_again(database: Database, settings: Settings, payload: Mapping[str, Any]) -> None:
    """Measure the disputes of comparisons whose rankings were withdrawn."""
    measure_withdrawn(database, int(payload["first"]), int(payload["last"]))


def pull_label_studio(database: Database, settings: Settings, payload: Mapping[str, Any]) -> None:
    """Bring in what changed in Label Studio."""
    run_pull_job(database, payload)


def make_snapshot(database: Database, settings: Settings, payload: Mapping[str, Any]) -> None:
    """Freeze a project's labels."""
    freeze(database, payload)


JOBS: Mapping[str, Callable[[Database, Settings, Mapping[str, Any]], None]] = {
    FIGURES_JOB: refresh_figures,
    AGREEMENT_JOB: refresh_report,
    WEBHOOK_JOB: tell_webhook,
    MEASURE_JOB: measure_again,
    PULL_JOB: pull_label_studio,
    SNAPSHOT_JOB: make_snapshot,
}
