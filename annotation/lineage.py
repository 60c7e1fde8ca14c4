"""Lineage as the registry knows it: a checkpoint, what it was made from, and the labels behind it."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from storage.checkpoints import CheckpointRecord, list_checkpoints
from storage.projects import list_projects
from storage.runs import list_runs
from storage.snapshots import list_snapshots


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A checkpoint and, by role, those it was made from."""

    role: str
    hash: str
    stage: str | None
    """None where the registry does not know the checkpoint: it was made elsewhere."""
    run: str | None
    snapshot: str | None
    project: str | None
    """The project whose labels the snapshot holds."""
    parents: tuple["Origin", ...]


def ancestry(session: Session, checkpoint: str) -> Origin:
    """The tree of checkpoints and snapshots behind one checkpoint, from the registry alone."""
    known = {record.hash: record for record in list_checkpoints(session)}
    runs = {run.id: run.name for run in list_runs(session)}
    projects = {
        snapshot["content_hash"]: project.name
        for project in list_projects(session)
        for snapshot in list_snapshots(session, project.id)
    }

    def origin(role: str, key: str, above: frozenset[str]) -> Origin:
        record: CheckpointRecord | None = known.get(key)
        # A checkpoint cannot be made from itself; a registry edited by hand could say so.
        parents = () if record is None or key in above else record.parents
        return Origin(
            role=role,
            hash=key,
            stage=record.stage if record else None,
            run=runs.get(record.run_id) if record and record.run_id is not None else None,
            snapshot=record.snapshot_hash if record else None,
            project=projects.get(record.snapshot_hash or "") if record else None,
            parents=tuple(origin(name, parent, above | {key}) for name, parent in parents),
        )

    return origin("this checkpoint", checkpoint, frozenset())
