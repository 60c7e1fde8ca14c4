"""Overlap plans in the database: how many votes each comparison wants, and which come first."""

from collections.abc import Sequence

from sqlalchemy import update
from sqlalchemy.orm import Session

from storage import audit
from storage.tables import Comparison
from storage.votes import count_queue
from storage.voting import put_policy_in_force
from workbench.statistics.overlap_plan import PlannedVotes


def apply_plan(
    session: Session, project_id: int, planned: Sequence[PlannedVotes], *, actor: str = "overlap plan"
) -> int:
    """Set target overlap and priority of the planned comparisons, and open them for ranking; returns how many.

    The session must be a writing one. What is not in the plan stays as it is. A policy that is chosen later sets the
    overlap of all comparisons again; one that was chosen before is put in force first.
    """
    put_policy_in_force(session, project_id)
    for item in planned:
        session.execute(
            update(Comparison)
            .where(Comparison.project_id == project_id, Comparison.record_id == item.comparison)
            .values(target_overlap=item.overlap, priority=item.priority),
            execution_options={"synchronize_session": False},
        )
    count_queue(session, project_id)
    votes = sum(item.overlap - item.rankings for item in planned)
    audit.record(
        session, actor, "plan overlap", f"project:{project_id}", {"comparisons": len(planned), "votes": votes}
    )
    return len(planned)
