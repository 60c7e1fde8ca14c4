"""Snapshots of a project: freeze its labels to disk and register what was frozen."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import audit
from storage.annotators import ensure_annotators
from storage.comparisons import read_comparisons, read_evaluation_prompts
from storage.database import Database
from storage.projects import ProjectRecord
from storage.tables import Comparison, Ranking, SnapshotAnnotator
from storage.tables import Snapshot as SnapshotRow
from workbench import records
from workbench.selection import LabelFilter, Selection, SplitRule, later_repeats
from workbench.snapshots import Snapshot, write_snapshot


def select_labels(
    session: Session,
    project: ProjectRecord,
    labels: LabelFilter | None = None,
    splits: SplitRule | None = None,
) -> Selection:
    """The project's labels that the filter takes: latest revision, not withdrawn, and what `Selection` says."""
    return Selection(
        comparisons=read_comparisons(session, project.id),
        labels=labels or LabelFilter(),
        splits=splits or SplitRule(),
        salt=project.salt,
        later_repeats=later_repeats(read_comparisons(session, project.id, repeated_only=True)),
        evaluation_prompts=read_evaluation_prompts(session, project.id),
    )


def create_snapshot(
    session: Session,
    project: ProjectRecord,
    *,
    labels: LabelFilter | None = None,
    splits: SplitRule | None = None,
    folder: Path | None = None,
    actor: str = "snapshot",
) -> Snapshot:
    """Freeze the project's labels into `folder` (default: the home's snapshots) and register them.

    The session must be a writing one, so that no label comes in between. Freezing the same labels again changes
    nothing and returns the snapshot that is there.
    """
    snapshot = write_snapshot(
        select_labels(session, project, labels, splits), folder=folder, project=project.name
    )
    _enter(session, project, snapshot, actor)
    return snapshot


def freeze_project(
    database: Database,
    project: ProjectRecord,
    *,
    labels: LabelFilter | None = None,
    splits: SplitRule | None = None,
    actor: str,
) -> Snapshot:
    """The same while people work: nobody who writes waits for it.

    It holds the labels of the moment when it began, and is registered once it is on disk.
    """
    with database.reading() as session:
        snapshot = write_snapshot(select_labels(session, project, labels, splits), project=project.name)
    with database.writing() as session:
        _enter(session, project, snapshot, actor)
    return snapshot


def _enter(session: Session, project: ProjectRecord, snapshot: Snapshot, actor: str) -> None:
    if register_snapshot(session, project.id, snapshot):
        audit.record(
            session, actor, "create snapshot", f"project:{project.id}", {"hash": snapshot.content_hash}
        )


def register_snapshot(session: Session, project_id: int, snapshot: Snapshot) -> bool:
    """Index a snapshot and whose labels it holds, where a recall begins; False if it is indexed already."""
    row = session.scalar(
        select(SnapshotRow).where(
            SnapshotRow.project_id == project_id, SnapshotRow.content_hash == snapshot.content_hash
        )
    )
    if row is not None:
        row.path = str(snapshot.path)
        return False
    row = SnapshotRow(
        project_id=project_id,
        content_hash=snapshot.content_hash,
        path=str(snapshot.path),
        manifest=dict(snapshot.manifest),
    )
    session.add(row)
    session.flush()
    entries: list[dict[str, Any]] = snapshot.manifest["annotators"]
    ids = ensure_annotators(session, {entry["annotator"]: entry["kind"] for entry in entries})
    counts: dict[int, int] = {}
    for entry in entries:
        key = ids[entry["annotator"]]
        counts[key] = counts.get(key, 0) + entry["rankings"]
    session.add_all(
        SnapshotAnnotator(snapshot_id=row.id, annotator_id=key, num_rankings=n) for key, n in counts.items()
    )
    session.flush()
    return True


def list_snapshots(session: Session, project_id: int) -> list[dict[str, Any]]:
    """Hash, path and counts of a project's snapshots, oldest first."""
    query = select(SnapshotRow).where(SnapshotRow.project_id == project_id).order_by(SnapshotRow.id)
    return [
        {"content_hash": row.content_hash, "path": row.path, "counts": row.manifest["counts"]}
        for row in session.scalars(query)
    ]


@dataclass(frozen=True, kw_only=True)
class SnapshotRecord:
    """A registered snapshot, by its manifest."""

    content_hash: str
    created_at: datetime
    counts: Mapping[str, Any]
    splits: Mapping[str, Mapping[str, int]]
    """Comparisons, completions and rankings of train, validation and test."""
    criteria: Mapping[str, int]
    includes_evaluation: bool
    annotator_disjoint: bool


def read_snapshots(session: Session, project_id: int) -> list[SnapshotRecord]:
    """A project's snapshots, newest first."""
    query = select(SnapshotRow).where(SnapshotRow.project_id == project_id).order_by(SnapshotRow.id.desc())
    return [
        SnapshotRecord(
            content_hash=row.content_hash,
            created_at=row.created_at,
            counts=row.manifest["counts"],
            splits=row.manifest["splits"]["counts"],
            criteria=row.manifest["criteria"],
            includes_evaluation=row.manifest["includes_evaluation"],
            annotator_disjoint=row.manifest["splits"]["annotator_disjoint"],
        )
        for row in session.scalars(query)
    ]


def count_criteria(session: Session, project_id: int) -> dict[str, int]:
    """Rankings of a project by criterion, withdrawn and superseded ones too."""
    query = (
        select(Ranking.criterion, func.count())
        .join(Comparison, Comparison.id == Ranking.comparison_id)
        .where(Comparison.project_id == project_id, Ranking.ranks.is_not(None))
        .group_by(Ranking.criterion)
        .order_by(Ranking.criterion)
    )
    return dict(session.execute(query).all())


def read_selected(
    session: Session, project: ProjectRecord, labels: LabelFilter | None = None
) -> Iterator[records.Comparison]:
    """The comparisons that a snapshot would hold, without making one: what the exports for other tools start from."""
    return (item.comparison for item in select_labels(session, project, labels))
