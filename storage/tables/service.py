"""What the service needs beside labels: background jobs and the audit trail."""

from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, BigId, Id, utc_now
from storage.tables.people import one_of

JOB_STATUSES = ("queued", "running", "done", "failed")


class Job(Base):
    """Work done in the background: webhooks, refreshed reports, sealing, pulls."""

    __tablename__ = "job"
    __table_args__ = (one_of("status", JOB_STATUSES), Index("ix_job_status_run_after", "status", "run_after"))

    id: Mapped[Id]
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    status: Mapped[str] = mapped_column(default="queued")
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=5)
    run_after: Mapped[datetime] = mapped_column(default=utc_now)
    worker: Mapped[str | None]
    heartbeat_at: Mapped[datetime | None]
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[datetime | None]


class Audit(Base):
    """One thing that someone did: ids and the payload's hash, never the payload.

    `sequence`, `previous_hash` and `hash` are filled by sealing, outside the transaction that wrote the row.
    """

    __tablename__ = "audit"

    id: Mapped[Id]
    at: Mapped[datetime] = mapped_column(default=utc_now)
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    payload_hash: Mapped[str]
    sequence: Mapped[int | None] = mapped_column(unique=True)
    previous_hash: Mapped[str | None]
    hash: Mapped[str | None]


class Bookmark(Base):
    """How far a background duty has read a table, by the greatest id it has seen."""

    __tablename__ = "bookmark"

    name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigId)


class Figure(Base):
    """Figures of a project that take long to count, as they were last counted."""

    __tablename__ = "figure"

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[dict[str, Any]]
    seconds: Mapped[float] = mapped_column(Float(53))
    """How long counting took."""
    computed_at: Mapped[datetime]
