"""Progress: how far a project's comparisons have come towards the overlap they are meant to get."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, exists, func, select, text
from sqlalchemy.orm import Session

from storage.submissions import counting_submissions
from storage.tables import Annotator, Comparison, Submission
from storage.tables.content import WAITING

LOOKED_AT = 20_000
"""Submissions that are looked at to say how many have come since a moment: a page does not wait for more."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Counts over a project's ordinary comparisons, from the counters of their votes.

    A vote is a submission that ranks, on however many criteria: the latest revision, not withdrawn. Skips and
    adjudications are none.
    """

    comparisons: int
    started: int
    """With at least one vote."""
    complete: int
    """With as many as their target overlap."""
    wanted: int
    """Votes wanted in all: the sum of the target overlaps."""
    submissions: int
    """Votes given."""
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


def missing_votes(session: Session, project_id: int) -> int:
    """Votes that open comparisons still want: not wanted less given, for some have more than they want."""
    query = select(func.sum(Comparison.target_overlap - Comparison.votes)).where(
        Comparison.project_id == project_id, text(WAITING)
    )
    return session.scalar(query) or 0


def votes_since(session: Session, project_id: int, submission_id: int) -> int:
    """Rankings that count and came into a project after a submission; of the next `LOOKED_AT` of all projects."""
    later = (
        select(Submission.id).where(Submission.id > submission_id).order_by(Submission.id).limit(LOOKED_AT)
    )
    query = (
        select(func.count())
        .select_from(Submission)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .where(
            Submission.id.in_(later),
            Comparison.project_id == project_id,
            Submission.outcome == "ranked",
            Submission.annotator_kind != "adjudicator",
            *counting_submissions(),
        )
    )
    return int(session.scalar(query) or 0)
