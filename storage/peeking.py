"""A look at single comparisons by their place in a project, for those who set it up."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.comparisons import read_comparisons
from storage.tables import Comparison
from workbench import records


def count_ordinary(session: Session, project_id: int) -> int:
    """How many ordinary comparisons a project has."""
    query = select(func.count()).where(Comparison.project_id == project_id, Comparison.kind == "ordinary")
    return session.scalar(query) or 0


def comparison_at(session: Session, project_id: int, place: int) -> records.Comparison | None:
    """The ordinary comparison at a place, from 0, in the order in which they came; None past the end."""
    query = (
        select(Comparison.record_id)
        .where(Comparison.project_id == project_id, Comparison.kind == "ordinary")
        .order_by(Comparison.id)
        .offset(place)
        .limit(1)
    )
    name = session.scalar(query)
    return None if name is None else next(read_comparisons(session, project_id, ids=[name]))
