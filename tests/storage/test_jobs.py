"""The job queue: order, retries, takeover, and two workers at once; on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from storage.jobs import STALE_AFTER, claim, enqueue, fail, finish, heartbeat
from storage.tables import Job

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def at(seconds):
    return NOW + timedelta(seconds=seconds)


def test_the_oldest_due_job_of_a_kind_comes_first(database):
    with database.writing() as session:
        enqueue(session, "seal", {"n": 1}, now=at(10))
        enqueue(session, "seal", {"n": 2}, now=at(0))
        enqueue(session, "pull", {"n": 3}, now=at(-5))
        enqueue(session, "seal", {"n": 4}, now=at(0), delay=timedelta(hours=1))
    taken = []
    for _ in range(3):
        with database.writing() as session:
            job = claim(session, ["seal"], "w", now=at(20))
            taken.append(job and job.payload["n"])
    assert taken == [2, 1, None]


def test_a_failed_job_waits_longer_each_time_and_then_stays_failed(database):
    with database.writing() as session:
        key = enqueue(session, "pull", {}, now=NOW)
    now = NOW
    for attempt, wait in enumerate((10, 20, 40, 80), start=1):
        with database.writing() as session:
            assert claim(session, ["pull"], "w", now=now).attempt == attempt
            assert fail(session, key, "w", "server away", now=now)
        with database.writing() as session:
            assert claim(session, ["pull"], "w", now=now + timedelta(seconds=wait - 1)) is None
        now += timedelta(seconds=wait)
    with database.writing() as session:
        claim(session, ["pull"], "w", now=now)
        fail(session, key, "w", "server away", now=now)
        job = session.get(Job, key)
        assert (job.status, job.error, job.attempts) == ("failed", "server away", 5)
        assert claim(session, ["pull"], "w", now=now + timedelta(days=1)) is None


def test_a_dead_workers_job_is_taken_over(database):
    with database.writing() as session:
        key = enqueue(session, "pull", {}, now=NOW)
        claim(session, ["pull"], "first", now=NOW)
    with database.writing() as session:
        assert heartbeat(session, key, "first", now=at(50))
        assert claim(session, ["pull"], "second", now=at(100)) is None
    with database.writing() as session:
        assert (
            claim(session, ["pull"], "second", now=at(50) + STALE_AFTER + timedelta(seconds=1)).attempt == 2
        )
        assert not heartbeat(session, key, "first", now=at(120))
        assert not finish(session, key, "first", now=at(120))
        assert not fail(session, key, "first", "late", now=at(120))
        assert finish(session, key, "second", now=at(120))
        assert session.get(Job, key).status == "done"


@pytest.mark.parametrize("workers", [4])
def test_workers_never_share_a_job(database, workers):
    with database.writing() as session:
        for n in range(20):
            enqueue(session, "pull", {"n": n}, now=NOW)

    def work(name):
        done = []
        while True:
            with database.writing() as session:
                job = claim(session, ["pull"], name, now=NOW)
                if job is None:
                    return done
                done.append(job.payload["n"])
                finish(session, job.id, name, now=NOW)

    with ThreadPoolExecutor(workers) as pool:
        done = [n for each in pool.map(work, map(str, range(workers))) for n in each]
    assert sorted(done) == list(range(20))
