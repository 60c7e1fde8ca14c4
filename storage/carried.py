"""A project's progress and holdings without counting a million rows: as last counted, carried on by the counters.

A small project is counted when it is asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.figures import measure_habits, read_figure
from storage.progress import Progress, missing_votes, project_progress
from storage.projects import count_project
from storage.submissions import last_submission
from storage.tables import Comparison, Project, ProjectAnnotator
from storage.votes import open_comparisons

PROGRESS = "progress"
SMALL = 2000
"""Comparisons up to which a project is counted in the request that asks."""
FEW = 50_000
"""Submissions of all projects up to which that is done: counting passes over others' too."""


@dataclass(frozen=True, kw_only=True)
class Counters:
    """What the counters of a project say: the same counters a moment apart tell what was done between."""

    changes: int
    """How often something but an annotator's answer changed what the project holds."""
    submissions: int
    votes: int
    left: int
    """Comparisons that want more votes."""
    last_at: datetime | None
    """When the latest answer came."""


@dataclass(frozen=True, kw_only=True)
class Carried:
    """A project's figures as far as they are known."""

    progress: Progress
    missing: int
    """Votes that comparisons still want."""
    habits: Mapping[str, Any]
    """By annotator; see `storage.figures`."""
    holdings: Mapping[str, Any] | None
    """As `count_project` counts them; None where they were not asked for."""
    counted_at: datetime | None
    """When the rows were counted; None: just now."""
    is_current: bool
    """False where an import or a withdrawal came after the count, so that it is made again."""


def read_counters(session: Session, project_id: int) -> Counters:
    """The counters as they stand."""
    submissions, votes, last_at = session.execute(
        select(
            func.coalesce(func.sum(ProjectAnnotator.submissions), 0),
            func.coalesce(func.sum(ProjectAnnotator.votes), 0),
            func.max(ProjectAnnotator.last_at),
        ).where(ProjectAnnotator.project_id == project_id)
    ).one()
    return Counters(
        changes=session.scalars(select(Project.changes).where(Project.id == project_id)).one(),
        submissions=submissions,
        votes=votes,
        left=open_comparisons(session, project_id),
        last_at=last_at,
    )


def count_rows(session: Session, project_id: int) -> dict[str, Any]:
    """What `carried` carries on, counted from the rows: the content of the figure `progress`."""
    counters, progress = read_counters(session, project_id), project_progress(session, project_id)
    return {
        "at_changes": counters.changes,
        "at_submissions": counters.submissions,
        "at_votes": counters.votes,
        "at_left": counters.left,
        "comparisons": progress.comparisons,
        "started": progress.started,
        "complete": progress.complete,
        "wanted": progress.wanted,
        "votes": progress.submissions,
        "annotators": progress.annotators,
        "last_at": progress.last_at.isoformat() if progress.last_at else None,
        "missing": missing_votes(session, project_id),
        "holdings": count_project(session, project_id),
        "habits": measure_habits(session, project_id),
    }


def carried(session: Session, project_id: int, *, holdings: bool = False) -> Carried | None:
    """The project's figures; None where it is large and has not been counted yet: the worker does that."""
    figure = read_figure(session, project_id, PROGRESS)
    content = figure.content if figure and "holdings" in figure.content else None
    now = read_counters(session, project_id)
    is_current = content is not None and content["at_changes"] == now.changes
    if not is_current and is_small(session, project_id):
        return Carried(
            progress=project_progress(session, project_id),
            missing=missing_votes(session, project_id),
            habits=content["habits"] if content else {},
            holdings=count_project(session, project_id) if holdings else None,
            counted_at=None,
            is_current=True,
        )
    if figure is None or content is None:
        return None
    gained = now.votes - content["at_votes"]
    before = None if content["last_at"] is None else datetime.fromisoformat(content["last_at"])
    progress = Progress(
        comparisons=content["comparisons"],
        started=content["started"],
        complete=content["complete"],
        wanted=content["wanted"],
        submissions=content["votes"] + gained,
        annotators=content["annotators"],
        last_at=max(filter(None, (before, now.last_at)), default=None),
    )
    if is_current:
        progress = replace(progress, complete=progress.complete + content["at_left"] - now.left)
    return Carried(
        progress=progress,
        missing=max(content["missing"] - gained, 0) if now.left else 0,
        habits=content["habits"],
        holdings=content["holdings"] if holdings else None,
        counted_at=figure.computed_at,
        is_current=is_current,
    )


def is_small(session: Session, project_id: int) -> bool:
    """Whether counting the project takes no time worth naming."""
    some = select(Comparison.id).where(Comparison.project_id == project_id).limit(SMALL + 1)
    comparisons = session.scalar(select(func.count()).select_from(some.subquery())) or 0
    return comparisons <= SMALL and last_submission(session) <= FEW
