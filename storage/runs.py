"""The run registry: an index of run folders. The folder is the truth; this finds it again and links it to labels."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from storage.checkpoints import list_checkpoints, register_checkpoint
from storage.tables import Run, RunParent
from workbench.checkpoints import is_checkpoint
from workbench.errors import DataError, RunError, SnapshotError
from workbench.home import runs_folder
from workbench.identity import content_hash
from workbench.snapshots import open_snapshot


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A registered run."""

    id: int
    name: str
    stage: str
    folder: str
    config_hash: str
    status: str
    """finished or unfinished."""
    snapshot_hash: str | None
    summary: Mapping[str, Any] | None
    started_at: datetime | None
    finished_at: datetime | None

    def to_json(self) -> dict[str, Any]:
        """The run as plain values."""
        return {
            "name": self.name,
            "stage": self.stage,
            "status": self.status,
            "folder": self.folder,
            "config_hash": self.config_hash,
            "snapshot": self.snapshot_hash,
            "started_at": self.started_at and self.started_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "finished_at": self.finished_at and self.finished_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "summary": self.summary,
        }


def register_run(session: Session, folder: str | Path) -> bool:
    """Index a run folder with its checkpoints and parents, or bring its entry up to date; True if it is new.

    RunError if the folder is no run: it has no config.yaml or environment.json.
    """
    folder = Path(folder).absolute()
    facts = _read_folder(folder)
    row = session.scalar(select(Run).where(Run.folder == str(folder)))
    is_new = row is None
    if row is None:
        row = Run(folder=str(folder), **facts)
        session.add(row)
    else:
        for name, value in facts.items():
            setattr(row, name, value)
    session.flush()
    for path in _checkpoint_folders(folder):
        register_checkpoint(session, path, run_id=row.id)
    checkpoints = list_checkpoints(session, run_id=row.id)
    row.snapshot_hash = next(
        (c.snapshot_hash for c in checkpoints if c.snapshot_hash), None
    ) or _snapshot_named(folder)
    session.execute(delete(RunParent).where(RunParent.run_id == row.id))
    parents = {parent for checkpoint in checkpoints for parent in checkpoint.parents}
    session.add_all(RunParent(run_id=row.id, role=role, checkpoint_hash=key) for role, key in sorted(parents))
    session.flush()
    return is_new


def index_runs(session: Session, folder: Path | None = None) -> tuple[list[str], list[str]]:
    """Index every run folder in `folder` (default: the home's runs): names that were new, names that were known."""
    new: list[str] = []
    known: list[str] = []
    root = folder or runs_folder()
    for place in sorted(root.iterdir()) if root.is_dir() else ():
        if (place / "config.yaml").is_file() and (place / "environment.json").is_file():
            (new if register_run(session, place) else known).append(place.name)
    return new, known


def list_runs(session: Session, *, stage: str | None = None) -> list[RunRecord]:
    """Registered runs, oldest first."""
    query = select(Run).order_by(Run.started_at, Run.id)
    if stage is not None:
        query = query.where(Run.stage == stage)
    return [_record(row) for row in session.scalars(query)]


def get_run(session: Session, name: str) -> RunRecord:
    """The run of that name, the latest where several folders had it; DataError if there is none."""
    row = session.scalar(select(Run).where(Run.name == name).order_by(Run.id.desc()).limit(1))
    if row is None:
        raise DataError(
            f"no run '{name}' in the database; 'accord runs index' finds run folders that it misses"
        )
    return _record(row)


def runs_touching(
    session: Session, snapshots: Collection[str], checkpoints: Collection[str]
) -> list[RunRecord]:
    """The runs that trained on one of the snapshots or started from one of the checkpoints, oldest first."""
    started = select(RunParent.run_id).where(RunParent.checkpoint_hash.in_(list(checkpoints)))
    query = (
        select(Run)
        .where(or_(Run.snapshot_hash.in_(list(snapshots)), Run.id.in_(started)))
        .order_by(Run.started_at, Run.id)
    )
    return [_record(row) for row in session.scalars(query)]


def _read_folder(folder: Path) -> dict[str, Any]:
    try:
        settings = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        environment = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
        report_file = folder / "report.json"
        report = json.loads(report_file.read_text(encoding="utf-8")) if report_file.is_file() else None
    except (OSError, yaml.YAMLError, json.JSONDecodeError) as error:
        raise RunError(f"{folder} is no whole run folder: {error}") from error
    finished = datetime.fromtimestamp(report_file.stat().st_mtime, UTC) if report is not None else None
    return {
        "name": folder.name,
        "stage": environment["stage"],
        "config_hash": content_hash(settings),
        "status": "unfinished" if report is None else "finished",
        "summary": report,
        "started_at": datetime.fromisoformat(environment["started_at"]),
        "finished_at": finished,
    }


def _checkpoint_folders(folder: Path) -> Iterator[Path]:
    root = folder / "checkpoints"
    for place in sorted(root.iterdir()) if root.is_dir() else ():
        if not place.name.startswith(".") and is_checkpoint(place):
            yield place


def _snapshot_named(folder: Path) -> str | None:
    """The snapshot that the settings name: a run without a checkpoint yet has learned from it all the same."""
    settings = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    reference = settings.get("snapshot") if isinstance(settings, dict) else None
    if not isinstance(reference, str) or not reference:
        return None
    try:
        return open_snapshot(reference, verify=False).content_hash
    except SnapshotError:
        return None  # It has been moved away; a checkpoint of the run would still name its hash.


def _record(row: Run) -> RunRecord:
    return RunRecord(
        id=row.id,
        name=row.name,
        stage=row.stage,
        folder=row.folder,
        config_hash=row.config_hash,
        status=row.status,
        snapshot_hash=row.snapshot_hash,
        summary=row.summary,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
