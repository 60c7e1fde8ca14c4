"""History: an annotator's own submissions, newest first, and the way back to one of them."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from storage.standing import is_submission_withdrawn
from storage.tables import Comparison, ComparisonItem, Prompt, Ranking, Submission
from workbench.errors import DataError


class NoSuchSubmission(DataError):
    """The annotator has no submission of that id."""


class NotRevisable(DataError):
    """The submission was practice, so its answer is known by now, or it was withdrawn."""


class Superseded(DataError):
    """The submission has been revised since."""


@dataclass(frozen=True, kw_only=True)
class OwnSubmission:
    """A submission as its annotator may see it again."""

    id: int
    at: datetime
    project_id: int
    comparison_id: int
    kind: str
    """The comparison's kind; never shown."""
    outcome: str
    reason: str | None
    num_completions: int
    order: tuple[int, ...]
    rankings: dict[str, tuple[list[int | None] | None, float | None]]
    """By criterion, in the places as shown: the tiers and the strength."""
    flags: list[list[str]]
    answers: dict[str, list[Any]]
    note: str | None
    demonstration: str | None
    seconds: float
    prompt: Any
    gold_agreement: float | None
    token: str | None


def own_submissions(
    session: Session, project_id: int, annotator_id: int, *, before: int | None = None, limit: int = 20
) -> list[OwnSubmission]:
    """The latest revisions of what an annotator sent in a project, newest first."""
    conditions = [Comparison.project_id == project_id, ~_is_superseded()]
    if before is not None:
        conditions.append(Submission.id < before)
    return _read(session, annotator_id, conditions, limit)


def own_submission(
    session: Session, submission_id: int, annotator_id: int, *, lock: bool = False
) -> OwnSubmission:
    """One of them, to be revised: the latest revision, not withdrawn, and no practice.

    With `lock` another request that would revise it waits until the transaction ends.
    """
    if lock:
        session.execute(
            select(Submission.id).where(Submission.id == submission_id).with_for_update(key_share=True)
        )
    found = _read(session, annotator_id, [Submission.id == submission_id], 1)
    if not found:
        raise NoSuchSubmission(f"you have no submission {submission_id}")
    later = session.scalar(select(Submission.id).where(Submission.supersedes_id == submission_id))
    if later is not None:
        raise Superseded(f"submission {submission_id} was revised; its latest revision is {later}")
    if found[0].kind == "qualification":
        raise NotRevisable(
            f"submission {submission_id} was practice; it is not revised once its answer is known"
        )
    if is_submission_withdrawn(session, submission_id):
        raise NotRevisable(f"submission {submission_id} was withdrawn, so it is not revised; ask a lead")
    return found[0]


def ranked_comparisons(session: Session, project_id: int, annotator_id: int) -> list[str]:
    """The record ids of the ordinary comparisons that an annotator has ranked on the page."""
    query = (
        select(Comparison.record_id)
        .join(Submission, Submission.comparison_id == Comparison.id)
        .where(
            Comparison.project_id == project_id,
            Comparison.kind == "ordinary",
            Submission.annotator_id == annotator_id,
            Submission.origin == "service",
            Submission.outcome == "ranked",
        )
        .distinct()
    )
    return list(session.scalars(query))


def _is_superseded() -> Any:
    later = aliased(Submission)
    return exists().where(later.supersedes_id == Submission.id)


def _read(session: Session, annotator_id: int, conditions: list[Any], limit: int) -> list[OwnSubmission]:
    items = (
        select(func.count())
        .select_from(ComparisonItem)
        .where(ComparisonItem.comparison_id == Submission.comparison_id)
        .correlate(Submission)
        .scalar_subquery()
    )
    query = (
        select(Submission, Comparison.project_id, Comparison.kind, Prompt.content, items)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .join(Prompt, Prompt.id == Comparison.prompt_id)
        .where(Submission.annotator_id == annotator_id, Submission.origin == "service", *conditions)
        .order_by(Submission.id.desc())
        .limit(limit)
    )
    rows = session.execute(query).all()
    ranked = select(Ranking.submission_id, Ranking.criterion, Ranking.ranks, Ranking.strength).where(
        Ranking.submission_id.in_([row[0].id for row in rows])
    )
    rankings: dict[int, dict[str, Any]] = defaultdict(dict)
    for key, criterion, ranks, strength in session.execute(ranked.order_by(Ranking.id)):
        rankings[key][criterion] = (ranks, strength)
    return [
        _record(submission, project_id, kind, prompt, num_completions, rankings[submission.id])
        for submission, project_id, kind, prompt, num_completions in rows
    ]


def _record(
    submission: Submission,
    project_id: int,
    kind: str,
    prompt: Any,
    num_completions: int,
    rankings: dict[str, Any],
) -> OwnSubmission:
    order = tuple(submission.order or ())
    return OwnSubmission(
        id=submission.id,
        at=submission.created_at,
        project_id=project_id,
        comparison_id=submission.comparison_id,
        kind=kind,
        outcome=submission.outcome,
        reason=submission.reason,
        num_completions=num_completions,
        order=order,
        rankings={
            criterion: (None if ranks is None else [ranks[i] for i in order], strength)
            for criterion, (ranks, strength) in rankings.items()
        },
        flags=[submission.flags[i] for i in order] if submission.flags else [],
        answers={name: [values[i] for i in order] for name, values in submission.answers.items()},
        note=submission.note,
        demonstration=submission.demonstration,
        seconds=submission.seconds or 0.0,
        prompt=prompt,
        gold_agreement=submission.gold_agreement,
        token=submission.lease_token,
    )
