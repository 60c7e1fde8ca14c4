"""What was made of the labels: snapshots, runs, checkpoints and who descends from whom."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, Id, ProjectId, utc_now


class Snapshot(Base):
    """An immutable set of comparisons on disk, named by the hash of its content."""

    __tablename__ = "snapshot"
    __table_args__ = (UniqueConstraint("project_id", "content_hash"),)

    id: Mapped[Id]
    project_id: Mapped[ProjectId]
    content_hash: Mapped[str]
    path: Mapped[str]
    manifest: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class SnapshotAnnotator(Base):
    """How many rankings of an annotator a snapshot holds: where a withdrawal begins its recall."""

    __tablename__ = "snapshot_annotator"

    snapshot_id: Mapped[int] = mapped_column(ForeignKey("snapshot.id"), primary_key=True)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), primary_key=True)
    num_rankings: Mapped[int]


class Run(Base):
    """The index entry of a run folder; the folder is the truth."""

    __tablename__ = "run"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(index=True)
    stage: Mapped[str]
    folder: Mapped[str] = mapped_column(unique=True)
    config_hash: Mapped[str]
    status: Mapped[str]
    snapshot_hash: Mapped[str | None] = mapped_column(index=True)
    summary: Mapped[dict[str, Any] | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    indexed_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class RunParent(Base):
    """A checkpoint that a run started from, and as what: base, policy, reference, reward model, critic."""

    __tablename__ = "run_parent"
    __table_args__ = (UniqueConstraint("run_id", "role", "checkpoint_hash"),)

    id: Mapped[Id]
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))
    role: Mapped[str]
    checkpoint_hash: Mapped[str] = mapped_column(index=True)


class Checkpoint(Base):
    """A saved model, known by its hash; where it lies now, and the snapshot it learned from."""

    __tablename__ = "checkpoint"

    id: Mapped[Id]
    hash: Mapped[str] = mapped_column(unique=True)
    path: Mapped[str]
    stage: Mapped[str]
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id"), index=True)
    snapshot_hash: Mapped[str | None] = mapped_column(index=True)
    indexed_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class CheckpointParent(Base):
    """A checkpoint that another was made from. The parent may be unknown here, so it is named by hash."""

    __tablename__ = "checkpoint_parent"
    __table_args__ = (UniqueConstraint("checkpoint_id", "role", "parent_hash"),)

    id: Mapped[Id]
    checkpoint_id: Mapped[int] = mapped_column(ForeignKey("checkpoint.id"))
    role: Mapped[str]
    parent_hash: Mapped[str] = mapped_column(index=True)
