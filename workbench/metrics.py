"""Metrics: one JSON object a step in metrics.jsonl, appended as the run goes, exact after a resume."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from workbench.artifacts import write_file_aside
from workbench.errors import RunError


class MetricsLog:
    """Appends to a metrics.jsonl; one writer at a time."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a", encoding="utf-8")

    def log(self, step: int, metrics: Mapping[str, float | int | str | None]) -> None:
        """Write one line; a number that is not finite is written as null, since JSON has no other."""
        line = {"step": step, **{key: _finite(value) for key, value in metrics.items()}}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_metrics(path: str | Path) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl in order; a last line that a crash cut short is left out."""
    path = Path(path)
    lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else []
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            if number < len(lines):
                raise RunError(f"{path}:{number}: not JSON: {error.msg}") from error
    return rows


def drop_metrics_after(path: str | Path, step: int) -> None:
    """Forget the lines of later steps: what a resumed run will write again."""
    rows = [row for row in read_metrics(path) if row["step"] <= step]
    with write_file_aside(path) as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows).encode())


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
