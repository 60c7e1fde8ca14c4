"""The annotators' work in a project as it goes on: where each stands, what they did each day, what they ask."""

from datetime import datetime

from sqlalchemy import Float, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, BigId, Id, utc_now
from storage.tables.people import one_of

QUALIFICATIONS = ("open", "passed", "failed")


class ProjectAnnotator(Base):
    """An annotator in a project: counters that the live pages read, and the place in the queue."""

    __tablename__ = "project_annotator"
    __table_args__ = (one_of("qualification", QUALIFICATIONS),)

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), primary_key=True, index=True)
    submissions: Mapped[int] = mapped_column(default=0)
    """Sent for ordinary, gold and repeated comparisons, whatever became of them; a revision and practice are none."""
    ranked: Mapped[int] = mapped_column(default=0)
    """Those that rank by their latest revision; the others are `skipped`."""
    skipped: Mapped[int] = mapped_column(default=0)
    votes: Mapped[int] = mapped_column(default=0)
    """Votes that these answers gave to ordinary comparisons, less those that they took back. Only its growth tells
    something: what a withdrawal takes away is in `comparison.votes` alone."""
    seconds: Mapped[float] = mapped_column(Float(53), default=0.0)
    closed: Mapped[int] = mapped_column(default=0)
    """Comparisons that this annotator's votes gave the last vote they wanted, since `project.queued` was counted."""
    gold_answered: Mapped[int] = mapped_column(default=0)
    """Gold comparisons ranked; withdrawn answers are taken off."""
    gold_agreed: Mapped[float] = mapped_column(Float(53), default=0.0)
    """Sum over the gold answers of the share of decided pairs on which they agree."""
    practised: Mapped[int] = mapped_column(default=0)
    practice_agreed: Mapped[float] = mapped_column(Float(53), default=0.0)
    qualification: Mapped[str] = mapped_column(default="open")
    cursor_priority: Mapped[float | None] = mapped_column(Float(53))
    cursor_id: Mapped[int | None] = mapped_column(BigId)
    """The last comparison taken from the queue; what lies before it was taken or not to be had."""
    cursor_at: Mapped[datetime | None]
    """When the annotator last looked at the queue from its beginning."""
    exhausted_at: Mapped[datetime | None]
    """When the whole queue last held nothing for this annotator."""
    last_at: Mapped[datetime | None]
    """When the latest submission came."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class WorkDay(Base):
    """What an annotator did in a project on one day of the project's time zone: the figures that pay is made from."""

    __tablename__ = "work_day"

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    """ISO date."""
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), primary_key=True, index=True)
    ranked: Mapped[int] = mapped_column(default=0)
    """A skip that is revised into a ranking is one ranking more and one skip less on the day of the revision."""
    skipped: Mapped[int] = mapped_column(default=0)
    practised: Mapped[int] = mapped_column(default=0)
    revised: Mapped[int] = mapped_column(default=0)
    seconds: Mapped[float] = mapped_column(Float(53), default=0.0)


class Question(Base):
    """What an annotator asks the lead, most often about one comparison."""

    __tablename__ = "question"

    id: Mapped[Id]
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), index=True)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), index=True)
    comparison_id: Mapped[int | None] = mapped_column(ForeignKey("comparison.id"))
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    answer: Mapped[str | None]
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    answered_at: Mapped[datetime | None]
