"""Gold: comparisons whose ranking is known, how far an answer agrees with it, and what that says of an annotator."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from storage.submissions import counting_submissions
from storage.tables import Adjudication, Annotator, Comparison, ProjectAnnotator, Ranking, Submission

Ranks = Sequence[int | None]
SCORED = frozenset({"gold", "qualification"})
"""Kinds of comparison whose answers are compared with an adjudicated ranking."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The ranking that is right for a comparison."""

    rankings: Mapping[str, tuple[int | None, ...]]
    """Ranks by criterion; pairs that tie, or of which one is not ranked, are not decided."""
    explanation: str


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """How far an annotator agrees with gold, with a 95 % interval."""

    pseudonym: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    """Gold comparisons answered."""


def expected_ranking(session: Session, comparison_id: int) -> Expected | None:
    """The latest adjudication of a comparison; None where there is none that ranks."""
    query = (
        select(Ranking.criterion, Ranking.ranks, Submission.id, Submission.note)
        .join(Submission, Submission.id == Ranking.submission_id)
        .join(Adjudication, Adjudication.submission_id == Submission.id)
        .where(Adjudication.comparison_id == comparison_id, Submission.outcome == "ranked")
        .order_by(Submission.id.desc(), Ranking.id)
    )
    rows = session.execute(query).all()
    if not rows:
        return None
    latest = [row for row in rows if row.id == rows[0].id]
    return Expected(
        rankings={row.criterion: tuple(row.ranks) for row in latest}, explanation=rows[0].note or ""
    )


def agreement_with(expected: Mapping[str, Ranks], given: Mapping[str, Ranks | None]) -> float | None:
    """Share of the pairs that `expected` decides on which `given` agrees; None where it decides none.

    A tie agrees by half. A completion that was set aside stands below all that were ranked. Of criteria, those that
    both have.
    """
    agreed = 0.0
    decided = 0
    for criterion, right in expected.items():
        ranks = given.get(criterion)
        if ranks is None:
            continue
        for i, j in combinations(range(len(right)), 2):
            one, two = right[i], right[j]
            if one is None or two is None or one == two:
                continue
            decided += 1
            better, worse = (i, j) if one < two else (j, i)
            agreed += _prefers(ranks, better, worse)
    return agreed / decided if decided else None


def gold_accuracy(session: Session, project_id: int) -> list[Accuracy]:
    """Every annotator's accuracy on gold in a project, from the live counters, by pseudonym."""
    query = (
        select(Annotator.pseudonym, ProjectAnnotator.gold_answered, ProjectAnnotator.gold_agreed)
        .join(Annotator, Annotator.id == ProjectAnnotator.annotator_id)
        .where(ProjectAnnotator.project_id == project_id)
        .order_by(Annotator.pseudonym)
    )
    found = []
    for pseudonym, answered, agreed in session.execute(query):
        low, high = wilson_interval(agreed, answered) if answered else (None, None)
        value = agreed / answered if answered else None
        found.append(Accuracy(pseudonym=pseudonym, value=value, low=low, high=high, n=answered))
    return found


def recount_gold(session: Session, annotator_id: int) -> None:
    """Count the annotator's gold answers anew, in every project: some no longer count."""
    row = ProjectAnnotator
    # Locked first: a count that waited for somebody's answer would still be of the time before it.
    locked = select(row.project_id).where(row.annotator_id == annotator_id).order_by(row.project_id)
    session.execute(locked.with_for_update()).all()
    counted = (
        select(func.count(), func.coalesce(func.sum(Submission.gold_agreement), 0.0))
        .select_from(Submission)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .where(
            Submission.annotator_id == annotator_id,
            Submission.origin == "service",
            Submission.gold_agreement.is_not(None),
            Comparison.kind == "gold",
            *counting_submissions(),
        )
    )
    for project_id in session.scalars(locked).all():
        answered, agreed = session.execute(counted.where(Comparison.project_id == project_id)).one()
        session.execute(
            update(row)
            .where(row.project_id == project_id, row.annotator_id == annotator_id)
            .values(gold_answered=answered, gold_agreed=agreed),
            execution_options={"synchronize_session": False},
        )


def wilson_interval(successes: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval of a share (Wilson 1927), 95 % by default.

    Gold answers may be half right; a share of such has less spread than one of rights and wrongs, so the interval
    is rather too wide than too narrow.
    """
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _prefers(ranks: Ranks, better: int, worse: int) -> float:
    high, low = ranks[better], ranks[worse]
    if high == low:
        return 0.5
    if high is None or low is None:
        return float(low is None)
    return float(high < low)
