"""What annotators did, day by day: the counts and hours that pay is made from."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.tables import Annotator, WorkDay


@dataclass(frozen=True, kw_only=True)
class Work:
    """What one annotator did in a span of days."""

    annotator: str
    days: int
    """Days with any work."""
    ranked: int
    skipped: int
    practised: int
    revised: int
    seconds: float
    """Active time, as the pages measured it."""


def work_between(session: Session, project_id: int, first: str, last: str) -> list[Work]:
    """The work of each annotator from one ISO date to another, both included, by pseudonym."""
    query = (
        select(
            Annotator.pseudonym,
            func.count(),
            *(func.sum(getattr(WorkDay, name)) for name in ("ranked", "skipped", "practised", "revised")),
            func.sum(WorkDay.seconds),
        )
        .join(Annotator, Annotator.id == WorkDay.annotator_id)
        .where(WorkDay.project_id == project_id, WorkDay.day >= first, WorkDay.day <= last)
        .group_by(Annotator.pseudonym)
        .order_by(Annotator.pseudonym)
    )
    return [
        Work(
            annotator=pseudonym,
            days=days,
            ranked=ranked,
            skipped=skipped,
            practised=practised,
            revised=revised,
            seconds=seconds,
        )
        for pseudonym, days, ranked, skipped, practised, revised, seconds in session.execute(query)
    ]
