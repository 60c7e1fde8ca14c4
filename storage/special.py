"""Special tasks: practice before real work, and gold and repeats mixed silently into it."""

import random
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, insert, literal, or_, select
from sqlalchemy.orm import Session

from storage.annotators import AnnotatorRecord
from storage.comparisons import comparison_hash, read_comparisons
from storage.projects import ProjectRecord
from storage.tables import Adjudication, Comparison, ComparisonItem, Lease, Submission
from workbench import records
from workbench.seeds import derive_seed

REPEAT_DISTANCE = 10
"""Submissions of an annotator between a comparison and its repeat, at least."""


def draw(project: ProjectRecord, annotator: AnnotatorRecord, purpose: str, number: int) -> float:
    """A number from 0 to 1 that is the same whenever it is drawn again for the annotator's task of that number."""
    return random.Random(derive_seed(0, purpose, project.salt, annotator.pseudonym, number)).random()


def find_scored(
    session: Session, project: ProjectRecord, annotator: AnnotatorRecord, kind: str, number: int
) -> int | None:
    """A gold or qualification comparison with a known ranking that the annotator has not had; drawn, not in order."""
    pool = [
        Comparison.project_id == project.id,
        Comparison.kind == kind,
        exists().where(Adjudication.comparison_id == Comparison.id),
    ]
    ends = select(func.min(Comparison.id), func.max(Comparison.id)).where(*pool).having(func.count() > 0)
    row = session.execute(ends).first()
    if row is None:
        return None
    first, last = row
    pivot = first + int(draw(project, annotator, kind, number) * (last - first + 1))
    return _first_unseen(session, annotator.id, pool, Comparison.id >= pivot) or _first_unseen(
        session, annotator.id, pool, Comparison.id < pivot
    )


def count_scored(session: Session, project_id: int, kind: str) -> int:
    """Comparisons of a kind whose ranking is known."""
    query = (
        select(func.count())
        .select_from(Comparison)
        .where(
            Comparison.project_id == project_id,
            Comparison.kind == kind,
            exists().where(Adjudication.comparison_id == Comparison.id),
        )
    )
    return session.scalar(query) or 0


def find_repeat(
    session: Session, project: ProjectRecord, annotator: AnnotatorRecord, number: int, *, now: datetime
) -> int | None:
    """A repeat of something the annotator ranked a while ago: one that a file brought, else one made now."""
    original = _old_submission(session, project, annotator, number)
    if original is None:
        return None
    comparison_id, record_id = original
    own = f"{record_id}~{annotator.pseudonym}"
    repeats = session.execute(
        select(Comparison.id, Comparison.record_id).where(
            Comparison.project_id == project.id,
            Comparison.repeat_of == record_id,
            # Those made for others are theirs.
            or_(
                Comparison.record_id == own,
                ~Comparison.record_id.startswith(f"{record_id}~", autoescape=True),
            ),
            *_unseen(annotator.id),
        )
    ).first()
    if repeats is not None:
        return int(repeats.id)
    made = select(Comparison.id).where(Comparison.project_id == project.id, Comparison.record_id == own)
    if session.scalar(made) is not None:
        return None
    return _make_repeat(session, project.id, comparison_id, record_id, own, now=now)


def _old_submission(
    session: Session, project: ProjectRecord, annotator: AnnotatorRecord, number: int
) -> tuple[int, str] | None:
    mine = Submission.annotator_id == annotator.id
    recent = select(Submission.id).where(mine).order_by(Submission.id.desc()).offset(REPEAT_DISTANCE).limit(1)
    last = session.scalar(recent)
    first = session.scalar(select(func.min(Submission.id)).where(mine))
    if last is None or first is None:
        return None
    pivot = first + int(draw(project, annotator, "repeat", number) * (last - first + 1))
    query = (
        select(Comparison.id, Comparison.record_id)
        .join(Submission, Submission.comparison_id == Comparison.id)
        .where(
            mine,
            Submission.id >= pivot,
            Submission.id <= last,
            Submission.outcome == "ranked",
            Comparison.project_id == project.id,
            Comparison.kind == "ordinary",
        )
        .order_by(Submission.id)
        .limit(1)
    )
    row = session.execute(query).first()
    return None if row is None else (row.id, row.record_id)


def _make_repeat(
    session: Session, project_id: int, original_id: int, original: str, name: str, *, now: datetime
) -> int:
    (stored,) = read_comparisons(session, project_id, ids=[original])
    repeat = records.Comparison(
        id=name,
        prompt=stored.prompt,
        completions=stored.completions,
        tags=stored.tags,
        kind="repeat",
        repeat_of=original,
    )
    source = session.get_one(Comparison, original_id)
    values = {
        "project_id": project_id,
        "record_id": name,
        "prompt_id": source.prompt_id,
        "kind": "repeat",
        "repeat_of": original,
        "tags": source.tags,
        "content_hash": comparison_hash(repeat),
        "target_overlap": 1,
        "votes": 0,
        "priority": 0.0,
        "round": source.round,
        "created_at": now,
    }
    key = int(session.execute(insert(Comparison).values(values).returning(Comparison.id)).scalar_one())
    items = select(literal(key), ComparisonItem.position, ComparisonItem.completion_id).where(
        ComparisonItem.comparison_id == original_id
    )
    session.execute(insert(ComparisonItem).from_select(["comparison_id", "position", "completion_id"], items))
    return key


def _first_unseen(
    session: Session, annotator_id: int, pool: list[ColumnElement[bool]], place: ColumnElement[bool]
) -> int | None:
    query = select(Comparison.id).where(*pool, place, *_unseen(annotator_id))
    return session.scalar(query.order_by(Comparison.id).limit(1))


def _unseen(annotator_id: int) -> list[ColumnElement[bool]]:
    answered = exists().where(
        Submission.comparison_id == Comparison.id, Submission.annotator_id == annotator_id
    )
    held = exists().where(Lease.comparison_id == Comparison.id, Lease.annotator_id == annotator_id)
    return [~answered, ~held]
