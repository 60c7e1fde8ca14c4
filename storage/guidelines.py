"""Guidelines: the versions of a project's guideline, and who has read which."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.tables import GuidelineAcknowledgement, GuidelineVersion


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


def has_acknowledged(session: Session, annotator_id: int, guideline_id: int) -> bool:
    """Whether the annotator has said that they read the version."""
    return session.get(GuidelineAcknowledgement, (annotator_id, guideline_id)) is not None


def acknowledge(session: Session, annotator_id: int, guideline_id: int) -> None:
    """Note that the annotator has read the version; doing it twice changes nothing."""
    if not has_acknowledged(session, annotator_id, guideline_id):
        session.add(GuidelineAcknowledgement(annotator_id=annotator_id, guideline_version_id=guideline_id))
        session.flush()


def _record(row: GuidelineVersion) -> Guideline:
    return Guideline(id=row.id, version=row.version, text=row.text or "", changes=row.changes)
