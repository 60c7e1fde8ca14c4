"""What is ranked: prompts and their pools, demonstrations, completions, comparisons and their items."""

from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, ByteOrdered, Id, PlainJSON, ProjectId, utc_now
from storage.tables.people import one_of
from workbench.records import COMPARISON_KINDS, PROMPT_USES


class Prompt(Base):
    """A prompt, once a project: plain text, or a list of chat messages."""

    __tablename__ = "prompt"
    __table_args__ = (UniqueConstraint("project_id", "hash"),)

    id: Mapped[Id]
    project_id: Mapped[ProjectId]
    hash: Mapped[str]
    content: Mapped[Any] = mapped_column(PlainJSON)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class PromptPool(Base):
    """The one use that a prompt is kept for; one row a prompt, so pools cannot overlap."""

    __tablename__ = "prompt_pool"
    __table_args__ = (UniqueConstraint("project_id", "record_id"), one_of("use", PROMPT_USES))

    prompt_id: Mapped[int] = mapped_column(ForeignKey("prompt.id"), primary_key=True)
    project_id: Mapped[ProjectId]
    record_id: Mapped[str] = mapped_column(ByteOrdered)
    use: Mapped[str]
    tags: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Demonstration(Base):
    """A conversation whose last turn a person wrote as the ideal completion."""

    __tablename__ = "demonstration"
    __table_args__ = (UniqueConstraint("project_id", "record_id"),)

    id: Mapped[Id]
    project_id: Mapped[ProjectId]
    record_id: Mapped[str] = mapped_column(ByteOrdered)
    messages: Mapped[list[Any]]
    tags: Mapped[dict[str, Any]] = mapped_column(default=dict)
    content_hash: Mapped[str]
    annotator_id: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))
    submission_id: Mapped[int | None] = mapped_column(ForeignKey("submission.id"), index=True)
    """The submission that it was written in, where an annotator of the service wrote it."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Completion(Base):
    """A text that answers a prompt, with the systems that wrote it and how it was sampled."""

    __tablename__ = "completion"
    __table_args__ = (
        # Partial: most completions of a project may come from files that name no checkpoint.
        Index(
            "ix_completion_checkpoint_hash",
            "checkpoint_hash",
            sqlite_where=sql("checkpoint_hash IS NOT NULL"),
            postgresql_where=sql("checkpoint_hash IS NOT NULL"),
        ),
    )

    id: Mapped[Id]
    prompt_id: Mapped[int] = mapped_column(ForeignKey("prompt.id"), index=True)
    text: Mapped[str]
    source: Mapped[list[Any]] = mapped_column(default=list)
    sampling: Mapped[dict[str, Any] | None]
    checkpoint_hash: Mapped[str | None]
    """`sampling["checkpoint"]`, on its own so that the completions of a checkpoint can be found."""


# Literals, not parameters: a query uses a partial index only where it says the same words.
WAITING = "kind = 'ordinary' AND votes < target_overlap"
SPECIAL = "kind <> 'ordinary'"


class Comparison(Base):
    """One prompt and K completions to be ranked."""

    __tablename__ = "comparison"
    __table_args__ = (
        UniqueConstraint("project_id", "record_id"),
        one_of("kind", COMPARISON_KINDS),
        Index(
            "ix_comparison_repeat",
            "project_id",
            "repeat_of",
            sqlite_where=sql("repeat_of IS NOT NULL"),
            postgresql_where=sql("repeat_of IS NOT NULL"),
        ),
        Index(
            "ix_comparison_special",
            "project_id",
            "kind",
            "id",
            sqlite_where=sql(SPECIAL),
            postgresql_where=sql(SPECIAL),
        ),
    )

    id: Mapped[Id]
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    record_id: Mapped[str] = mapped_column(ByteOrdered)
    prompt_id: Mapped[int] = mapped_column(ForeignKey("prompt.id"), index=True)
    kind: Mapped[str]
    repeat_of: Mapped[str | None]
    """The record id of the comparison that this one shows again; it may have been imported elsewhere."""
    tags: Mapped[dict[str, Any]] = mapped_column(default=dict)
    content_hash: Mapped[str]
    """Hash of all that a file says of it except rankings: same id and hash, and rankings merge."""
    target_overlap: Mapped[int] = mapped_column(default=1)
    """Votes it should get; the project's policy sets it, and raises it while a comparison needs another vote."""
    votes: Mapped[int] = mapped_column(default=0)
    """Rankings that count: submissions with the outcome `ranked`, latest revision, not withdrawn, no adjudication."""
    priority: Mapped[float] = mapped_column(Float, default=0.0)
    """Higher comes first; equal ones come in the order of their ids."""
    round: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


Index(
    "ix_comparison_queue",
    Comparison.project_id,
    Comparison.priority.desc(),
    Comparison.id,
    sqlite_where=sql(WAITING),
    postgresql_where=sql(WAITING),
)


class ComparisonItem(Base):
    """Completion number `position` (from 0, as in files) of a comparison."""

    __tablename__ = "comparison_item"

    comparison_id: Mapped[int] = mapped_column(ForeignKey("comparison.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    completion_id: Mapped[int] = mapped_column(ForeignKey("completion.id"), index=True)
