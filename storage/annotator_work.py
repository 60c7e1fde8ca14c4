"""What one annotator made in a project, for its lead: recent submissions, and the sittings they came from."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from storage.submissions import counting_submissions
from storage.tables import Comparison, Prompt, Submission, Withdrawal


@dataclass(frozen=True, kw_only=True)
class MadeSubmission:
    """One submission, without what it says."""

    id: int
    at: datetime
    comparison: str
    prompt: object
    """As it is stored: a text, or a list of messages."""
    outcome: str
    seconds: float | None
    sitting: str | None
    gold_agreement: float | None
    is_withdrawn: bool
    is_superseded: bool
    """The annotator has changed it since: a later revision stands in its place."""


@dataclass(frozen=True, kw_only=True)
class Sitting:
    """What an annotator sent in one sitting."""

    sitting: str
    at: datetime
    """When the first of it came."""
    count: int


def recent_submissions(
    session: Session, project_id: int, annotator_id: int, *, limit: int = 50
) -> list[MadeSubmission]:
    """The latest submissions of an annotator in a project, newest first."""
    query = _made(project_id, annotator_id).order_by(Submission.id.desc()).limit(limit)
    return [_record(*row) for row in session.execute(query)]


def submission_of(
    session: Session, project_id: int, annotator_id: int, submission_id: int
) -> MadeSubmission | None:
    """One of them; None if it is another's or of another project."""
    row = session.execute(_made(project_id, annotator_id).where(Submission.id == submission_id)).first()
    return None if row is None else _record(*row)


def list_sittings(session: Session, project_id: int, annotator_id: int, *, limit: int = 50) -> list[Sitting]:
    """An annotator's latest sittings in a project that hold anything that counts, newest first."""
    began = func.min(Submission.created_at)
    query = (
        select(Submission.sitting, began, func.count())
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .where(
            Submission.annotator_id == annotator_id,
            Comparison.project_id == project_id,
            Submission.sitting.is_not(None),
            *counting_submissions(),
        )
        .group_by(Submission.sitting)
        .order_by(began.desc())
        .limit(limit)
    )
    return [Sitting(sitting=name or "", at=at, count=count) for name, at, count in session.execute(query)]


def submissions_of_sitting(
    session: Session, project_id: int, annotator_id: int, sitting: str
) -> list[MadeSubmission]:
    """All that an annotator sent in a project in one sitting, oldest first."""
    query = _made(project_id, annotator_id).where(Submission.sitting == sitting).order_by(Submission.id)
    return [_record(*row) for row in session.execute(query)]


def with_earlier_revisions(session: Session, submissions: Collection[int]) -> set[int]:
    """Submissions and all that they superseded."""
    found, frontier = set(submissions), set(submissions)
    while frontier:
        earlier = select(Submission.supersedes_id).where(
            Submission.id.in_(list(frontier)), Submission.supersedes_id.is_not(None)
        )
        frontier = {key for key in session.scalars(earlier) if key is not None} - found
        found |= frontier
    return found


def _made(project_id: int, annotator_id: int) -> Select[Submission, str, object, bool, bool]:
    later = aliased(Submission)
    withdrawn = exists().where(
        or_(
            Withdrawal.submission_id == Submission.id,
            (Withdrawal.annotator_id == annotator_id)
            & or_(Withdrawal.project_id.is_(None), Withdrawal.project_id == project_id),
        )
    )
    superseded = exists().where(later.supersedes_id == Submission.id)
    return (
        select(Submission, Comparison.record_id, Prompt.content, withdrawn, superseded)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .join(Prompt, Prompt.id == Comparison.prompt_id)
        .where(Submission.annotator_id == annotator_id, Comparison.project_id == project_id)
    )


def _record(
    row: Submission, comparison: str, prompt: object, is_withdrawn: bool, is_superseded: bool
) -> MadeSubmission:
    return MadeSubmission(
        id=row.id,
        at=row.created_at,
        comparison=comparison,
        prompt=prompt,
        outcome=row.outcome,
        seconds=row.seconds,
        sitting=row.sitting,
        gold_agreement=row.gold_agreement,
        is_withdrawn=is_withdrawn,
        is_superseded=is_superseded,
    )
