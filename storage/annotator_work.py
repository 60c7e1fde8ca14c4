"""What one annotator made in a project, for its lead: recent submissions with their sittings."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from storage.tables import Comparison, Submission, Withdrawal


@dataclass(frozen=True, kw_only=True)
class MadeSubmission:
    """One submission, without what it says."""

    id: int
    at: datetime
    comparison: str
    outcome: str
    seconds: float | None
    sitting: str | None
    gold_agreement: float | None
    is_withdrawn: bool


def recent_submissions(
    session: Session, project_id: int, annotator_id: int, *, limit: int = 50
) -> list[MadeSubmission]:
    """The latest submissions of an annotator in a project, newest first."""
    withdrawn = exists().where(
        or_(
            Withdrawal.submission_id == Submission.id,
            (Withdrawal.annotator_id == annotator_id)
            & or_(Withdrawal.project_id.is_(None), Withdrawal.project_id == project_id),
        )
    )
    query = (
        select(Submission, Comparison.record_id, withdrawn)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .where(Submission.annotator_id == annotator_id, Comparison.project_id == project_id)
        .order_by(Submission.id.desc())
        .limit(limit)
    )
    return [
        MadeSubmission(
            id=row.id,
            at=row.created_at,
            comparison=name,
            outcome=row.outcome,
            seconds=row.seconds,
            sitting=row.sitting,
            gold_agreement=row.gold_agreement,
            is_withdrawn=gone,
        )
        for row, name, gone in session.execute(query)
    ]


def submission_of(
    session: Session, project_id: int, annotator_id: int, submission_id: int
) -> MadeSubmission | None:
    """One of them; None if it is another's or of another project."""
    query = (
        select(Submission, Comparison.record_id)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .where(
            Submission.id == submission_id,
            Submission.annotator_id == annotator_id,
            Comparison.project_id == project_id,
        )
    )
    row = session.execute(query).first()
    if row is None:
        return None
    made, name = row
    return MadeSubmission(
        id=made.id,
        at=made.created_at,
        comparison=name,
        outcome=made.outcome,
        seconds=made.seconds,
        sitting=made.sitting,
        gold_agreement=made.gold_agreement,
        is_withdrawn=False,
    )
