"""Own work: how much an annotator has done in a project, and how far they agree with the others there."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from annotation.agreement import measure_agreement
from annotation.hours import local_day
from annotation.project_settings import read_settings
from storage.accounts import AccountRecord
from storage.annotators import annotator_of
from storage.comparisons import read_comparisons
from storage.history import ranked_comparisons
from storage.projects import ProjectRecord
from storage.standing import count_mine
from workbench.statistics.estimates import Estimate

DRAWS = 200
"""Resamples for the intervals on a page that is computed when it is opened."""


@dataclass(frozen=True, kw_only=True)
class OwnWork:
    """Whether a project takes rankings now, and how many the annotator has given."""

    status: str
    """open, paused, closed or outside-hours."""
    today: int
    total: int


def own_work(database: Session, account: AccountRecord, project: ProjectRecord, now: datetime) -> OwnWork:
    """The work of an account's annotator in a project."""
    settings = read_settings(project.settings)
    annotator = annotator_of(database, account.id)
    day = local_day(settings.hours, now)
    today, total = count_mine(database, project.id, annotator.id, day) if annotator else (0, 0)
    closed = settings.status == "open" and settings.hours is not None and not settings.hours.are_open(now)
    return OwnWork(status="outside-hours" if closed else settings.status, today=today, total=total)


@dataclass(frozen=True, kw_only=True)
class OwnAgreement:
    """How far an annotator agrees with the others on what both ranked."""

    comparisons: int
    """Ranked by the annotator, whether by others or not."""
    decisive: Estimate
    """Share of the pairs on which both saw a winner and saw the same one."""
    with_ties: Estimate
    among_others: Estimate
    """The decisive share of the others among themselves, on the same comparisons."""
    simulated: bool
    """Whether any of the others is simulated."""


def own_agreement(database: Session, account: AccountRecord, project: ProjectRecord) -> OwnAgreement | None:
    """An account's agreement with the others, from what the database holds now; None before the first ranking."""
    annotator = annotator_of(database, account.id)
    mine = ranked_comparisons(database, project.id, annotator.id) if annotator else []
    if annotator is None or not mine:
        return None
    found = list(read_comparisons(database, project.id, ids=mine))
    others = [
        replace(one, rankings=tuple(r for r in one.rankings if r.annotator != annotator.pseudonym))
        for one in found
    ]
    measured = measure_agreement(found, source=project.name, draws=DRAWS)
    own = next(one for one in measured.annotators if one.judge.name == annotator.pseudonym)
    among = measure_agreement(others, source=project.name, draws=DRAWS).panel.decisive
    kinds = {ranking.annotator_kind for one in others for ranking in one.rankings}
    return OwnAgreement(
        comparisons=len(mine),
        decisive=own.decisive,
        with_ties=own.with_ties,
        among_others=among,
        simulated="simulated" in kinds,
    )
