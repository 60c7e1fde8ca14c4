"""Guidelines: the versions of a project's guideline, and who has read which."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import Select, bindparam, exists, func, select
from sqlalchemy.orm import Session

from storage import audit
from storage.submissions import counting_submissions
from storage.tables import Comparison, GuidelineAcknowledgement, GuidelineVersion, Submission
from workbench.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Guideline:
    """One version of a guideline."""

    id: int
    version: str
    text: str
    changes: str | None


def current_guideline(session: Session, project_id: int) -> Guideline | None:
    """The newest version that has a text."""
    query = select(GuidelineVersion).where(
        GuidelineVersion.project_id == project_id, GuidelineVersion.text.is_not(None)
    )
    row = session.scalar(query.order_by(GuidelineVersion.id.desc()).limit(1))
    return None if row is None else _record(row)


def guideline_in_force(session: Session, project_id: int, annotator_id: int) -> tuple[str, bool] | None:
    """The name of the newest version that has a text, and whether the annotator has read it."""
    values = {"project": project_id, "annotator": annotator_id}
    row = session.connection().execute(_in_force(), values).first()
    return None if row is None else (row.version, bool(row.is_read))


def find_guideline(session: Session, project_id: int, version: str) -> Guideline | None:
    """The version of that name, if it has a text."""
    row = session.scalar(
        select(GuidelineVersion).where(
            GuidelineVersion.project_id == project_id,
            GuidelineVersion.version == version,
            GuidelineVersion.text.is_not(None),
        )
    )
    return None if row is None else _record(row)


@dataclass(frozen=True, kw_only=True)
class GuidelineUse:
    """A version and how many labels that count were made under it."""

    version: str
    has_text: bool
    changes: str | None
    created_at: datetime
    labels: int


def list_guidelines(session: Session, project_id: int) -> list[GuidelineUse]:
    """A project's versions, newest first, with the labels made under each."""
    labels = (
        select(Submission.guideline_version_id, func.count().label("labels"))
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .where(
            Comparison.project_id == project_id,
            Submission.guideline_version_id.is_not(None),
            Submission.outcome == "ranked",
            *counting_submissions(),
        )
        .group_by(Submission.guideline_version_id)
        .subquery()
    )
    query = (
        select(GuidelineVersion, func.coalesce(labels.c.labels, 0))
        .outerjoin(labels, labels.c.guideline_version_id == GuidelineVersion.id)
        .where(GuidelineVersion.project_id == project_id)
        .order_by(GuidelineVersion.id.desc())
    )
    return [
        GuidelineUse(
            version=row.version,
            has_text=row.text is not None,
            changes=row.changes,
            created_at=row.created_at,
            labels=count,
        )
        for row, count in session.execute(query)
    ]


def add_guideline(session: Session, project_id: int, text: str, *, changes: str, actor: str) -> str:
    """Write a new version, which is in force at once, and return its name; DataError where nothing is new."""
    if not text.strip():
        raise DataError("a guideline needs a text", code="no_guideline_text")
    current = current_guideline(session, project_id)
    if current is not None and current.text == text:
        raise DataError(
            f"this text is version {current.version} already; nothing has changed",
            code="same_guideline",
            version=current.version,
        )
    taken = set(
        session.scalars(select(GuidelineVersion.version).where(GuidelineVersion.project_id == project_id))
    )
    number = next(n for n in range(len(taken) + 1, 2 * len(taken) + 2) if f"v{n}" not in taken)
    row = GuidelineVersion(
        project_id=project_id, version=f"v{number}", text=text, changes=changes.strip() or None
    )
    session.add(row)
    session.flush()
    audit.record(
        session, actor, "change guideline", f"guideline:{row.id}", {"text": text, "changes": changes}
    )
    return row.version


def has_acknowledged(session: Session, annotator_id: int, guideline_id: int) -> bool:
    """Whether the annotator has said that they read the version."""
    return session.get(GuidelineAcknowledgement, (annotator_id, guideline_id)) is not None


def acknowledge(session: Session, annotator_id: int, guideline_id: int) -> None:
    """Note that the annotator has read the version; doing it twice changes nothing."""
    if not has_acknowledged(session, annotator_id, guideline_id):
        session.add(GuidelineAcknowledgement(annotator_id=annotator_id, guideline_version_id=guideline_id))
        session.flush()


@cache
def _in_force() -> Select[str, bool]:
    read = exists().where(
        GuidelineAcknowledgement.guideline_version_id == GuidelineVersion.id,
        GuidelineAcknowledgement.annotator_id == bindparam("annotator"),
    )
    return (
        select(GuidelineVersion.version, read.label("is_read"))
        .where(GuidelineVersion.project_id == bindparam("project"), GuidelineVersion.text.is_not(None))
        .order_by(GuidelineVersion.id.desc())
        .limit(1)
    )


def _record(row: GuidelineVersion) -> Guideline:
    return Guideline(id=row.id, version=row.version, text=row.text or "", changes=row.changes)
