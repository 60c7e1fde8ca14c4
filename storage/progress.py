"""Progress: how far a project's comparisons have come towards the overlap they are meant to get."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, exists, func, select
from sqlalchemy.orm import Session

from storage.submissions import counting_submissions
from storage.tables import Annotator, Comparison, Submission


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Counts over a project's ordinary comparisons, from the counters of their votes.

    A vote is a ranking that was neither superseded nor withdrawn. Skips and adjudications are none.
    """

    comparisons: int
    started: int
    """With at least one vote."""
    complete: int
    """With as many as their target overlap."""
    wanted: int
    """Votes wanted in all: the sum of the target overlaps."""
    submissions: int
    """Votes."""
    annotators: int
    """Who gave a submission that counts."""
    last_at: datetime | None
    """When the latest submission came."""


def project_progress(session: Session, project_id: int) -> Progress:
    """The progress of one project: one pass over its comparisons, none over its submissions."""
    comparisons, started, complete, wanted, votes = session.execute(
        select(
            func.count(),
            func.sum(case((Comparison.votes > 0, 1), else_=0)),
            func.sum(case((Comparison.votes >= Comparison.target_overlap, 1), else_=0)),
            func.sum(Comparison.target_overlap),
            func.sum(Comparison.votes),
        ).where(Comparison.project_id == project_id, Comparison.kind == "ordinary")
    ).one()
    counted = (
        Comparison.project_id == project_id,
        Submission.annotator_kind != "adjudicator",
        *counting_submissions(),
    )
    # For each annotator the first submission that counts is enough; the list of annotators is short.
    works_here = exists(
        select(Submission.id)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .where(Submission.annotator_id == Annotator.id, *counted)
        .correlate(Annotator)
    )
    annotators = session.scalar(select(func.count()).select_from(Annotator).where(works_here))
    last_at = session.scalar(
        select(Submission.created_at)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .where(*counted)
        .order_by(Submission.id.desc())
        .limit(1)
    )
    return Progress(
        comparisons=comparisons,
        started=started or 0,
        complete=complete or 0,
        wanted=wanted or 0,
        submissions=votes or 0,
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
