"""Duties and jobs side by side, and what the worker reads while others write; on both databases."""

import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from annotation import duties
from annotation.duties import Rounds, feed_webhooks, find_disputes
from annotation.jobs import JOBS
from annotation.settings import Settings
from annotation.worker import Worker, working
from storage.audit import count_unsealed, record
from storage.bookmarks import read_bookmark
from storage.disputes import count_disputes
from storage.hooks import add_webhook, list_webhooks
from storage.importing import import_comparisons
from storage.jobs import STALE_AFTER, claim, enqueue
from storage.projects import create_project
from storage.tables import Job, WebhookEvent, utc_now
from tests.storage.service_work import Work, make_comparisons
from workbench.records import Ranking

SETTINGS = Settings(environment="development", secret_key="a secret of the test, 32 characters")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, new_database, home):
    home.mkdir()
    return new_database(request.param)


@pytest.fixture
def project(database):
    with database.writing() as session:
        return create_project(session, "test")


@pytest.fixture
def rounds(database):
    return Rounds(database)


def torn(num: int, name: str):
    """Comparisons on which two annotators say the opposite."""
    rankings = (
        Ranking(id="1", annotator=f"{name}-ann", ranks=(1, 2)),
        Ranking(id="2", annotator=f"{name}-bob", ranks=(2, 1)),
    )
    made = make_comparisons(num, k=2, rankings=rankings)
    return [replace(one, id=f"{name}-{one.id}", prompt=f"{name} {one.prompt}") for one in made]


def load(session, project, comparisons) -> None:
    import_comparisons(session, project.id, lambda _: enumerate(comparisons, start=1), source="test")


def open_disputes(database, project) -> int:
    with database.reading() as session:
        return count_disputes(session, project.id).get("open", 0)


def test_a_slow_job_does_not_delay_sealing(database, monkeypatch) -> None:
    """A job of ten seconds is at work when something is done; it is sealed within five all the same."""
    begun = threading.Event()

    def slow(database, settings, payload) -> None:
        begun.set()
        time.sleep(10)

    monkeypatch.setitem(JOBS, "slow", slow)
    with database.writing() as session:
        enqueue(session, "slow", {}, now=utc_now() - timedelta(hours=1))
    with working(Worker(database, SETTINGS)):
        assert begun.wait(20)
        with database.writing() as session:
            record(session, "test", "act", "subject", {})
        deadline, left = time.monotonic() + 5, 1
        while left and time.monotonic() < deadline:
            time.sleep(0.1)
            with database.reading() as session:
                left = count_unsealed(session)
        assert not left, "not sealed within 5 seconds"
        with database.reading() as session:
            job = session.scalars(select(Job).where(Job.kind == "slow")).one()
            assert job.status == "running", "the job is still at work"


def test_a_job_that_kills_its_workers_is_failed_after_its_last_attempt(database) -> None:
    now = utc_now()
    with database.writing() as session:
        key = enqueue(session, "deadly", {}, now=now)
        other = enqueue(session, "deadly", {}, now=now + timedelta(hours=2))
    for attempt in range(1, 6):
        with database.writing() as session:
            assert claim(session, ["deadly"], f"w{attempt}", now=now).attempt == attempt
        now += STALE_AFTER + timedelta(seconds=1)
    with database.writing() as session:
        assert claim(session, ["deadly"], "w6", now=now) is None
    with database.writing() as session:
        job = session.get(Job, key)
        assert job.status == "failed" and job.finished_at is not None
        assert "its worker w5 died or was stopped in attempt 5 of 5" in job.error
        assert claim(session, ["deadly"], "w6", now=now + timedelta(hours=3)).id == other, "the next is done"


def test_disputes_are_found_once_and_the_place_is_kept(database, project, rounds) -> None:
    with database.writing() as session:
        load(session, project, torn(3, "first"))
    find_disputes(rounds)
    find_disputes(rounds)
    assert open_disputes(database, project) == 3
    with database.reading() as session:
        assert read_bookmark(session, "disputes") == 6 and not rounds.measured
    find_disputes(Rounds(database))
    assert open_disputes(database, project) == 3


def test_more_rankings_than_a_batch_are_all_measured(database, project, rounds, monkeypatch) -> None:
    monkeypatch.setattr(duties, "BATCH", 4)
    with database.writing() as session:
        load(session, project, torn(11, "first"))
    # On a machine at work one round may end before all is measured.
    for _ in range(10):
        find_disputes(rounds)
    assert open_disputes(database, project) == 11


def test_an_import_that_ends_after_later_rankings_is_not_missed(new_database, home, monkeypatch) -> None:
    """A transaction stays open with small ids, while many more rankings come, are measured, and are settled."""
    home.mkdir()
    database = new_database("postgresql")
    with database.writing() as session:
        slow, busy = create_project(session, "slow"), create_project(session, "busy")
        add_webhook(session, busy.id, "https://8.8.8.8/", ["submission.created"], actor="test")
    rounds = Rounds(database)
    with database.writing() as session:
        load(session, slow, torn(2, "slow"))
        for part in range(3):
            with database.writing() as other:
                load(other, busy, torn(300, f"busy{part}"))
            while open_disputes(database, busy) < 300 * (part + 1):
                find_disputes(rounds)
        assert open_disputes(database, busy) == 900 and open_disputes(database, slow) == 0
        with database.reading() as reading:
            assert read_bookmark(reading, "disputes") == 0, "four ids before them are not settled"
        assert len(rounds.measured) == 1800
    for _ in range(3):
        find_disputes(rounds)
    assert open_disputes(database, slow) == 2
    with database.reading() as reading:
        assert read_bookmark(reading, "disputes") == 1804 and not rounds.measured


def test_a_webhook_hears_of_a_submission_that_ends_late(new_database, home) -> None:
    """An annotator's transaction stays open while others submit: all are told, each once."""
    home.mkdir()
    database = new_database("postgresql")
    with database.writing() as session:
        project = create_project(session, "test")
        add_webhook(session, project.id, "https://8.8.8.8/", ["submission.created"], actor="test")
    work = Work(database, project)
    work.load(make_comparisons(6))
    rounds = Rounds(database)
    leases = [work.take(name) for name in ("ann", "bob", "eve")]
    with database.writing() as session:
        late = session.execute(
            text("SELECT nextval(pg_get_serial_sequence('submission', 'id'))")
        ).scalar_one()
        session.execute(text("SELECT pg_current_xact_id()"))
        for lease in leases[1:]:
            work.submit(lease)
        for _ in range(3):
            feed_webhooks(rounds)
        session.execute(
            text(
                "INSERT INTO submission (id, comparison_id, annotator_id, annotator_kind, origin, attempt, revision,"
                " outcome, flags, answers, created_at) VALUES (:id, :comparison, :annotator, 'person', 'service', 1,"
                " 1, 'skipped', '[]', '{}', now())"
            ),
            {"id": late, "comparison": leases[0].comparison_id, "annotator": leases[0].annotator_id},
        )
    for _ in range(3):
        feed_webhooks(rounds)
    with database.reading() as session:
        told = sorted(session.scalars(select(WebhookEvent.body)), key=lambda body: body["submission"])
        assert [body["submission"] for body in told] == [late, late + 1, late + 2]
        (hook,) = list_webhooks(session)
        assert read_bookmark(session, f"webhook:{hook.id}") == late + 2
