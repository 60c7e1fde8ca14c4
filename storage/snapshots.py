"""Snapshots of a project: freeze its labels to disk and register what was frozen."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import audit
from storage.annotators import ensure_annotators
from storage.comparisons import read_comparisons, read_evaluation_prompts
from storage.projects import ProjectRecord
from storage.tables import Snapshot as SnapshotRow
from storage.tables import SnapshotAnnotator
from workbench.records import Comparison
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
    selection = select_labels(session, project, labels, splits)
    snapshot = write_snapshot(selection, folder=folder, project=project.name)
    if register_snapshot(session, project.id, snapshot):
        audit.record(
            session, actor, "create snapshot", f"project:{project.id}", {"hash": snapshot.content_hash}
        )
    return snapshot


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


def read_selected(
    session: Session, project: ProjectRecord, labels: LabelFilter | None = None
) -> Iterator[Comparison]:
    """The comparisons that a snapshot would hold, without making one: what the exports for other tools start from."""
    return (item.comparison for item in select_labels(session, project, labels))
