"""Submissions and the rankings in them: add what files bring, read back what counts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from storage.annotators import ensure_annotators, ensure_guidelines
from storage.bulk import insert_rows, reserve_ids
from storage.tables import (
    Adjudication,
    Annotator,
    Comparison,
    GuidelineVersion,
    Ranking,
    Submission,
    Withdrawal,
    utc_now,
)
from workbench import records
from workbench.identity import content_hash, ranking_json

# What a submission says once for all its criteria; rankings that agree in these came from one page.
_SHARED = (
    "annotator_kind",
    "attempt",
    "guideline",
    "outcome",
    "reason",
    "order",
    "at",
    "seconds",
    "flags",
    "note",
)


def ranking_content_hash(ranking: records.Ranking) -> str:
    """Hash of all that a file says of a ranking but its id: the same id must have the same content."""
    content = ranking_json(ranking)
    del content["id"]
    return content_hash(content)


def find_rankings(session: Session, comparison_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """For each comparison, the content hash of every ranking it has ever had, by ranking id."""
    query = select(Ranking.comparison_id, Ranking.record_id, Ranking.content_hash).where(
        Ranking.comparison_id.in_(comparison_ids)
    )
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for comparison_id, record_id, content in session.execute(query):
        found[comparison_id][record_id] = content
    return found


@dataclass(frozen=True, slots=True)
class NewRanking:
    """A ranking on its way in."""

    comparison_id: int
    """The comparison's id in the database."""
    ranking: records.Ranking
    content_hash: str
    """Its `ranking_content_hash`."""


def add_rankings(session: Session, project_id: int, rankings: Sequence[NewRanking]) -> None:
    """Write rankings that came from a file.

    Rankings of one comparison by one annotator that differ in criterion alone become one submission.
    """
    given = [new.ranking for new in rankings]
    annotators = ensure_annotators(session, {r.annotator: r.annotator_kind for r in given})
    guidelines = ensure_guidelines(
        session, project_id, {r.guideline for r in given if r.guideline is not None}
    )
    groups = _group_by_submission(rankings)
    submission_keys = reserve_ids(session, Submission, len(groups))
    ranking_keys = iter(reserve_ids(session, Ranking, len(rankings)))
    now = utc_now()
    submissions: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    adjudications: list[dict[str, Any]] = []
    for key, members in zip(submission_keys, groups, strict=True):
        comparison_id, first = members[0].comparison_id, members[0].ranking
        submissions.append(
            {
                "id": key,
                "comparison_id": comparison_id,
                "annotator_id": annotators[first.annotator],
                "annotator_kind": first.annotator_kind,
                "origin": "file",
                "attempt": first.attempt,
                "revision": 1,
                "guideline_version_id": None if first.guideline is None else guidelines[first.guideline],
                "outcome": first.outcome,
                "reason": first.reason,
                "shown_order": None if first.order is None else list(first.order),
                "at": first.at,
                "seconds": first.seconds,
                "flags": [list(flags) for flags in first.flags],
                "answers": {question: list(values) for question, values in first.answers.items()},
                "note": first.note,
                "created_at": now,
            }
        )
        if first.annotator_kind == "adjudicator":
            adjudications.append({"comparison_id": comparison_id, "submission_id": key, "created_at": now})
        for new in members:
            rows.append(
                {
                    "id": next(ranking_keys),
                    "submission_id": key,
                    "comparison_id": comparison_id,
                    "record_id": new.ranking.id,
                    "criterion": new.ranking.criterion,
                    "ranks": None if new.ranking.ranks is None else list(new.ranking.ranks),
                    "strength": new.ranking.strength,
                    "content_hash": new.content_hash,
                }
            )
    insert_rows(session, Submission, submissions)
    insert_rows(session, Ranking, rows)
    insert_rows(session, Adjudication, adjudications)


def read_rankings(
    session: Session, comparison_ids: Sequence[int], *, bare: bool = False
) -> Mapping[int, list[records.Ranking]]:
    """The rankings that count (latest revision, not withdrawn) of each comparison, in the order they came.

    `bare` leaves out their ids and what annotators said besides: attempts, reasons, strengths, flags, answers, notes.
    """
    query = (
        select(Ranking.comparison_id, *_BARE_COLUMNS, *(() if bare else _OTHER_COLUMNS))
        .join(Submission, Submission.id == Ranking.submission_id)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .join(Annotator, Annotator.id == Submission.annotator_id)
        .outerjoin(GuidelineVersion, GuidelineVersion.id == Submission.guideline_version_id)
        .where(Ranking.comparison_id.in_(comparison_ids), *counting_submissions())
        .order_by(Ranking.id)
    )
    found: dict[int, list[records.Ranking]] = defaultdict(list)
    for comparison_id, *values in session.execute(query):
        found[comparison_id].append(_record(*values))
    return found


def last_submission(session: Session) -> int:
    """The greatest id of any submission; 0 if there is none."""
    return session.scalar(select(func.max(Submission.id))) or 0


def counting_submissions() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Conditions on Submission joined with Comparison: it is the latest revision, and it is not withdrawn."""
    later = aliased(Submission)
    withdrawn = exists().where(
        or_(
            Withdrawal.submission_id == Submission.id,
            (Withdrawal.annotator_id == Submission.annotator_id)
            & or_(Withdrawal.project_id.is_(None), Withdrawal.project_id == Comparison.project_id),
        )
    )
    return ~exists().where(later.supersedes_id == Submission.id), ~withdrawn


def _group_by_submission(rankings: Sequence[NewRanking]) -> list[list[NewRanking]]:
    groups: list[list[NewRanking]] = []
    open_groups: dict[Any, list[NewRanking]] = {}
    for new in rankings:
        shared = tuple(getattr(new.ranking, name) for name in _SHARED)
        answers = tuple(sorted(new.ranking.answers.items()))
        key = (new.comparison_id, new.ranking.annotator, shared, answers)
        members = open_groups.get(key)
        if members is None or any(member.ranking.criterion == new.ranking.criterion for member in members):
            members = open_groups[key] = []
            groups.append(members)
        members.append(new)
    return groups


# Columns, where whole entities would take half of the time again.
_BARE_COLUMNS = (
    Annotator.pseudonym,
    Submission.annotator_kind,
    Ranking.ranks,
    Submission.order,
    Ranking.criterion,
    GuidelineVersion.version,
    Submission.outcome,
    Submission.at,
    Submission.seconds,
)
_OTHER_COLUMNS = (
    Ranking.record_id,
    Submission.reason,
    Ranking.strength,
    Submission.flags,
    Submission.answers,
    Submission.note,
    Submission.attempt,
)


def _record(
    pseudonym: str,
    kind: str,
    ranks: list[int | None] | None,
    order: list[int] | None,
    criterion: str,
    guideline: str | None,
    outcome: str,
    at: str | None,
    seconds: float | None,
    record_id: str = "",
    reason: str | None = None,
    strength: float | None = None,
    flags: Sequence[Sequence[str]] = (),
    answers: Mapping[str, Sequence[records.Scalar]] | None = None,
    note: str | None = None,
    attempt: int = 1,
) -> records.Ranking:
    """The ranking that the two lists of columns hold."""
    return records.Ranking(
        id=record_id,
        annotator=pseudonym,
        annotator_kind=kind,
        ranks=None if ranks is None else tuple(ranks),
        order=None if order is None else tuple(order),
        criterion=criterion,
        guideline=guideline,
        outcome=outcome,
        reason=reason,
        at=at,
        strength=strength,
        seconds=seconds,
        flags=tuple(tuple(some) for some in flags) if flags else (),
        answers={question: tuple(values) for question, values in (answers or {}).items()},
        note=note,
        attempt=attempt,
    )
