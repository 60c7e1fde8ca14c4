"""Assignment: who gets what next, decided and held in one transaction."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from storage.annotators import AnnotatorRecord
from storage.leases import LeaseRecord, give_lease, own_leases, renew
from storage.projects import ProjectRecord
from storage.queue import Waiting, search_queue
from storage.special import draw, find_repeat, find_scored
from storage.standing import Standing, set_standing
from storage.tables import Comparison, ComparisonItem, Lease
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
    standing: Standing,
    *,
    exclude: Collection[str],
    now: datetime,
) -> LeaseRecord | Nothing:
    """The annotator's next task: one they hold already and the page does not, else a new one.

    `standing` is the annotator's row, locked in this transaction. `exclude` names the tasks that the page has; raises
    TooManyTasks where it has as many as it may.
    """
    if standing.is_withdrawn:
        return Nothing(reason="withdrawn")
    held = own_leases(session, project.id, annotator.id)
    kept = _kept_lease(session, project, held, rules, exclude=exclude, now=now)
    if kept is not None:
        return kept
    number = standing.submissions + len(held)
    if rules.qualification is not None and standing.qualification != "passed":
        practice = _practice(session, project, annotator, rules.qualification, standing, held)
        if isinstance(practice, Nothing):
            return practice
        if practice is not None:
            return _give(session, project, annotator, practice, "qualification", rules, now=now)
    silent = _silent(session, project, annotator, rules, number, now=now)
    if silent is not None:
        kind, comparison_id = silent
        return _give(session, project, annotator, comparison_id, kind, rules, now=now)
    found = _from_queue(session, project, annotator, rules, standing, now=now)
    if found is None:
        return Nothing(reason="nothing-left")
    return _give_waiting(session, project, annotator, found, "ordinary", rules, now=now)


def _practice(
    session: Session,
    project: ProjectRecord,
    annotator: AnnotatorRecord,
    wanted: Qualification,
    standing: Standing,
    held: Sequence[LeaseRecord],
) -> int | Nothing | None:
    """The next comparison of the qualification round; None once it is passed."""
    if standing.qualification == "failed":
        return Nothing(reason="not-qualified")
    if standing.practised < wanted.comparisons:
        found = find_scored(session, project, annotator, "qualification", standing.practised)
        if found is not None:
            return found
        if any(lease.kind == "qualification" for lease in held):
            # The last ones are on the page; the round is not over.
            return Nothing(reason="nothing-left")
    if standing.practised == 0:
        return Nothing(reason="not-qualified")
    passed = standing.practice_agreed / standing.practised >= wanted.threshold
    set_standing(session, project.id, annotator.id, qualification="passed" if passed else "failed")
    return None if passed else Nothing(reason="not-qualified")


def _silent(
    session: Session,
    project: ProjectRecord,
    annotator: AnnotatorRecord,
    rules: Rules,
    number: int,
    *,
    now: datetime,
) -> tuple[str, int] | None:
    """A gold comparison or a repeat, where the draw for the task of that number says so and there is one."""
    if rules.gold_share + rules.repeat_share == 0:
        return None
    drawn = draw(project, annotator, "silent", number)
    if drawn < rules.gold_share:
        kind, found = "gold", find_scored(session, project, annotator, "gold", number)
    elif drawn < rules.gold_share + rules.repeat_share:
        kind, found = "repeat", find_repeat(session, project, annotator, number, now=now)
    else:
        return None
    return None if found is None else (kind, found)


def _kept_lease(
    session: Session,
    project: ProjectRecord,
    held: Sequence[LeaseRecord],
    rules: Rules,
    *,
    exclude: Collection[str],
    now: datetime,
) -> LeaseRecord | None:
    on_page = 0
    for lease in held:
        if lease.token in exclude:
            on_page += lease.expires_at > now
            continue
        until = renew(session, lease, seconds=rules.lease_seconds, now=now, wait=False)
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
    standing: Standing,
    *,
    now: datetime,
) -> Waiting | None:
    if standing.exhausted_at is not None and standing.exhausted_at > now - LONG_QUEUE_PAUSE:
        return None
    # The longer an annotator has worked, the more of the queue is theirs already, and the rarer a whole look at it.
    look_again = timedelta(seconds=rules.lease_seconds + standing.submissions / 100)
    begun = standing.cursor_at
    place = None if begun is None or begun < now - look_again else standing.place
    changes: dict[str, Any] = {} if place is not None else {"cursor_at": now}
    found, at = search_queue(session, project.id, annotator.id, place, now=now)
    if found is None and place is not None:
        changes["cursor_at"] = now
        found, at = search_queue(session, project.id, annotator.id, None, now=now)
    if found is None and standing.left > LONG_QUEUE:
        changes["exhausted_at"] = now
    if at is not None:
        changes |= {"cursor_priority": at.priority, "cursor_id": at.id}
    if changes:
        set_standing(session, project.id, annotator.id, **changes)
    return found


def _give(
    session: Session,
    project: ProjectRecord,
    annotator: AnnotatorRecord,
    comparison_id: int,
    kind: str,
    rules: Rules,
    *,
    now: datetime,
) -> LeaseRecord:
    row = session.execute(
        select(Comparison.record_id, Comparison.priority, func.count().label("num_completions"))
        .join(ComparisonItem, ComparisonItem.comparison_id == Comparison.id)
        .where(Comparison.id == comparison_id)
        .group_by(Comparison.record_id, Comparison.priority)
    ).one()
    found = Waiting(id=comparison_id, **row._mapping)
    return _give_waiting(session, project, annotator, found, kind, rules, now=now)


def _give_waiting(
    session: Session,
    project: ProjectRecord,
    annotator: AnnotatorRecord,
    found: Waiting,
    kind: str,
    rules: Rules,
    *,
    now: datetime,
) -> LeaseRecord:
    """A lease on a comparison, with the order in which the annotator will see it."""
    return give_lease(
        session,
        project,
        comparison_id=found.id,
        annotator_id=annotator.id,
        kind=kind,
        num_completions=found.num_completions,
        order=shown_order(project.salt, annotator.pseudonym, found.record_id, found.num_completions),
        expires_at=now + timedelta(seconds=rules.lease_seconds),
        now=now,
    )


def shown_order(salt: str, pseudonym: str, record_id: str, num_completions: int) -> list[int]:
    """The order in which an annotator sees a comparison's completions; of more than nine, nine drawn ones.

    The seed is the project's salt, so the draw can be checked from a file of rankings.
    """
    order = list(range(num_completions))
    random.Random(derive_seed(0, "order", salt, pseudonym, record_id)).shuffle(order)
    return order[:MOST_SHOWN]
