"""Assignment: who gets what next, decided and held in one transaction."""

import random
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, delete, exists, func, select, text
from sqlalchemy.orm import Session

from storage.annotators import AnnotatorRecord
from storage.leases import LeaseRecord, give_lease, holds_a_vote, own_leases, renew
from storage.projects import ProjectRecord
from storage.special import draw, find_repeat, find_scored
from storage.standing import is_withdrawn, lock_standing
from storage.tables import Comparison, ComparisonItem, Lease, ProjectAnnotator, Submission
from storage.tables.content import WAITING
from storage.votes import open_comparisons
from workbench.errors import DataError
from workbench.seeds import derive_seed

MOST_LEASES = 2
"""The task on the page, and the one fetched ahead."""
MOST_SHOWN = 9
"""Completions on one page; of more, each annotator sees a drawn choice."""
LONG_QUEUE = 2000
"""A longer queue that held nothing is not searched again by the same annotator for a while."""
LONG_QUEUE_PAUSE = timedelta(seconds=15)
FORGET_AFTER = timedelta(hours=1)
"""A lease that ran out and whose vote is gone is removed after this time; its draft stays."""


class TooManyTasks(DataError):
    """The annotator holds as many tasks as a page needs."""


@dataclass(frozen=True, kw_only=True)
class Qualification:
    """Practice before real work: how many comparisons, and how far their rankings must agree with the expected."""

    comparisons: int
    threshold: float


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a project's settings say of assignment."""

    lease_seconds: float = 600.0
    gold_share: float = 0.0
    repeat_share: float = 0.0
    qualification: Qualification | None = None


@dataclass(frozen=True, kw_only=True)
class Nothing:
    """Why there is no task."""

    reason: str


def next_lease(
    session: Session,
    project: ProjectRecord,
    annotator: AnnotatorRecord,
    rules: Rules,
    *,
    exclude: Collection[str],
    now: datetime,
) -> LeaseRecord | Nothing:
    """The annotator's next task: one they hold already and the page does not, else a new one.

    `exclude` names the tasks that the page has. Raises TooManyTasks where it has as many as it may.
    """
    standing = lock_standing(session, project.id, annotator.id)
    if is_withdrawn(session, project.id, annotator.id):
        return Nothing(reason="withdrawn")
    held = _held_lease(session, project, annotator, rules, exclude=exclude, now=now)
    if held is not None:
        return held
    if rules.qualification is not None and standing.qualification != "passed":
        practice = _practice(session, project, annotator, rules.qualification, standing)
        if isinstance(practice, Nothing):
            return practice
        if practice is not None:
            return lease_comparison(session, project, annotator, practice, rules, now=now)
    found = _silent(session, project, annotator, rules, standing, now=now)
    if found is None:
        found = _from_queue(session, project, annotator, rules, standing, now=now)
    if found is None:
        return Nothing(reason="nothing-left")
    return lease_comparison(session, project, annotator, found, rules, now=now)


def _practice(
    session: Session,
    project: ProjectRecord,
    annotator: AnnotatorRecord,
    wanted: Qualification,
    standing: ProjectAnnotator,
) -> int | Nothing | None:
    """The next comparison of the qualification round; None once it is passed."""
    if standing.qualification == "failed":
        return Nothing(reason="not-qualified")
    if standing.practised < wanted.comparisons:
        found = find_scored(session, project, annotator, "qualification", standing.practised)
        if found is not None:
            return found
        if session.scalar(_own_practice(project.id, annotator.id)) is not None:
            # The last ones are on the page; the round is not over.
            return Nothing(reason="nothing-left")
    if standing.practised == 0:
        return Nothing(reason="not-qualified")
    passed = standing.practice_agreed / standing.practised >= wanted.threshold
    standing.qualification = "passed" if passed else "failed"
    return None if passed else Nothing(reason="not-qualified")


def _own_practice(project_id: int, annotator_id: int) -> Select[int]:
    return (
        select(Lease.id)
        .join(Comparison, Comparison.id == Lease.comparison_id)
        .where(
            Lease.annotator_id == annotator_id,
            Lease.revises_id.is_(None),
            Comparison.project_id == project_id,
            Comparison.kind == "qualification",
        )
        .limit(1)
    )


def _silent(
    session: Session,
    project: ProjectRecord,
    annotator: AnnotatorRecord,
    rules: Rules,
    standing: ProjectAnnotator,
    *,
    now: datetime,
) -> int | None:
    """A gold comparison or a repeat, where the draw for this task says so and there is one."""
    if rules.gold_share + rules.repeat_share == 0:
        return None
    held = select(func.count()).select_from(Lease).where(Lease.annotator_id == annotator.id)
    number = standing.submissions + (session.scalar(held) or 0)
    drawn = draw(project, annotator, "silent", number)
    if drawn < rules.gold_share:
        return find_scored(session, project, annotator, "gold", number)
    if drawn < rules.gold_share + rules.repeat_share:
        return find_repeat(session, project, annotator, number, now=now)
    return None


def _held_lease(
    session: Session,
    project: ProjectRecord,
    annotator: AnnotatorRecord,
    rules: Rules,
    *,
    exclude: Collection[str],
    now: datetime,
) -> LeaseRecord | None:
    on_page = 0
    for lease in own_leases(session, project.id, annotator.id):
        if lease.token in exclude:
            on_page += lease.expires_at > now
            continue
        until = renew(session, lease, seconds=rules.lease_seconds, now=now)
        if until is not None:
            return replace(lease, expires_at=until)
        if lease.expires_at < now - FORGET_AFTER:
            session.execute(delete(Lease).where(Lease.id == lease.id))
    if on_page >= MOST_LEASES:
        raise TooManyTasks(
            f"you hold {on_page} tasks of '{project.name}'; submit or skip one before the next"
        )
    return None


def _from_queue(
    session: Session,
    project: ProjectRecord,
    annotator: AnnotatorRecord,
    rules: Rules,
    standing: ProjectAnnotator,
    *,
    now: datetime,
) -> int | None:
    if standing.exhausted_at is not None and standing.exhausted_at > now - LONG_QUEUE_PAUSE:
        return None
    # The longer an annotator has worked, the more of the queue is theirs already, and the rarer a whole look at it.
    look_again = timedelta(seconds=rules.lease_seconds + standing.submissions / 100)
    if standing.cursor_at is None or standing.cursor_at < now - look_again:
        standing.cursor_priority = standing.cursor_id = None
    found = _search(session, project.id, annotator.id, standing, now=now)
    if found is None and standing.cursor_id is not None:
        standing.cursor_priority = standing.cursor_id = None
        found = _search(session, project.id, annotator.id, standing, now=now)
    if found is None and open_comparisons(session, project.id) > LONG_QUEUE:
        standing.exhausted_at = now
    return found


def lease_comparison(
    session: Session,
    project: ProjectRecord,
    annotator: AnnotatorRecord,
    comparison_id: int,
    rules: Rules,
    *,
    now: datetime,
) -> LeaseRecord:
    """Give the annotator a lease on a comparison, with the order in which they will see it."""
    record_id, num_completions = session.execute(
        select(Comparison.record_id, func.count())
        .join(ComparisonItem, ComparisonItem.comparison_id == Comparison.id)
        .where(Comparison.id == comparison_id)
        .group_by(Comparison.record_id)
    ).one()
    order = shown_order(project.salt, annotator.pseudonym, record_id, num_completions)
    until = now + timedelta(seconds=rules.lease_seconds)
    return give_lease(session, comparison_id, annotator.id, order, expires_at=until, now=now)


def shown_order(salt: str, pseudonym: str, record_id: str, num_completions: int) -> list[int]:
    """The order in which an annotator sees a comparison's completions; of more than nine, nine drawn ones.

    The seed is the project's salt, so the draw can be checked from a file of rankings.
    """
    order = list(range(num_completions))
    random.Random(derive_seed(0, "order", salt, pseudonym, record_id)).shuffle(order)
    return order[:MOST_SHOWN]


def _search(
    session: Session, project_id: int, annotator_id: int, standing: ProjectAnnotator, *, now: datetime
) -> int | None:
    """The first comparison behind the annotator's place that they can have, locked; their place moves to it."""
    if standing.cursor_id is None:
        standing.cursor_at = now
    while True:
        row = None
        for place in _places(standing):
            query = (
                select(Comparison.id, Comparison.priority)
                .where(
                    Comparison.project_id == project_id,
                    text(WAITING),
                    *place,
                    *_is_free(annotator_id, now),
                )
                .order_by(Comparison.priority.desc(), Comparison.id)
                .limit(1)
                .with_for_update(key_share=True, skip_locked=True, of=Comparison)
            )
            row = session.execute(query).first()
            if row is not None:
                break
        if row is None:
            return None
        standing.cursor_id, standing.cursor_priority = row.id, row.priority
        # PostgreSQL locks a row after it looked for leases: look again now that nobody else can add one.
        again = select(Comparison.id).where(
            Comparison.id == row.id, text(WAITING), *_is_free(annotator_id, now)
        )
        if session.scalar(again) is not None:
            return int(row.id)


def _places(standing: ProjectAnnotator) -> list[list[ColumnElement[bool]]]:
    """Parts of the queue to search in turn, each of them one stretch of the index."""
    if standing.cursor_id is None or standing.cursor_priority is None:
        return [[]]
    same = Comparison.priority == standing.cursor_priority
    return [
        [same, Comparison.id > standing.cursor_id],
        [Comparison.priority < standing.cursor_priority],
    ]


def _is_free(annotator_id: int, now: datetime) -> list[ColumnElement[bool]]:
    """Not answered or held by the annotator, and with a vote to give that nobody holds."""
    answered = exists().where(
        Submission.comparison_id == Comparison.id, Submission.annotator_id == annotator_id
    )
    mine = exists().where(Lease.comparison_id == Comparison.id, Lease.annotator_id == annotator_id)
    held = (
        select(func.count())
        .select_from(Lease)
        .where(Lease.comparison_id == Comparison.id, *holds_a_vote(now))
        .correlate(Comparison)
        .scalar_subquery()
    )
    return [~answered, ~mine, Comparison.target_overlap - Comparison.votes > held]
