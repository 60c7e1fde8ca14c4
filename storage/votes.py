"""Votes: how many each comparison has and wants, kept as counters so that the queue need not count."""

import json
from collections.abc import Sequence

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from storage.policies import Policy, read_policy
from storage.projects import ProjectRecord
from storage.submissions import counting_submissions
from storage.tables import Comparison, ComparisonItem, Project, ProjectAnnotator, Submission
from storage.tables.content import WAITING

_BATCH = 500


def count_votes(session: Session, comparison_ids: Sequence[int]) -> None:
    """Set `votes` of these comparisons from their submissions."""
    counted = (
        select(func.count())
        .select_from(Submission)
        .where(
            Submission.comparison_id == Comparison.id,
            Submission.outcome == "ranked",
            Submission.annotator_kind != "adjudicator",
            *counting_submissions(),
        )
        .correlate(Comparison)
        .scalar_subquery()
    )
    for start in range(0, len(comparison_ids), _BATCH):
        some = list(comparison_ids[start : start + _BATCH])
        # Locked first: a count that waited for somebody's vote would still be of the time before it.
        locked = select(Comparison.id).where(Comparison.id.in_(some)).order_by(Comparison.id)
        session.execute(locked.with_for_update(key_share=True)).all()
        session.execute(
            update(Comparison).where(Comparison.id.in_(some)).values(votes=counted),
            execution_options={"synchronize_session": False},
        )


def count_queue(session: Session, project_id: int) -> None:
    """Count the project's open comparisons again, and let every annotator look at the whole queue.

    Whatever opens comparisons (an import, a policy, a withdrawal) ends with this.
    """
    waiting = (
        select(func.count())
        .select_from(Comparison)
        .where(Comparison.project_id == project_id, text(WAITING))
        .scalar_subquery()
    )
    session.execute(select(Project.id).where(Project.id == project_id).with_for_update(key_share=True))
    # Before the count: what somebody closes meanwhile waits for this row, and is then taken off a count that held it.
    session.execute(
        update(ProjectAnnotator)
        .where(ProjectAnnotator.project_id == project_id)
        .values(closed=0, cursor_priority=None, cursor_id=None, cursor_at=None, exhausted_at=None)
    )
    session.execute(
        update(Project).where(Project.id == project_id).values(queued=waiting, changes=Project.changes + 1)
    )


def recount(session: Session, comparison_ids: Sequence[int]) -> None:
    """Count the votes of these comparisons anew, and the queues of their projects: some labels no longer count."""
    count_votes(session, comparison_ids)
    projects: set[int] = set()
    for start in range(0, len(comparison_ids), _BATCH):
        some = list(comparison_ids[start : start + _BATCH])
        projects |= set(
            session.scalars(select(Comparison.project_id).where(Comparison.id.in_(some)).distinct())
        )
    for project_id in sorted(projects):
        count_queue(session, project_id)


def open_comparisons(session: Session, project_id: int) -> int:
    """Comparisons that want more votes, from the counters."""
    closed = (
        select(func.coalesce(func.sum(ProjectAnnotator.closed), 0))
        .where(ProjectAnnotator.project_id == project_id)
        .scalar_subquery()
    )
    query = select(Project.queued - closed).where(Project.id == project_id)
    return max(session.scalar(query) or 0, 0)


def project_policy(session: Session, project_id: int) -> tuple[Policy, str]:
    """The policy in the project's settings, and the project's salt."""
    settings, salt = session.execute(
        select(Project.settings, Project.salt).where(Project.id == project_id)
    ).one()
    return read_policy(settings.get("policy", "queue")), salt


def policy_is_new(project: ProjectRecord, policy: Policy) -> bool:
    """Whether the policy has yet to be applied to the project's comparisons."""
    return (project.policy_applied or policy_name(Policy())) != policy_name(policy)


def policy_name(policy: Policy) -> str:
    """What `project.policy_applied` holds once the policy is applied."""
    return json.dumps(policy.to_json(), sort_keys=True)


def apply_policy(session: Session, project_id: int) -> bool:
    """Set the wanted votes of all ordinary comparisons by the project's policy; False if that was done already."""
    applied = session.scalar(
        select(Project.policy_applied).where(Project.id == project_id).with_for_update(key_share=True)
    )
    policy, salt = project_policy(session, project_id)
    if (applied or policy_name(Policy())) == policy_name(policy):
        return False
    targets: dict[int, list[int]] = {}
    items = (
        select(func.count())
        .select_from(ComparisonItem)
        .where(ComparisonItem.comparison_id == Comparison.id)
        .scalar_subquery()
    )
    query = select(Comparison.id, Comparison.record_id, Comparison.target_overlap, items).where(
        Comparison.project_id == project_id, Comparison.kind == "ordinary"
    )
    for key, record_id, target, num_completions in session.execute(query):
        wanted = policy.first_target(salt, record_id, num_completions)
        if wanted != target:
            targets.setdefault(wanted, []).append(key)
    for wanted, keys in targets.items():
        for start in range(0, len(keys), _BATCH):
            some = keys[start : start + _BATCH]
            session.execute(
                update(Comparison).where(Comparison.id.in_(some)).values(target_overlap=wanted),
                execution_options={"synchronize_session": False},
            )
    session.execute(
        update(Project).where(Project.id == project_id).values(policy_applied=policy_name(policy))
    )
    count_queue(session, project_id)
    return True
