"""Snapshots: an immutable set of comparisons on disk, named by the hash of its content; reading, verifying, writing.

A snapshot is a folder of two files. comparisons.parquet has one row a comparison, sorted by id, with its split.
manifest.json says what they are: hashes, counts, filter, guideline versions, annotators, splits.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.artifacts import hash_file, write_folder_aside
from workbench.errors import DataError, SnapshotError
from workbench.home import snapshots_folder
from workbench.identity import SPLITS, canonical_json, content_hash
from workbench.jsonl import read_comparisons
from workbench.parquet import SCHEMA, from_row, read_ranking_ids, read_rows, to_row
from workbench.record_json import comparison_to_json
from workbench.records import Comparison
from workbench.selection import LabelFilter, Selected, Selection, SplitRule, later_repeats, merge_comparisons

FORMAT = 1
MANIFEST = "manifest.json"
TABLE = "comparisons.parquet"
_ROWS_A_GROUP = 1000


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """An open snapshot."""

    path: Path
    manifest: Mapping[str, Any]

    @property
    def content_hash(self) -> str:
        """SHA-256 over the canonical JSON line of each comparison with its split, sorted by id, without notes."""
        return str(self.manifest["content_hash"])

    @property
    def counts(self) -> Mapping[str, Any]:
        """Numbers of comparisons, completions and rankings, whole and by split."""
        counts: Mapping[str, Any] = self.manifest["counts"]
        return counts

    def comparisons(self, split: str | None = None) -> Iterator[Comparison]:
        """The comparisons of train, validation or test, or all of them, sorted by id."""
        if split is not None and split not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}, got '{split}'")
        return (from_row(row) for row in read_rows(self.path / TABLE, split=split))

    def ranking_ids(self) -> Iterator[tuple[str, list[str]]]:
        """Each comparison's id with those of its rankings; SnapshotError where the table cannot be read."""
        try:
            yield from read_ranking_ids(self.path / TABLE)
        except (OSError, pa.ArrowInvalid) as error:
            raise SnapshotError(
                f"{self.path / TABLE} cannot be read: {error}. Copy the folder again"
            ) from error


def open_snapshot(reference: str | Path, *, verify: bool = True) -> Snapshot:
    """The snapshot that a folder, or the start (6 digits or more) of a content hash, means.

    With `verify` both files are checked against their hashes; one that was changed is a SnapshotError that names it.
    """
    path = _resolve(reference)
    manifest = _read_manifest(path)
    if verify:
        _verify(path, manifest)
    return Snapshot(path=path, manifest=manifest)


def recompute_content_hash(snapshot: Snapshot) -> str:
    """The content hash of the rows as they are on disk; slow, for a full check."""
    digest = hashlib.sha256()
    for row in read_rows(snapshot.path / TABLE):
        digest.update(_line(from_row(row), row["split"]))
    return digest.hexdigest()


def write_snapshot(
    selected: Selection, *, folder: Path | None = None, target: Path | None = None, project: str | None = None
) -> Snapshot:
    """Freeze a selection into `target`, or under the start of its hash in `folder` (default: the home's snapshots).

    The selection must come sorted by comparison id. The folder is whole or absent. A snapshot of the same content
    that is already there is left as it is and returned. DataError if nothing was selected.
    """
    parent = target.parent if target else (folder or snapshots_folder())
    parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=parent, prefix=".snapshot.", suffix=".part", delete=False) as file:
        table = Path(file.name)
    try:
        census = _write_table(table, selected)
        if not census.counts["comparisons"]:
            reasons = ", ".join(f"{reason}: {n}" for reason, n in sorted(selected.left_out.items()))
            raise DataError(
                f"no label to freeze; left out: {reasons or 'nothing, there are no rankings that count'}"
            )
        place = target or parent / census.content_hash[:16]
        if place.exists():
            return _existing(place, census.content_hash)
        with write_folder_aside(place) as aside:
            os.chmod(table, 0o644)
            os.replace(table, aside / TABLE)
            manifest = _manifest(census, selected, aside / TABLE, project)
            text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
            (aside / MANIFEST).write_text(text + "\n", encoding="utf-8")
    finally:
        table.unlink(missing_ok=True)
    return Snapshot(path=place, manifest=manifest)


def snapshot_from_file(
    path: str | Path,
    *,
    folder: Path | None = None,
    target: Path | None = None,
    labels: LabelFilter | None = None,
    splits: SplitRule | None = None,
    salt: str = "",
) -> Snapshot:
    """Freeze a comparisons.jsonl without a database; the file is read into memory."""
    comparisons = merge_comparisons(read_comparisons(path))
    selection = Selection(
        comparisons=comparisons,
        labels=labels or LabelFilter(),
        splits=splits or SplitRule(),
        salt=salt,
        later_repeats=later_repeats(comparisons),
    )
    return write_snapshot(selection, folder=folder, target=target)


class _Census:
    """What is counted while comparisons pass into the table."""

    def __init__(self) -> None:
        self.counts = _no_counts()
        self.splits = {split: _no_counts() for split in SPLITS}
        self.annotators = Counter[tuple[str, str]]()
        self.guidelines = Counter[str]()
        self.criteria = Counter[str]()
        self.content_hash = ""

    def add(self, split: str, comparison: Comparison) -> None:
        for counts in (self.counts, self.splits[split]):
            counts["comparisons"] += 1
            counts["completions"] += len(comparison.completions)
            counts["rankings"] += len(comparison.rankings)
        for ranking in comparison.rankings:
            self.annotators[ranking.annotator, ranking.annotator_kind] += 1
            self.guidelines[ranking.guideline or ""] += 1
            self.criteria[ranking.criterion] += 1


def _no_counts() -> Counter[str]:
    return Counter({"comparisons": 0, "completions": 0, "rankings": 0})


def _write_table(path: Path, selected: Iterable[Selected]) -> _Census:
    census, digest = _Census(), hashlib.sha256()
    rows: list[dict[str, Any]] = []
    last = ""
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for item in selected:
            comparison = item.comparison
            assert last < comparison.id, (
                f"{comparison.id} came after {last}: the selection must be sorted by id"
            )
            last = comparison.id
            census.add(item.split, comparison)
            digest.update(_line(comparison, item.split))
            rows.append(to_row(comparison, item.split))
            if len(rows) == _ROWS_A_GROUP:
                writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
                rows.clear()
        writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
    census.content_hash = digest.hexdigest()
    return census


def _line(comparison: Comparison, split: str) -> bytes:
    return (canonical_json({**comparison_to_json(comparison), "split": split}) + "\n").encode()


def _manifest(census: _Census, selected: Selection, table: Path, project: str | None) -> dict[str, Any]:
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "content_hash": census.content_hash,
        "created_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "project": project,
        "file": {"name": TABLE, "sha256": hash_file(table), "bytes": table.stat().st_size},
        "counts": {**census.counts, "left_out": dict(sorted(selected.left_out.items()))},
        "criteria": dict(sorted(census.criteria.items())),
        "filter": {**asdict(selected.labels), "latest_revision": True, "withdrawn": False},
        "includes_evaluation": selected.labels.include_evaluation,
        "guidelines": {version: n for version, n in sorted(census.guidelines.items()) if version},
        "annotators": [
            {"annotator": name, "kind": kind, "rankings": n}
            for (name, kind), n in sorted(census.annotators.items())
        ],
        "splits": {
            "salt": selected.salt,
            **asdict(selected.splits),
            "counts": {split: dict(counts) for split, counts in census.splits.items()},
        },
    }
    return {**manifest, "manifest_hash": content_hash(manifest)}


def _existing(place: Path, wanted: str) -> Snapshot:
    snapshot = open_snapshot(place)
    if snapshot.content_hash != wanted:
        raise SnapshotError(
            f"{place} holds another snapshot ({snapshot.content_hash[:16]}); a snapshot is never changed. "
            "Choose another folder"
        )
    return snapshot


def _resolve(reference: str | Path) -> Path:
    path = Path(reference)
    if (path / MANIFEST).is_file() or path.is_dir():
        return path
    start = str(reference).removeprefix("sha256:")
    if len(start) >= 6:
        found = [
            place for place in sorted(snapshots_folder().glob("[!.]*")) if place.name.startswith(start[:16])
        ]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(place.name for place in found)
            raise SnapshotError(f"'{reference}' is the start of several snapshots: {names}. Give more digits")
    raise SnapshotError(
        f"no snapshot '{reference}': it is neither a folder nor the start (6 digits or more) of a content hash in "
        f"{snapshots_folder()}. Make one with 'accord snapshot create --project NAME'"
    )


def _read_manifest(path: Path) -> dict[str, Any]:
    file = path / MANIFEST
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SnapshotError(
            f"{path} is no whole snapshot: {MANIFEST} cannot be read ({error.strerror}). "
            "Copy the folder again, or make it anew with 'accord snapshot create'"
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SnapshotError(f"{file} is not JSON: {error}. Copy the folder again") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise SnapshotError(f"{file} is not a manifest of format {FORMAT}, the one this version reads")
    return manifest


def _verify(path: Path, manifest: Mapping[str, Any]) -> None:
    way_out = (
        "A snapshot is never changed: mend the labels in the project (or the file) and make a new one with "
        "'accord snapshot create', or copy the folder again from where it was made"
    )
    rest = {key: value for key, value in manifest.items() if key != "manifest_hash"}
    if content_hash(rest) != manifest.get("manifest_hash"):
        raise SnapshotError(
            f"{path / MANIFEST} was changed after the snapshot was made (its hash differs). {way_out}"
        )
    table = path / TABLE
    if not table.is_file():
        raise SnapshotError(f"{path} is half copied: {TABLE} is missing. {way_out}")
    if table.stat().st_size != manifest["file"]["bytes"] or hash_file(table) != manifest["file"]["sha256"]:
        raise SnapshotError(f"{table} was changed after the snapshot was made (SHA-256 differs). {way_out}")
