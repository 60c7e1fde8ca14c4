"""Voting: a vote is added to its comparison, which then wants another or is closed."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from storage.comparisons import read_comparisons
from storage.leases import LeaseRecord
from storage.policies import Policy, read_policy
from storage.tables import Comparison, Project
from storage.tables.base import table_of
from storage.votes import apply_policy, count_queue
from workbench import records
from workbench.statistics.overlap import StoppingRule, another_vote

_BATCH = 500


def add_votes(session: Session, lease: LeaseRecord, gained: int) -> int:
    """Change the votes of the comparison; 1 where that closed it, -1 where it opened it again, else 0."""
    values = {"comparison": lease.comparison_id, "gained": gained}
    votes, target, record_id = session.connection().execute(_add(), values).one()
    was_closed = votes - gained >= target
    policy = read_policy(lease.settings.get("policy", "queue"))
    if policy.kind == "uncertain":
        target = settle_targets(session, lease.project_id, policy, [record_id])[record_id]
    return int(votes >= target) - int(was_closed)


def settle_targets(
    session: Session, project_id: int, policy: Policy, record_ids: list[str]
) -> dict[str, int]:
    """Set how many votes these comparisons want by the votes they have: one more while their winner is in doubt."""
    rule = StoppingRule(probability=policy.threshold, at_most=policy.most)
    wanted: dict[str, int] = {}
    for comparison in read_comparisons(session, project_id, ids=record_ids):
        decisions = [
            another_vote(replace(comparison, rankings=rankings), rule=rule)
            for rankings in _by_criterion(comparison)
        ]
        votes = max((decision.rankings for decision in decisions), default=0)
        wanted[comparison.id] = max(votes + any(decision.wanted for decision in decisions), 1)
    for record_id, target in wanted.items():
        session.execute(
            update(Comparison)
            .where(Comparison.project_id == project_id, Comparison.record_id == record_id)
            .values(target_overlap=target),
            execution_options={"synchronize_session": False},
        )
    return wanted


@cache
def _add() -> ReturningUpdate[Any]:
    table = table_of(Comparison)
    return (
        update(table)
        .where(table.c.id == bindparam("comparison"))
        .values(votes=table.c.votes + bindparam("gained"))
        .returning(table.c.votes, table.c.target_overlap, table.c.record_id)
    )


def _by_criterion(comparison: records.Comparison) -> Iterable[tuple[records.Ranking, ...]]:
    found: dict[str, list[records.Ranking]] = {}
    for ranking in comparison.rankings:
        found.setdefault(ranking.criterion, []).append(ranking)
    return [tuple(rankings) for rankings in found.values()]


def put_policy_in_force(session: Session, project_id: int) -> bool:
    """Set the wanted votes of all comparisons by the project's policy; False if that was done already."""
    if not apply_policy(session, project_id):
        return False
    settings = session.scalars(select(Project.settings).where(Project.id == project_id)).one()
    policy = read_policy(settings.get("policy", "queue"))
    if policy.kind == "uncertain":
        voted = select(Comparison.record_id).where(
            Comparison.project_id == project_id, Comparison.kind == "ordinary", Comparison.votes > 0
        )
        names = list(session.scalars(voted))
        for start in range(0, len(names), _BATCH):
            settle_targets(session, project_id, policy, names[start : start + _BATCH])
        count_queue(session, project_id)
    return True
