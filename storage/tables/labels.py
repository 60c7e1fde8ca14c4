"""What annotators make: leases, drafts, submissions, rankings, adjudications, withdrawals."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Float, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, ByteOrdered, Id, utc_now
from storage.tables.people import one_of
from workbench.records import ANNOTATOR_KINDS, OUTCOMES


class Lease(Base):
    """A comparison handed to an annotator until `expires_at`; after that it is anybody's, until the row is renewed."""

    __tablename__ = "lease"
    __table_args__ = (UniqueConstraint("comparison_id", "annotator_id"),)

    id: Mapped[Id]
    comparison_id: Mapped[int] = mapped_column(ForeignKey("comparison.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), index=True)
    token: Mapped[str] = mapped_column(index=True, unique=True)
    """The random name under which the page knows its task: an id of ours would tell too much."""
    order: Mapped[list[Any]] = mapped_column("shown_order")
    """`order[p]` is the completion shown at position p, drawn when the lease was given."""
    revises_id: Mapped[int | None] = mapped_column(ForeignKey("submission.id"), index=True)
    """The submission that is being corrected, if the lease was given for that."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Draft(Base):
    """Unsent work, as the page left it."""

    __tablename__ = "draft"
    __table_args__ = (UniqueConstraint("comparison_id", "annotator_id"),)

    id: Mapped[Id]
    comparison_id: Mapped[int] = mapped_column(ForeignKey("comparison.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), index=True)
    content: Mapped[dict[str, Any]]
    seconds: Mapped[float] = mapped_column(Float(53), default=0.0)
    """Time spent so far, as the page measured it."""
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class Submission(Base):
    """What one annotator sent for one comparison: rankings (one a criterion), flags, answers, or a skip.

    Rows are never changed: a correction is a new row with the next `revision` that names the one it `supersedes`.
    """

    __tablename__ = "submission"
    __table_args__ = (
        # Files may hold several first attempts of one annotator; the service cannot.
        Index(
            "uq_submission_service",
            "comparison_id",
            "annotator_id",
            "attempt",
            "revision",
            unique=True,
            sqlite_where=text("origin = 'service'"),
            postgresql_where=text("origin = 'service'"),
        ),
        Index("ix_submission_annotator_id_id", "annotator_id", "id"),
        Index("ix_submission_sitting", "sitting"),
        one_of("outcome", OUTCOMES),
        one_of("annotator_kind", ANNOTATOR_KINDS),
        one_of("origin", ("service", "file")),
    )

    id: Mapped[Id]
    comparison_id: Mapped[int] = mapped_column(ForeignKey("comparison.id"), index=True)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    annotator_kind: Mapped[str]
    """What the annotator acted as; `adjudicator` for an adjudication, whoever made it."""
    origin: Mapped[str]
    attempt: Mapped[int] = mapped_column(default=1)
    revision: Mapped[int] = mapped_column(default=1)
    supersedes_id: Mapped[int | None] = mapped_column(ForeignKey("submission.id"), unique=True)
    guideline_version_id: Mapped[int | None] = mapped_column(ForeignKey("guideline_version.id"), index=True)
    outcome: Mapped[str]
    reason: Mapped[str | None]
    order: Mapped[list[Any] | None] = mapped_column("shown_order")
    at: Mapped[str | None]
    """When it was made, word for word as the file or the service said it."""
    seconds: Mapped[float | None] = mapped_column(Float(53))
    timings: Mapped[dict[str, Any] | None]
    flags: Mapped[list[Any]] = mapped_column(default=list)
    answers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    note: Mapped[str | None]
    demonstration: Mapped[str | None]
    """The ideal completion that the annotator wrote."""
    sitting: Mapped[str | None]
    """The page's random name for one sitting of the annotator, so that one can be withdrawn."""
    gold_agreement: Mapped[float | None] = mapped_column(Float(53))
    """Share of the pairs that the gold ranking decides on which this one agrees; None where there is no gold."""
    lease_token: Mapped[str | None] = mapped_column(index=True, unique=True)
    """The lease that it was made under."""
    idempotency_key: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Ranking(Base):
    """The tiers of one submission under one criterion: one JSON array, 1 is best, null is not ranked."""

    __tablename__ = "ranking"
    __table_args__ = (
        UniqueConstraint("comparison_id", "record_id"),
        UniqueConstraint("submission_id", "criterion"),
    )

    id: Mapped[Id]
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id"))
    comparison_id: Mapped[int] = mapped_column(ForeignKey("comparison.id"))
    """The submission's own; here so that an id can be unique within its comparison."""
    record_id: Mapped[str] = mapped_column(ByteOrdered)
    criterion: Mapped[str] = mapped_column(ByteOrdered)
    ranks: Mapped[list[Any] | None]
    strength: Mapped[float | None] = mapped_column(Float(53))
    content_hash: Mapped[str]


class Adjudication(Base):
    """A reviewer's decision on a disputed comparison; its submission is the consensus by itself."""

    __tablename__ = "adjudication"

    id: Mapped[Id]
    comparison_id: Mapped[int] = mapped_column(ForeignKey("comparison.id"), index=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id"), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Withdrawal(Base):
    """Labels that no longer count: one submission, or all that an annotator made or will make.

    Of an annotator's, those in one project, or in all where `project_id` is None.
    """

    __tablename__ = "withdrawal"
    __table_args__ = (
        CheckConstraint("(annotator_id IS NULL) <> (submission_id IS NULL)", name="one_subject"),
    )

    id: Mapped[Id]
    project_id: Mapped[int | None] = mapped_column(ForeignKey("project.id"), index=True)
    annotator_id: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"), index=True)
    submission_id: Mapped[int | None] = mapped_column(ForeignKey("submission.id"), index=True)
    reason: Mapped[str]
    actor: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
