"""The job queue: background work that is done at least once, by one worker at a time."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from storage.tables import Job

STALE_AFTER = timedelta(seconds=60)
"""A running job whose worker has not been heard for this long is taken over."""


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """A job as its worker sees it."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    attempt: int


def enqueue(
    session: Session, kind: str, payload: Mapping[str, Any], *, now: datetime, delay: timedelta = timedelta()
) -> int:
    """Add a job to be done after `delay`; returns its id."""
    job = Job(kind=kind, payload=dict(payload), run_after=now + delay)
    session.add(job)
    session.flush()
    return job.id


def is_queued(session: Session, kind: str, payload: Mapping[str, Any]) -> bool:
    """Whether such a job waits to be done."""
    waiting = select(Job.payload).where(Job.kind == kind, Job.status == "queued")
    return dict(payload) in list(session.scalars(waiting))


def is_pending(session: Session, kind: str, payload: Mapping[str, Any], *, now: datetime) -> bool:
    """Whether such a job waits, or is being done by a worker that lives."""
    alive = (Job.status == "running") & (Job.heartbeat_at >= now - STALE_AFTER)
    found = select(Job.payload).where(Job.kind == kind, or_(Job.status == "queued", alive))
    return dict(payload) in list(session.scalars(found))


def latest_of_project(session: Session, kind: str, project_id: int) -> tuple[str, str | None] | None:
    """Status and last error of the newest job of a kind whose payload names the project; None if there is none."""
    query = (
        select(Job.payload, Job.status, Job.error).where(Job.kind == kind).order_by(Job.id.desc()).limit(100)
    )
    found = (
        (status, error)
        for payload, status, error in session.execute(query)
        if payload.get("project") == project_id
    )
    return next(found, None)


def prune(session: Session, *, before: datetime) -> int:
    """Forget jobs that were done before that moment; failed ones stay. Returns how many."""
    gone = session.execute(
        delete(Job).where(Job.status == "done", Job.finished_at < before).returning(Job.id)
    )
    return len(gone.all())


def count_jobs(session: Session) -> dict[str, int]:
    """Jobs by status, done ones left out."""
    query = select(Job.status, func.count()).where(Job.status != "done").group_by(Job.status)
    return dict(session.execute(query).all())


def claim(session: Session, kinds: Collection[str], worker: str, *, now: datetime) -> JobRecord | None:
    """Take the oldest job that is due, or whose worker has died; None if there is none.

    Each take is an attempt. A job whose worker died in its last one is failed: it may be what kills them.
    On PostgreSQL workers skip each other's rows; on SQLite the write lock keeps them apart. Claim in a transaction of
    its own: the work itself is done outside.
    """
    due = (Job.status == "queued") & (Job.run_after <= now)
    orphaned = (Job.status == "running") & (Job.heartbeat_at < now - STALE_AFTER)
    query = (
        select(Job)
        .where(Job.kind.in_(list(kinds)), or_(due, orphaned))
        .order_by(Job.run_after, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    while (job := session.scalar(query)) is not None:
        if job.status == "running" and job.attempts >= job.max_attempts:
            job.status, job.finished_at = "failed", now
            job.error = (
                f"its worker {job.worker} died or was stopped in attempt {job.attempts} of {job.max_attempts}: "
                f"it was not heard for {STALE_AFTER.total_seconds():.0f} s"
            )
            session.flush()
            continue
        job.status, job.worker, job.heartbeat_at, job.attempts = "running", worker, now, job.attempts + 1
        session.flush()
        return JobRecord(id=job.id, kind=job.kind, payload=job.payload, attempt=job.attempts)
    return None


def heartbeat(session: Session, job_id: int, worker: str, *, now: datetime) -> bool:
    """Say that the job is still being done; False if another worker has taken it over."""
    job = session.get(Job, job_id)
    if job is None or job.worker != worker or job.status != "running":
        return False
    job.heartbeat_at = now
    return True


def finish(session: Session, job_id: int, worker: str, *, now: datetime) -> bool:
    """Mark the job done; False if another worker has taken it over."""
    job = session.get(Job, job_id)
    if job is None or job.worker != worker or job.status != "running":
        return False
    job.status, job.finished_at, job.error = "done", now, None
    return True


def fail(session: Session, job_id: int, worker: str, error: str, *, now: datetime) -> bool:
    """Put the job back with a growing delay (10 s, 20 s, 40 s, ...), or mark it failed after its last attempt.

    False if another worker has taken it over.
    """
    job = session.get(Job, job_id)
    if job is None or job.worker != worker or job.status != "running":
        return False
    job.error = error
    if job.attempts >= job.max_attempts:
        job.status, job.finished_at = "failed", now
    else:
        job.status, job.run_after = "queued", now + timedelta(seconds=10 * 2 ** (job.attempts - 1))
    return True
