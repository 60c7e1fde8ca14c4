"""Answering: what an annotator sends for a lease is checked against it, written once, and counted."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import CompoundSelect, bindparam, select, union_all
from sqlalchemy.orm import Session

from storage.annotators import AnnotatorRecord
from storage.answers import Answer, insert_rankings, insert_submission, stored_key
from storage.demonstrations import replace_demonstration
from storage.gold import SCORED, agreement_with, expected_ranking
from storage.leases import LeaseRecord, SlotTaken, end_lease, has_room, lock_comparison
from storage.standing import count_answer, is_submission_withdrawn, is_withdrawn
from storage.tables import Comparison, Submission
from storage.voting import add_votes
from workbench.errors import DataError, quoted


class KeyReused(DataError):
    """An idempotency key came back with another task."""


class AlreadyAnswered(DataError):
    """The task was answered before, under another key."""


class Withdrawn(DataError):
    """The annotator's labels no longer count here, or the one that is revised does not."""


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
    name = stored_key(annotator_id, key)
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
    submission_id = insert_submission(
        session, lease, answer, previous, agreement, kind=annotator.kind, key=key, now=now
    )
    insert_rankings(session, lease, answer, submission_id, annotator, now=now)
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
