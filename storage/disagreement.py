"""Disagreement: how far the rankings of a comparison differ, and the disputes that it opens and ends."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, select, union
from sqlalchemy.orm import Session

from storage import audit
from storage.bookmarks import take_bookmark
from storage.hooks import tell
from storage.jobs import enqueue
from storage.submissions import read_rankings
from storage.tables import Comparison, Dispute, Project, Submission, Withdrawal
from workbench import records

Ranks = Sequence[int | None]

MEASURED = "disputes"
"""The bookmark of what was measured; whoever measures has it, so that nobody writes what was read before."""
MEASURE_JOB = "measure-disputes"
_ACTOR = "worker"

_BATCH = 500


def disagreement(rankings: Sequence[records.Ranking]) -> tuple[float, int]:
    """How far annotators disagree on the criterion where they do so most, and how many ranked at all.

    Over each two annotators and each two completions that both ranked: 0 for the same order, 1 for the opposite,
    1/2 where one of them ties. People alone are compared, not an adjudication.
    """
    by_criterion: dict[str, dict[str, Ranks]] = defaultdict(dict)
    for ranking in rankings:
        if ranking.ranks is not None and ranking.annotator_kind != "adjudicator":
            by_criterion[ranking.criterion][ranking.annotator] = ranking.ranks
    annotators = {name for ranked in by_criterion.values() for name in ranked}
    found = [
        value
        for ranked in by_criterion.values()
        if (value := _disagreement(list(ranked.values()))) is not None
    ]
    return max(found, default=0.0), len(annotators)


def _disagreement(ranked: Sequence[Ranks]) -> float | None:
    total = count = 0.0
    for one, other in combinations(ranked, 2):
        for i, j in combinations(range(len(one)), 2):
            first, second = _order(one, i, j), _order(other, i, j)
            if first is not None and second is not None:
                total += abs(first - second) / 2
                count += 1
    return total / count if count else None


def _order(ranks: Ranks, i: int, j: int) -> int | None:
    a, b = ranks[i], ranks[j]
    return None if a is None or b is None else (a > b) - (a < b)


def measure_disputes(
    session: Session, comparison_ids: Sequence[int], thresholds: Mapping[int, float], *, now: datetime
) -> int:
    """Measure these comparisons anew: open disputes above their project's threshold, settle those that fell below.

    What a reviewer decided or dismissed stays so. Returns how many were opened.
    """
    # Held until this transaction ends: whoever measures the same comparison next reads its rankings after that.
    take_bookmark(session, MEASURED)
    opened = 0
    for start in range(0, len(comparison_ids), _BATCH):
        some = list(comparison_ids[start : start + _BATCH])
        query = select(Comparison.id, Comparison.project_id, Comparison.record_id).where(
            Comparison.id.in_(some), Comparison.kind == "ordinary"
        )
        # Locked, so that what a reviewer decides meanwhile is not written over.
        known = {
            row.comparison_id: row
            for row in session.scalars(
                select(Dispute)
                .where(Dispute.comparison_id.in_(some))
                .order_by(Dispute.id)
                .with_for_update()
                .execution_options(populate_existing=True)
            )
        }
        comparisons, rankings = session.execute(query).all(), read_rankings(session, some)
        for key, project_id, name in comparisons:
            value, labels = disagreement(rankings.get(key, []))
            is_disputed = labels > 1 and value > thresholds[project_id]
            row = known.get(key)
            if row is None and is_disputed:
                session.add(
                    Dispute(
                        project_id=project_id,
                        comparison_id=key,
                        disagreement=value,
                        labels=labels,
                        created_at=now,
                    )
                )
                opened += 1
            elif row is not None and row.status in ("open", "settled"):
                row.disagreement, row.labels = value, labels
                if is_disputed and row.status == "settled":
                    _reopen(session, row)
                elif not is_disputed and row.status == "open":
                    _settle(session, row, name, thresholds[project_id], now=now)
    session.flush()
    return opened


def _settle(session: Session, row: Dispute, comparison: str, threshold: float, *, now: datetime) -> None:
    row.status, row.ended_at = "settled", now
    row.reason = (
        f"the {row.labels} annotators whose rankings count disagree by {100 * row.disagreement:.0f} %, and a dispute "
        f"begins above {100 * threshold:g} %"
        if row.labels > 1
        else "fewer than two annotators' rankings count"
    )
    audit.record(session, _ACTOR, "dispute settled", f"dispute:{row.id}", {"reason": row.reason})
    body = {"comparison": comparison, "decision": "settled"}
    tell(session, row.project_id, "dispute.ended", f"dispute:{row.id}:{now.isoformat()}", body, now=now)


def _reopen(session: Session, row: Dispute) -> None:
    row.status, row.ended_at, row.reason = "open", None, None
    audit.record(session, _ACTOR, "dispute reopened", f"dispute:{row.id}", {"disagreement": row.disagreement})


def ask_to_measure(session: Session, withdrawals: Sequence[Withdrawal], *, now: datetime) -> None:
    """Queue that the comparisons which these withdrawals took rankings from are measured, once they are in force."""
    ids = [each.id for each in withdrawals]
    if ids:
        enqueue(session, MEASURE_JOB, {"first": min(ids), "last": max(ids)}, now=now)


def withdrawn_from(session: Session, first: int, last: int) -> dict[int, list[int]]:
    """By project, the comparisons that the withdrawals of these ids took rankings from, and that may be disputed."""
    one = select(Submission.comparison_id).join(Withdrawal, Withdrawal.submission_id == Submission.id)
    all_of = (
        select(Submission.comparison_id)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .join(Withdrawal, Withdrawal.annotator_id == Submission.annotator_id)
        .where(Withdrawal.project_id.is_(None) | (Withdrawal.project_id == Comparison.project_id))
    )
    taken = union(*(query.where(Withdrawal.id.between(first, last)) for query in (one, all_of)))
    query = select(Comparison.project_id, Comparison.id).where(
        Comparison.id.in_(taken), Comparison.kind == "ordinary", _may_be_disputed()
    )
    return _by_project(session.execute(query.order_by(Comparison.id)).all())


def disputable(session: Session, submission_ids: Sequence[int]) -> dict[int, list[int]]:
    """By project, the comparisons of these submissions that were ranked twice or more, or were disputed before."""
    found: list[Row[int, int]] = []
    for start in range(0, len(submission_ids), _BATCH):
        query = (
            select(Comparison.project_id, Comparison.id)
            .join(Submission, Submission.comparison_id == Comparison.id)
            .where(Submission.id.in_(submission_ids[start : start + _BATCH]), _may_be_disputed())
            .distinct()
        )
        found += session.execute(query).all()
    return _by_project(found)


def _may_be_disputed() -> ColumnElement[bool]:
    # What has one vote left by a withdrawal or a revision may still have its dispute.
    return (Comparison.votes > 1) | exists().where(Dispute.comparison_id == Comparison.id)


def _by_project(rows: Sequence[Row[int, int]]) -> dict[int, list[int]]:
    found: dict[int, dict[int, None]] = defaultdict(dict)
    for project_id, key in rows:
        found[project_id][key] = None
    return {project_id: list(keys) for project_id, keys in found.items()}


def settings_of(session: Session, project_ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """The settings of these projects."""
    query = select(Project.id, Project.settings).where(Project.id.in_(project_ids))
    return dict(session.execute(query).all())
