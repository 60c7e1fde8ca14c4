"""Projects: make one, find one, count what it holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, case, exists, func, select, update
from sqlalchemy.orm import Session

from storage import audit
from storage.submissions import counting_submissions
from storage.tables import (
    Annotator,
    Comparison,
    Demonstration,
    GuidelineVersion,
    Project,
    Prompt,
    PromptPool,
    Ranking,
    Snapshot,
    Submission,
)
from workbench.errors import DataError
from workbench.records import OUTCOMES


@dataclass(frozen=True, kw_only=True)
class ProjectRecord:
    """A project as the rest of Accord sees it."""

    id: int
    name: str
    salt: str
    description: str
    settings: Mapping[str, Any]
    policy_applied: str | None = None
    """The overlap policy that the comparisons' targets were last set by."""


def create_project(
    session: Session,
    name: str,
    *,
    description: str = "",
    salt: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> ProjectRecord:
    """Make a project; DataError if the name is taken.

    The salt defaults to the name, so the same labels in a project of the same name make the same snapshot anywhere.
    """
    if not name.strip():
        raise DataError("a project needs a name")
    if session.scalar(select(Project.id).where(Project.name == name)) is not None:
        raise DataError(
            f"there is a project '{name}' already; 'accord project show {name}' shows it",
            code="project_taken",
            name=name,
        )
    project = Project(
        name=name,
        salt=name if salt is None else salt,
        description=description,
        settings=dict(settings or {}),
    )
    session.add(project)
    session.flush()
    return _record(project)


def find_project(session: Session, name: str) -> ProjectRecord | None:
    """The project of that name, if there is one."""
    project = session.scalar(_by_name(), {"name": name})
    return None if project is None else _record(project)


@cache
def _by_name() -> Select[Any]:
    return select(Project).where(Project.name == bindparam("name"))


def read_project(session: Session, project_id: int) -> ProjectRecord:
    """The project of an id that the database gave."""
    return _record(session.get_one(Project, project_id))


def get_project(session: Session, name: str) -> ProjectRecord:
    """The project of that name; DataError with the nearest name if there is none."""
    project = find_project(session, name)
    if project is None:
        names = list(session.scalars(select(Project.name).order_by(Project.name)))
        near = get_close_matches(name, names, n=1)
        if near:
            hint = f"did you mean '{near[0]}'?"
        elif names:
            hint = f"there are {', '.join(names[:20])}"
        else:
            hint = f"make it with 'accord project create {name}'"
        raise DataError(f"no project '{name}'; {hint}")
    return project


def lock_project(session: Session, project_id: int) -> None:
    """Let other imports into the project wait until this transaction ends; submissions do not wait."""
    # On SQLite the write lock does it already, and the clause is left out.
    session.execute(select(Project.id).where(Project.id == project_id).with_for_update(key_share=True))


def note_change(session: Session, project_id: int) -> None:
    """Say that the project holds something else than before, so that its figures are counted anew."""
    session.execute(
        update(Project).where(Project.id == project_id).values(changes=Project.changes + 1),
        execution_options={"synchronize_session": False},
    )


def has_comparisons(session: Session, project_id: int) -> bool:
    """Whether there is anything to rank."""
    return bool(session.scalar(select(exists().where(Comparison.project_id == project_id))))


def list_projects(session: Session) -> list[ProjectRecord]:
    """All projects, by name."""
    return [_record(project) for project in session.scalars(select(Project).order_by(Project.name))]


def count_project(session: Session, project_id: int) -> dict[str, Any]:
    """How much a project holds, by table and by kind.

    `submissions` are what counts: annotators' latest revisions, not withdrawn; `skips` are among them, and `rankings`
    are theirs by criterion. `left_out` are the rows that do not count: each is in the first part that fits it.
    """
    of_project = Comparison.project_id == project_id
    by_kind = select(Comparison.kind, func.count()).where(of_project).group_by(Comparison.kind)
    is_latest, is_not_withdrawn = counting_submissions()
    part = case(
        (Submission.annotator_kind == "adjudicator", "adjudications"),
        (~is_latest, "superseded"),
        (~is_not_withdrawn, "withdrawn"),
        else_=Submission.outcome,
    )
    by_part = (
        select(part, func.count())
        .select_from(Submission)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .where(of_project)
        .group_by(part)
    )
    by_criterion = (
        select(Ranking.criterion, func.count())
        .join(Submission, Submission.id == Ranking.submission_id)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .where(of_project, part == "ranked")
        .group_by(Ranking.criterion)
    )
    # For each annotator the first submission is enough; the list of annotators is short.
    works_here = exists(
        select(Submission.id)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .where(Submission.annotator_id == Annotator.id, of_project)
        .correlate(Annotator)
    )
    annotators = select(Annotator.kind, func.count()).where(works_here).group_by(Annotator.kind)
    pools = (
        select(PromptPool.use, func.count())
        .where(PromptPool.project_id == project_id)
        .group_by(PromptPool.use)
    )

    def rows_of(table: type[Prompt] | type[Demonstration] | type[GuidelineVersion] | type[Snapshot]) -> int:
        return session.scalar(select(func.count()).where(table.project_id == project_id)) or 0

    def grouped(query: Any) -> dict[str, int]:
        return {key: count for key, count in sorted(session.execute(query))}

    made = grouped(by_part)
    return {
        "prompts": rows_of(Prompt),
        "prompt_pools": grouped(pools),
        "demonstrations": rows_of(Demonstration),
        "comparisons": grouped(by_kind),
        "submissions": made.get("ranked", 0) + made.get("skipped", 0),
        "skips": made.get("skipped", 0),
        "rankings": grouped(by_criterion),
        "left_out": {key: count for key, count in made.items() if key not in OUTCOMES},
        "annotators": grouped(annotators),
        "guideline_versions": rows_of(GuidelineVersion),
        "snapshots": rows_of(Snapshot),
    }


def _record(project: Project) -> ProjectRecord:
    return ProjectRecord(
        id=project.id,
        name=project.name,
        salt=project.salt,
        description=project.description,
        settings=project.settings,
        policy_applied=project.policy_applied,
    )


def update_project(
    session: Session,
    project_id: int,
    *,
    settings: Mapping[str, Any],
    description: str | None = None,
    actor: str,
) -> None:
    """Replace a project's settings, and its description where one is given."""
    project = session.get_one(Project, project_id)
    project.settings = dict(settings)
    if description is not None:
        project.description = description
    audit.record(
        session,
        actor,
        "change project",
        f"project:{project_id}",
        {"settings": dict(settings), "description": project.description},
    )
    session.flush()
