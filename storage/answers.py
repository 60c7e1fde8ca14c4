"""Answers: what an annotator says of one comparison, as the rows that are kept of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Insert, Select, bindparam, insert, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from storage.annotators import AnnotatorRecord
from storage.leases import LeaseRecord
from storage.submissions import ranking_content_hash
from storage.tables import GuidelineVersion, Ranking, Submission
from storage.tables.base import table_of
from workbench import records
from workbench.errors import DataError, quoted

Scalar = records.Scalar


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


def insert_submission(
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
    """Write the submission of an answer; returns its id."""
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
        "idempotency_key": stored_key(lease.annotator_id, key),
        "created_at": now,
    }
    return int(session.connection().execute(_submission_row(), values).scalar_one())


def insert_rankings(
    session: Session,
    lease: LeaseRecord,
    answer: Answer,
    submission_id: int,
    annotator: AnnotatorRecord,
    *,
    now: datetime,
) -> None:
    """Write the rankings of an answer, one for each criterion."""
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
    session.connection().execute(_ranking_rows(), rows)


@cache
def _submission_row() -> ReturningInsert[Any]:
    return insert(table_of(Submission)).returning(table_of(Submission).c.id)


@cache
def _ranking_rows() -> Insert:
    return insert(table_of(Ranking))


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


def stored_key(annotator_id: int, key: str) -> str:
    """An annotator's key as it is stored: no two annotators' keys are the same."""
    return f"{annotator_id}:{key}"
