"""Figures of a project: counters that are always there, and counts that take long and are kept with their age."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.tables import (
    Annotator,
    Comparison,
    Figure,
    Lease,
    ProjectAnnotator,
    Question,
    Ranking,
    Submission,
    WorkDay,
)

LOOKED_AT = 400
"""Latest submissions of each annotator from which habits are measured."""
WINDOW = 50
"""Latest submissions whose speed is compared with those before them."""


@dataclass(frozen=True, kw_only=True)
class StoredFigure:
    """A counted figure."""

    content: Mapping[str, Any]
    seconds: float
    computed_at: datetime


@dataclass(frozen=True, kw_only=True)
class AnnotatorCounters:
    """An annotator's counters in a project."""

    annotator_id: int
    pseudonym: str
    submissions: int
    ranked: int
    skipped: int
    seconds: float
    gold_answered: int
    gold_agreed: float
    qualification: str
    last_at: datetime | None


def read_figure(session: Session, project_id: int, name: str) -> StoredFigure | None:
    """The figure as last counted."""
    row = session.get(Figure, (project_id, name))
    return (
        None
        if row is None
        else StoredFigure(content=row.content, seconds=row.seconds, computed_at=row.computed_at)
    )


def keep_figure(
    session: Session, project_id: int, name: str, content: Mapping[str, Any], *, seconds: float, now: datetime
) -> None:
    """Keep a figure in place of the one before."""
    row = session.get(Figure, (project_id, name))
    if row is None:
        row = Figure(project_id=project_id, name=name)
        session.add(row)
    row.content, row.seconds, row.computed_at = dict(content), seconds, now
    session.flush()


def measure_habits(session: Session, project_id: int) -> dict[str, Any]:
    """Every annotator's habits, from their latest submissions, by pseudonym."""
    return {
        counters.pseudonym: _habits(session, project_id, counters.annotator_id)
        for counters in list_counters(session, project_id)
    }


def count_submissions(session: Session, project_id: int) -> int:
    """Submissions made in the service, from the counters."""
    query = select(func.sum(ProjectAnnotator.submissions)).where(ProjectAnnotator.project_id == project_id)
    return session.scalar(query) or 0


def list_counters(session: Session, project_id: int) -> list[AnnotatorCounters]:
    """The counters of everyone who worked in the project, the busiest first."""
    query = (
        select(ProjectAnnotator, Annotator.pseudonym)
        .join(Annotator, Annotator.id == ProjectAnnotator.annotator_id)
        .where(ProjectAnnotator.project_id == project_id)
        .order_by(ProjectAnnotator.submissions.desc(), Annotator.pseudonym)
    )
    return [
        AnnotatorCounters(
            annotator_id=row.annotator_id,
            pseudonym=pseudonym,
            submissions=row.submissions,
            ranked=row.ranked,
            skipped=row.skipped,
            seconds=row.seconds,
            gold_answered=row.gold_answered,
            gold_agreed=row.gold_agreed,
            qualification=row.qualification,
            last_at=row.last_at,
        )
        for row, pseudonym in session.execute(query)
    ]


def work_by_day(session: Session, project_id: int, first: str) -> list[tuple[str, int, float]]:
    """Day, rankings and seconds of all annotators together, from one ISO date on."""
    query = (
        select(WorkDay.day, func.sum(WorkDay.ranked), func.sum(WorkDay.seconds))
        .where(WorkDay.project_id == project_id, WorkDay.day >= first)
        .group_by(WorkDay.day)
        .order_by(WorkDay.day)
    )
    return [(day, ranked, seconds) for day, ranked, seconds in session.execute(query)]


def count_leases(session: Session, project_id: int, *, now: datetime) -> tuple[int, int]:
    """Tasks that annotators hold, and those whose time ran out unanswered."""
    query = (
        select(Lease.expires_at > now, func.count())
        .join(Comparison, Comparison.id == Lease.comparison_id)
        .where(Comparison.project_id == project_id)
        .group_by(Lease.expires_at > now)
    )
    found = {bool(live): count for live, count in session.execute(query)}
    return found.get(True, 0), found.get(False, 0)


def count_open_questions(session: Session, project_id: int) -> int:
    """Questions that nobody has answered."""
    query = select(func.count()).where(Question.project_id == project_id, Question.answer.is_(None))
    return session.scalar(query) or 0


def _habits(session: Session, project_id: int, annotator_id: int) -> dict[str, Any]:
    """Of the latest submissions: how often the first shown won against chance, ties, and speed now and before."""
    query = (
        select(Submission.id, Submission.seconds, Submission.order, Ranking.ranks)
        .join(Ranking, Ranking.submission_id == Submission.id)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .where(
            Submission.annotator_id == annotator_id,
            Comparison.project_id == project_id,
            Submission.origin == "service",
            Submission.outcome == "ranked",
        )
        .order_by(Submission.id.desc())
        .limit(LOOKED_AT)
    )
    won = expected = decided = ties = pairs = 0.0
    seconds: dict[int, float] = {}
    for key, spent, order, ranks in session.execute(query):
        if spent is not None:
            seconds.setdefault(key, spent)
        shown = [ranks[i] for i in order or () if i < len(ranks)]
        tiers = [tier for tier in shown if tier is not None]
        if len(tiers) < 2:
            continue
        pairs += len(tiers) * (len(tiers) - 1) / 2
        ties += sum(tiers[i] == tiers[j] for i in range(len(tiers)) for j in range(i))
        if tiers.count(min(tiers)) == 1 and shown[0] is not None:
            decided += 1
            expected += 1 / len(tiers)
            won += shown[0] == min(tiers)
    speeds = list(seconds.values())
    return {
        "decided": int(decided),
        "first_won": int(won),
        "first_expected": expected,
        "ties": ties / pairs if pairs else None,
        "median_seconds": statistics.median(speeds) if speeds else None,
        "latest_seconds": statistics.median(speeds[:WINDOW]) if len(speeds) >= 2 * WINDOW else None,
        "earlier_seconds": statistics.median(speeds[WINDOW:]) if len(speeds) >= 2 * WINDOW else None,
    }
