"""Progress: how far a project's comparisons have come towards the overlap they are meant to get."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from storage.submissions import counting_submissions
from storage.tables import Comparison, Submission


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Counts over a project's comparisons; a submission counts unless it was superseded or withdrawn.

    Adjudications are not among them: they settle a comparison and are no vote.
    """

    comparisons: int
    started: int
    """With at least one submission."""
    complete: int
    """With as many as their target overlap."""
    wanted: int
    """Submissions wanted in all: the sum of the target overlaps."""
    submissions: int
    annotators: int
    last_at: datetime | None
    """When the latest submission came."""


def project_progress(session: Session, project_id: int) -> Progress:
    """The progress of one project."""
    of_project = Comparison.project_id == project_id
    counted_here = (of_project, Submission.annotator_kind != "adjudicator", *counting_submissions())
    counted = (
        select(
            Submission.comparison_id.label("comparison_id"),
            func.count().label("submissions"),
            func.max(Submission.created_at).label("last_at"),
        )
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .where(*counted_here)
        .group_by(Submission.comparison_id)
        .subquery()
    )
    got = func.coalesce(counted.c.submissions, 0)
    row = session.execute(
        select(
            func.count(),
            func.sum(case((got > 0, 1), else_=0)),
            func.sum(case((got >= Comparison.target_overlap, 1), else_=0)),
            func.sum(Comparison.target_overlap),
            func.sum(got),
            func.max(counted.c.last_at),
        )
        .select_from(Comparison)
        .outerjoin(counted, counted.c.comparison_id == Comparison.id)
        .where(of_project)
    ).one()
    annotators = session.scalar(
        select(func.count(func.distinct(Submission.annotator_id)))
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .where(*counted_here)
    )
    comparisons, started, complete, wanted, submissions, last_at = row
    return Progress(
        comparisons=comparisons,
        started=started or 0,
        complete=complete or 0,
        wanted=wanted or 0,
        submissions=submissions or 0,
        annotators=annotators or 0,
        last_at=last_at,
    )


def submissions_since(session: Session, project_id: int, since: datetime) -> int:
    """Votes that came into a project after a moment and still count."""
    query = (
        select(func.count())
        .select_from(Submission)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .where(
            Comparison.project_id == project_id,
            Submission.annotator_kind != "adjudicator",
            Submission.created_at > since,
            *counting_submissions(),
        )
    )
    return int(session.scalar(query) or 0)
