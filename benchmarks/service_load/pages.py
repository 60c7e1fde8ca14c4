"""The pages that leads open, timed as HTTP requests to the service on a database that `million` has filled."""

import time
from collections.abc import Mapping
from typing import Any

from fastapi import Response
from fastapi.testclient import TestClient

from annotation.agreement import measure_agreement
from annotation.agreement_store import store_agreement
from annotation.app import create_app
from annotation.jobs import refresh_figures
from annotation.sessions import COOKIE
from annotation.settings import Settings
from storage.accounts import add_membership, create_account
from storage.annotators import ensure_annotators
from storage.carried import is_small
from storage.comparisons import read_comparisons
from storage.database import Database
from storage.projects import ProjectRecord
from storage.standing import add_up
from storage.submissions import last_submission
from storage.tables import ProjectAnnotator, WorkDay, utc_now

PAGES = {
    "start_page": "/",
    "overview": "/projects/million",
    "live_page": "/projects/million/live",
    "live_figures": "/api/v1/projects/million/live",
    "agreement_page": "/projects/million/agreement",
    "data_page": "/projects/million/data",
    "pay_page": "/projects/million/pay",
}
MEASURED = 500
"""Comparisons whose agreement is measured for the agreement page: the page shows a stored report of any project."""


def count_work(database: Database, project: ProjectRecord, *, people: int, each: int) -> None:
    """The counters that the annotators' work would have left."""
    with database.writing() as session:
        ids = ensure_annotators(session, {f"old-{n}": "person" for n in range(people)})
        now = utc_now()
        for key in ids.values():
            row = {"project_id": project.id, "annotator_id": key}
            made = {"ranked": each, "seconds": 30.0 * each}
            add_up(session, WorkDay, {**row, "day": now.date().isoformat()}, made)
            add_up(
                session,
                ProjectAnnotator,
                row,
                {**made, "submissions": each, "votes": each},
                {"last_at": now},
            )


def measure_pages(database: Database, project: ProjectRecord, *, rounds: int) -> Mapping[str, Any]:
    """Count as the worker does, then open each page so many times as the project's lead: medians and slowest, in ms."""
    settings = Settings(environment="development", secret_key="a benchmark's secret, 32 characters")
    begun = time.perf_counter()
    refresh_figures(database, settings, {"project": project.id})
    counting = time.perf_counter() - begun
    with database.reading() as session:
        assert not is_small(session, project.id), "a page would count by itself: fill in more"
        names = [f"c{n:08}" for n in range(MEASURED)]
        agreement = measure_agreement(
            read_comparisons(session, project.id, ids=names), source="million", draws=100
        )
        newest = last_submission(session)
    store_agreement(project.id, agreement, now=utc_now(), last=newest - 10_000)
    with database.writing() as session:
        lead = create_account(session, "lea", "a hash")
        add_membership(session, lead, project.id, "lead")
    app = create_app(settings, database)
    found: dict[str, Any] = {"worker_counts_s": round(counting, 2)}
    with TestClient(app, base_url="http://testserver") as browser:
        response = Response()
        app.state.sessions.write(response, app.state.sessions.begin(lead, "a hash"))
        browser.cookies.set(COOKIE, response.headers["set-cookie"].split(";")[0].split("=", 1)[1])
        for name, path in PAGES.items():
            times = []
            for _ in range(rounds):
                begun = time.perf_counter()
                answer = browser.get(path)
                times.append(1000 * (time.perf_counter() - begun))
                assert answer.status_code == 200 and "Not counted" not in answer.text, (
                    path,
                    answer.text[:300],
                )
            times.sort()
            found[f"{name}_ms"] = [round(times[len(times) // 2], 1), round(times[-1], 1)]
    return found
