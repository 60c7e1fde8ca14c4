"""Answering: what an annotator sends for a lease is checked against it, written once, and counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import CompoundSelect, Insert, Select, bindparam, insert, select, union_all
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from storage.annotators import AnnotatorRecord
from storage.demonstrations import replace_demonstration
from storage.gold import SCORED, agreement_with, expected_ranking
from storage.leases import LeaseRecord, SlotTaken, end_lease, has_room, lock_comparison
from storage.standing import count_answer, is_submission_withdrawn, is_withdrawn
from storage.submissions import ranking_content_hash
from storage.tables import Comparison, GuidelineVersion, Ranking, Submission
from storage.tables.base import table_of
from storage.voting import add_votes
from workbench import records
from workbench.errors import DataError, quoted

Scalar = records.Scalar


class KeyReused(DataError):
    """An idempotency key came back with another task."""


class AlreadyAnswered(DataError):
    """The task was answered before, under another key."""


class Withdrawn(DataError):
    """The annotator's labels no longer count here, or the one that is revised does not."""


class UnknownGuideline(DataError):
    """The project has no such guideline version."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an annotator says of one comparison, by completion and not by place on the page."""

    outcome: str
    reason: str | None = None
    rankings: Mapping[str, tuple[tuple[int | None, ...] | None, float | None]]
    """By criterion: the ranks, and how much better the winner is. A skip has one without ranks: its row in files."""
    flags: tuple[tuple[str, ...], ...] = ()
    answers: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)
    note: str | None = None
    demonstration: str | None = None
    guideline: str | None = None
    seconds: float = 0.0
    timings: Mapping[str, Any] | None = None
    sitting: str | None = None


@dataclass(frozen=True, kw_only=True)
class Written:
    """A submission that is in the database."""

    id: int
    at: datetime
    comparison_id: int
    kind: str
    """The comparison's kind."""
    order: tuple[int, ...]
    gold_agreement: float | None
    is_new: bool
    """False where the same key had brought it before."""


def find_written(session: Session, annotator_id: int, token: str, key: str) -> Written | None:
    """What was written before under this key, or for this task; KeyReused and AlreadyAnswered where those disagree."""
    name = _stored_key(annotator_id, key)
    values = {"key": name, "token": token}
    found = session.connection().execute(_find_written(), values).all()
    rows = [row for row in found if row.annotator_id == annotator_id]
    for row in rows:
        if row.idempotency_key == name and row.lease_token == token:
            return Written(
                id=row.id,
                at=row.created_at,
                comparison_id=row.comparison_id,
                kind=row.kind,
                order=tuple(row.order or ()),
                gold_agreement=row.gold_agreement,
                is_new=False,
            )
    for row in rows:
        if row.idempotency_key == name:
            raise KeyReused(
                f"the key {quoted(key, 60)} came with another task before; make one for each task"
            )
        raise AlreadyAnswered(f"you answered this task already (submission {row.id}); revise that submission")
    return None


def write_answer(
    session: Session,
    lease: LeaseRecord,
    answer: Answer,
    *,
    annotator: AnnotatorRecord,
    key: str,
    day: str,
    now: datetime,
) -> Written:
    """Write the answer to a lease that `find_lease` has locked; raises SlotTaken where its vote went to others.

    A skip is a submission, and the comparison still wants its vote. A lease that ran out is as good as a live one
    while the vote is to be had.
    """
    if is_withdrawn(session, lease.project_id, annotator.id):
        raise Withdrawn(
            f"your labels in '{lease.project}' were withdrawn, so nothing is taken any more; ask a lead"
        )
    lock_comparison(session, lease)
    if lease.counts_as_vote and not has_room(session, lease, now=now):
        raise SlotTaken(
            "your time for this task ran out and others have ranked it meanwhile, so it wants no more rankings. "
            "Your draft is kept; take the next task"
        )
    if lease.revises_id is not None and is_submission_withdrawn(session, lease.revises_id):
        raise Withdrawn(
            "what you are changing was withdrawn meanwhile, so its change is not taken; ask a lead"
        )
    previous = None if lease.revises_id is None else session.get_one(Submission, lease.revises_id)
    agreement = _gold_agreement(session, lease, answer)
    submission_id = _insert(
        session, lease, answer, previous, agreement, kind=annotator.kind, key=key, now=now
    )
    _insert_rankings(session, lease, answer, submission_id, annotator, now=now)
    end_lease(session, lease)
    if answer.demonstration is not None or (previous and previous.demonstration is not None):
        replace_demonstration(
            session,
            submission_id,
            answer.demonstration,
            previous_id=None if previous is None else previous.id,
        )
    gained = (answer.outcome == "ranked") - (previous is not None and previous.outcome == "ranked")
    more: dict[str, float] = {}
    if lease.kind == "ordinary" and gained:
        more = {"closed": add_votes(session, lease, gained), "votes": gained}
    elif lease.kind == "gold":
        more |= _gold_counts(previous.gold_agreement if previous else None, agreement)
    elif lease.kind == "qualification":
        more["practice_agreed"] = agreement or 0.0
    what = "revised" if previous else "practised" if lease.kind == "qualification" else answer.outcome
    count_answer(
        session,
        lease.project_id,
        lease.annotator_id,
        day=day,
        what=what,
        seconds=answer.seconds,
        now=now,
        more=more,
        gained=gained,
    )
    return Written(
        id=submission_id,
        at=now,
        comparison_id=lease.comparison_id,
        kind=lease.kind,
        order=lease.order,
        gold_agreement=agreement,
        is_new=True,
    )


def _gold_agreement(session: Session, lease: LeaseRecord, answer: Answer) -> float | None:
    if lease.kind not in SCORED or answer.outcome != "ranked":
        return None
    expected = expected_ranking(session, lease.comparison_id)
    given = {criterion: ranks for criterion, (ranks, _) in answer.rankings.items()}
    return None if expected is None else agreement_with(expected.rankings, given)


def _gold_counts(before: float | None, after: float | None) -> dict[str, float]:
    return {
        "gold_answered": (after is not None) - (before is not None),
        "gold_agreed": (after or 0.0) - (before or 0.0),
    }


def _insert(
    session: Session,
    lease: LeaseRecord,
    answer: Answer,
    previous: Submission | None,
    agreement: float | None,
    *,
    kind: str,
    key: str,
    now: datetime,
) -> int:
    values = {
        "comparison_id": lease.comparison_id,
        "annotator_id": lease.annotator_id,
        "annotator_kind": kind,
        "origin": "service",
        "attempt": 1,
        "revision": previous.revision + 1 if previous else 1,
        "supersedes_id": previous.id if previous else None,
        "guideline_version_id": _guideline_id(session, lease.project_id, answer.guideline),
        "outcome": answer.outcome,
        "reason": answer.reason,
        "shown_order": list(lease.order),
        "at": _at(now),
        "seconds": answer.seconds,
        "timings": None if answer.timings is None else dict(answer.timings),
        "flags": [list(flags) for flags in answer.flags],
        "answers": {question: list(values) for question, values in answer.answers.items()},
        "note": answer.note,
        "demonstration": answer.demonstration,
        "sitting": answer.sitting,
        "gold_agreement": agreement,
        "lease_token": lease.token,
        "idempotency_key": _stored_key(lease.annotator_id, key),
        "created_at": now,
    }
    return int(session.connection().execute(_insert_submission(), values).scalar_one())


def _insert_rankings(
    session: Session,
    lease: LeaseRecord,
    answer: Answer,
    submission_id: int,
    annotator: AnnotatorRecord,
    *,
    now: datetime,
) -> None:
    rows: list[dict[str, Any]] = []
    for criterion, (ranks, strength) in answer.rankings.items():
        record = records.Ranking(
            id=f"{lease.token}-{criterion}",
            annotator=annotator.pseudonym,
            annotator_kind=annotator.kind,
            ranks=ranks,
            order=lease.order,
            criterion=criterion,
            guideline=answer.guideline,
            outcome=answer.outcome,
            reason=answer.reason,
            at=_at(now),
            strength=strength,
            seconds=answer.seconds,
            flags=answer.flags,
            answers=answer.answers,
            note=answer.note,
        )
        records.check_ranking(record, lease.num_completions)
        rows.append(
            {
                "submission_id": submission_id,
                "comparison_id": lease.comparison_id,
                "record_id": record.id,
                "criterion": criterion,
                "ranks": None if ranks is None else list(ranks),
                "strength": strength,
                "content_hash": ranking_content_hash(record),
            }
        )
    session.connection().execute(_insert_ranking(), rows)


@cache
def _insert_submission() -> ReturningInsert[Any]:
    return insert(table_of(Submission)).returning(table_of(Submission).c.id)


@cache
def _insert_ranking() -> Insert:
    return insert(table_of(Ranking))


@cache
def _find_written() -> CompoundSelect[Any]:
    # Two look-ups and no OR: while most rows came from files, the statistics of the two columns mislead the planner.
    by_key, by_token = (
        select(
            Submission.id,
            Submission.annotator_id,
            Submission.created_at,
            Submission.comparison_id,
            Comparison.kind,
            Submission.order.label("order"),
            Submission.gold_agreement,
            Submission.idempotency_key,
            Submission.lease_token,
        )
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .where(condition)
        for condition in (
            Submission.idempotency_key == bindparam("key"),
            Submission.lease_token == bindparam("token"),
        )
    )
    return union_all(by_key, by_token)


@cache
def _guideline() -> Select[int]:
    return select(GuidelineVersion.id).where(
        GuidelineVersion.project_id == bindparam("project"), GuidelineVersion.version == bindparam("version")
    )


def _guideline_id(session: Session, project_id: int, version: str | None) -> int | None:
    if version is None:
        return None
    values = {"project": project_id, "version": version}
    found: int | None = session.connection().execute(_guideline(), values).scalar()
    if found is None:
        raise UnknownGuideline(f"the project has no guideline version {quoted(version, 60)}; reload the page")
    return found


def _at(now: datetime) -> str:
    return now.isoformat(timespec="milliseconds")


def _stored_key(annotator_id: int, key: str) -> str:
    return f"{annotator_id}:{key}"
