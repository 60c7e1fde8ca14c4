"""Run folders: a name and settings; the same command resumes, and one process at a time writes."""

import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from workbench.artifacts import write_file_aside
from workbench.config import config_differences, config_hash, config_to_dict, dump_config
from workbench.errors import RunError
from workbench.home import runs_folder
from workbench.metrics import MetricsLog, drop_metrics_after
from workbench.run_lock import RunLock

_PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "tokenizers",
    "numpy",
    "sqlalchemy",
)


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a trainer hands back."""

    folder: Path
    """The run folder."""
    checkpoint: Path
    """The final checkpoint."""
    summary: Mapping[str, Any]
    """The figures that the command prints, as in report.json."""


class Run:
    """An open run folder; use `open_run`, and as a context manager, which releases the lock.

    `finished` means that there is nothing left to do; `resuming` that it was begun before.
    """

    def __init__(
        self, folder: Path, stage: str, *, resuming: bool, finished: bool, lock: RunLock | None
    ) -> None:
        self.folder = folder
        self.stage = stage
        self.name = folder.name
        self.resuming = resuming
        self.finished = finished
        self._lock = lock
        self._metrics: MetricsLog | None = None

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints; the last one is `final`."""
        return self.folder / "checkpoints"

    @property
    def final_checkpoint(self) -> Path:
        """Where the finished run's model is."""
        return self.checkpoints / "final"

    def log(self, step: int, metrics: Mapping[str, float | int | str | None]) -> None:
        """Add a line to metrics.jsonl."""
        if self._metrics is None:
            self._metrics = MetricsLog(self.folder / "metrics.jsonl")
        self._metrics.log(step, metrics)

    def rewind_metrics(self, step: int) -> None:
        """Forget metrics after `step`, the step of the checkpoint that the run resumes from."""
        assert self._metrics is None, "rewind before the first log"
        drop_metrics_after(self.folder / "metrics.jsonl", step)

    def finish(self, summary: Mapping[str, Any]) -> RunResult:
        """Write report.json, which marks the run finished, and return the result."""
        with write_file_aside(self.folder / "report.json") as file:
            file.write((json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())
        self.finished = True
        return self.result()

    def result(self) -> RunResult:
        """The result of a finished run, read from its folder."""
        summary = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        return RunResult(folder=self.folder, checkpoint=self.final_checkpoint, summary=summary)

    def close(self) -> None:
        """Close the metrics and release the lock."""
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> "Run":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        in_vain = error is not None and self._lock is not None and not self.resuming and self._forget()
        self.close()
        if in_vain:
            with suppress(OSError):  # Another process may have begun the run by now.
                self.folder.rmdir()

    def _forget(self) -> bool:
        """Remove what `_begin` wrote where an error came before anything else: its settings need not be kept."""
        begun = [self.folder / name for name in ("config.yaml", "environment.json")]
        others = {path for path in self.folder.iterdir() if path.name != "lock"} - set(begun)
        if any(path.is_file() or any(path.iterdir()) for path in others):
            return False
        for path in begun:
            path.unlink()
        for path in others:
            path.rmdir()
        return True


def open_run(
    stage: str, config: Any, *, name: str | None = None, fresh: bool = False, is_main: bool = True
) -> Run:
    """Open the run of these settings: begin it, resume it, or find it finished.

    The name defaults to `<stage>-<start of the settings' hash>`. A run of that name with other settings is a RunError
    naming the keys; one that another process holds is a RunError naming the process. `fresh` moves what is there
    aside (to `<name>.old-<n>`) and begins anew. `is_main` is false on the other processes of a distributed launch:
    they neither write nor lock.
    """
    name = name or f"{stage}-{config_hash(config)[:10]}"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise RunError(
            f"run name '{name}' must be letters, digits, '.', '_' and '-', beginning with a letter or digit"
        )
    folder = runs_folder() / name
    if not is_main:
        return Run(
            folder, stage, resuming=folder.exists(), finished=(folder / "report.json").exists(), lock=None
        )
    folder.mkdir(parents=True, exist_ok=True)
    lock = RunLock(folder / "lock")
    lock.take()
    try:
        if fresh and (folder / "config.yaml").exists():
            _move_aside(folder)
        resuming = (folder / "config.yaml").exists()
        if resuming:
            _check_same(folder, stage, config)
        else:
            _begin(folder, stage, config)
    except BaseException:
        lock.release()
        raise
    return Run(folder, stage, resuming=resuming, finished=(folder / "report.json").exists(), lock=lock)


def run_stage(folder: Path) -> str:
    """The stage that a run folder belongs to."""
    return str(json.loads((folder / "environment.json").read_text(encoding="utf-8"))["stage"])


def _begin(folder: Path, stage: str, config: Any) -> None:
    environment = {
        "stage": stage,
        "command": sys.argv,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "packages": {package: _version(package) for package in _PACKAGES},
        "git_revision": _git_revision(),
        "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    with write_file_aside(folder / "environment.json") as file:
        file.write((json.dumps(environment, indent=2) + "\n").encode())
    # Last: a folder with config.yaml is a run that can be resumed.
    dump_config(config, folder / "config.yaml")


def _check_same(folder: Path, stage: str, config: Any) -> None:
    if run_stage(folder) != stage:
        raise RunError(
            f"{folder} is a {run_stage(folder)} run; choose another name for this {stage} run with --run"
        )
    stored = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    differences = config_differences(stored, config_to_dict(config))
    if differences:
        raise RunError(
            f"run '{folder.name}' in {folder} has other settings: {'; '.join(differences)}. "
            "Choose another name with --run, or begin it anew with --fresh"
        )


def _move_aside(folder: Path) -> None:
    number = 1
    while (old := folder.with_name(f"{folder.name}.old-{number}")).exists():
        number += 1
    old.mkdir()
    for path in folder.iterdir():
        if path.name != "lock":
            path.rename(old / path.name)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_revision() -> str | None:
    """The revision of Accord's own checkout, with '+' when it has changes; None outside a checkout."""
    root = Path(__file__).parents[1]
    try:
        revision = _git(root, "rev-parse", "HEAD")
        return revision + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()
