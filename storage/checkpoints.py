"""The checkpoint registry: an index of accord.json files, and the walk from labels to everything made of them."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.tables import Checkpoint, CheckpointParent
from workbench.checkpoints import checkpoint_hash, read_checkpoint


@dataclass(frozen=True, kw_only=True)
class CheckpointRecord:
    """A registered checkpoint."""

    hash: str
    path: str
    stage: str
    run_id: int | None
    snapshot_hash: str | None
    parents: tuple[tuple[str, str], ...]
    """Role and hash of each."""


def register_checkpoint(session: Session, path: str | Path, *, run_id: int | None = None) -> bool:
    """Index a checkpoint folder by its accord.json; False if it was indexed already (its path is then renewed)."""
    info, key = read_checkpoint(path, verify=False), checkpoint_hash(path)
    row = session.scalar(select(Checkpoint).where(Checkpoint.hash == key))
    if row is not None:
        row.path, row.run_id = str(Path(path).absolute()), run_id if run_id is not None else row.run_id
        return False
    row = Checkpoint(
        hash=key,
        path=str(Path(path).absolute()),
        stage=info.stage,
        run_id=run_id,
        snapshot_hash=info.snapshot,
    )
    session.add(row)
    session.flush()
    parents = {(parent.role, parent.hash) for parent in info.parents}
    session.add_all(
        CheckpointParent(checkpoint_id=row.id, role=role, parent_hash=parent)
        for role, parent in sorted(parents)
    )
    session.flush()
    return True


def list_checkpoints(session: Session, *, run_id: int | None = None) -> list[CheckpointRecord]:
    """Registered checkpoints, oldest first; those of one run where it is given."""
    query = select(Checkpoint).order_by(Checkpoint.id)
    if run_id is not None:
        query = query.where(Checkpoint.run_id == run_id)
    return [_record(session, row) for row in session.scalars(query)]


def descendants_of(session: Session, snapshots: Collection[str]) -> list[CheckpointRecord]:
    """The checkpoints that learned from these snapshots, and all that were made from those, at any distance."""
    found = {
        row.hash: row
        for row in session.scalars(select(Checkpoint).where(Checkpoint.snapshot_hash.in_(list(snapshots))))
    }
    frontier = set(found)
    while frontier:
        children = (
            select(Checkpoint)
            .join(CheckpointParent, CheckpointParent.checkpoint_id == Checkpoint.id)
            .where(CheckpointParent.parent_hash.in_(list(frontier)))
        )
        new = {row.hash: row for row in session.scalars(children) if row.hash not in found}
        found |= new
        frontier = set(new)
    return [_record(session, row) for row in sorted(found.values(), key=lambda row: row.id)]


def _record(session: Session, row: Checkpoint) -> CheckpointRecord:
    parents = (
        select(CheckpointParent.role, CheckpointParent.parent_hash)
        .where(CheckpointParent.checkpoint_id == row.id)
        .order_by(CheckpointParent.id)
    )
    return CheckpointRecord(
        hash=row.hash,
        path=row.path,
        stage=row.stage,
        run_id=row.run_id,
        snapshot_hash=row.snapshot_hash,
        parents=tuple(session.execute(parents)),
    )
