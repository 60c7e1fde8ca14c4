"""Comparisons on which annotators disagree, on their way to a reviewer."""

from datetime import datetime

from sqlalchemy import Float, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, Id, utc_now
from storage.tables.people import one_of

DISPUTE_STATUSES = ("open", "settled", "decided", "dismissed")


class Dispute(Base):
    """A comparison whose rankings disagreed above the project's threshold, once a comparison.

    `settled`: later rankings or withdrawals ended it. `decided`: an adjudication did. `dismissed`: no answer is better.
    """

    __tablename__ = "dispute"
    __table_args__ = (
        one_of("status", DISPUTE_STATUSES),
        Index("ix_dispute_queue", "project_id", "status", "disagreement"),
    )

    id: Mapped[Id]
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    comparison_id: Mapped[int] = mapped_column(ForeignKey("comparison.id"), unique=True)
    disagreement: Mapped[float] = mapped_column(Float(53))
    """From 0 to 1, of the criterion on which it is greatest."""
    labels: Mapped[int]
    """Annotators who ranked it when it was measured."""
    status: Mapped[str] = mapped_column(default="open")
    reason: Mapped[str | None]
    """Why it was decided so, or dismissed."""
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    ended_at: Mapped[datetime | None]
