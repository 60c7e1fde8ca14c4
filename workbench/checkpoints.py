"""Checkpoints: a Hugging Face folder plus accord.json, which says where it comes from and proves that it is whole."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from workbench.artifacts import hash_file, list_files, write_folder_aside
from workbench.errors import CheckpointError
from workbench.home import runs_folder
from workbench.identity import content_hash

LINEAGE_FILE = "accord.json"
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Parent:
    """A checkpoint that this one was made from."""

    role: str
    """What it served as: base, policy, reference, reward_model or critic."""
    hash: str
    """Its checkpoint hash."""
    path: str
    """Where it was, for people; the hash is what counts."""


@dataclass(frozen=True, kw_only=True)
class CheckpointInfo:
    """What accord.json says of a checkpoint."""

    stage: str
    """The stage that made it: pretrain, sft, reward, dpo or ppo."""
    run: str
    """The name of the run that made it."""
    parents: tuple[Parent, ...] = ()
    snapshot: str | None = None
    """Content hash of the snapshot it was trained on."""
    template_hash: str | None = None
    """Hash of the chat template and the special tokens it was trained with."""
    tags: Mapping[str, Any] = field(default_factory=dict)
    """Tags of the data it was trained on, and marks such as 'evaluation labels included'."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What the stage adds; for a reward model bias, tie_width, temperature, heads."""


def save_checkpoint(target: str | Path, info: CheckpointInfo, write: Callable[[Path], None]) -> str:
    """Have `write` fill a folder beside `target`, add accord.json, and rename it into place; returns its hash.

    The checkpoint is whole or absent, whatever happens in between.
    """
    with write_folder_aside(target) as folder:
        write(folder)
        files = {
            path.as_posix(): {"size": (folder / path).stat().st_size, "sha256": hash_file(folder / path)}
            for path in list_files(folder)
        }
        lineage = _info_to_dict(info) | {"format": FORMAT, "files": files}
        lineage["hash"] = _hash(lineage)
        (folder / LINEAGE_FILE).write_text(
            json.dumps(lineage, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    return str(lineage["hash"])


def read_checkpoint(path: str | Path, *, verify: bool = True) -> CheckpointInfo:
    """The lineage of a checkpoint folder.

    With `verify`, every file is checked against its size and SHA-256: a missing, truncated or edited file is a
    CheckpointError that names it. A folder without accord.json is one too.
    """
    lineage = _read_lineage(Path(path))
    if verify:
        _verify(Path(path), lineage)
    return CheckpointInfo(
        stage=lineage["stage"],
        run=lineage["run"],
        parents=tuple(Parent(**parent) for parent in lineage["parents"]),
        snapshot=lineage["snapshot"],
        template_hash=lineage["template_hash"],
        tags=lineage["tags"],
        extra=lineage["extra"],
    )


def is_checkpoint(path: str | Path) -> bool:
    """Whether the folder has an accord.json."""
    return (Path(path) / LINEAGE_FILE).is_file()


def checkpoint_hash(path: str | Path) -> str:
    """The hash that names the checkpoint: over its files' hashes and its lineage."""
    return str(_read_lineage(Path(path))["hash"])


def resolve_checkpoint(reference: str | Path) -> Path:
    """The folder that a path, a run name (its final checkpoint) or the start of a checkpoint hash means."""
    path = Path(reference)
    if is_checkpoint(path) or (path / "config.json").is_file():
        return path
    final = runs_folder() / str(reference) / "checkpoints" / "final"
    if is_checkpoint(final):
        return final
    if path.is_dir():
        raise CheckpointError(f"{path} is no checkpoint: it has neither {LINEAGE_FILE} nor config.json")
    start = str(reference).removeprefix("sha256:")
    if len(start) >= 6:
        for candidate in sorted(runs_folder().glob("*/checkpoints/*")):
            if is_checkpoint(candidate) and checkpoint_hash(candidate).startswith(start):
                return candidate
    finished = sorted(folder.parents[1].name for folder in runs_folder().glob("*/checkpoints/final"))
    near = get_close_matches(str(reference), finished, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else "'accord runs list' shows the runs"
    raise CheckpointError(
        f"no checkpoint '{reference}': it is neither a folder, nor a finished run in {runs_folder()}, nor the start "
        f"of a checkpoint's hash. {hint}"
    )


def parent_of(role: str, path: str | Path) -> Parent:
    """The parent entry of a checkpoint folder; a plain Hugging Face folder is named by the hash of its weights."""
    path = Path(path)
    if is_checkpoint(path):
        return Parent(role=role, hash=checkpoint_hash(path), path=str(path))
    weights = [name for name in list_files(path) if name.suffix in (".safetensors", ".bin")]
    if not weights:
        raise CheckpointError(f"{path} holds no weights (*.safetensors)")
    return Parent(
        role=role,
        hash=content_hash({name.as_posix(): hash_file(path / name) for name in weights}),
        path=str(path),
    )


def _info_to_dict(info: CheckpointInfo) -> dict[str, Any]:
    return {
        "stage": info.stage,
        "run": info.run,
        "parents": [
            {"role": parent.role, "hash": parent.hash, "path": parent.path} for parent in info.parents
        ],
        "snapshot": info.snapshot,
        "template_hash": info.template_hash,
        "tags": dict(info.tags),
        "extra": dict(info.extra),
    }


def _hash(lineage: Mapping[str, Any]) -> str:
    """The hash leaves out paths and the run's name: the same training elsewhere makes the same checkpoint."""
    parents = [[parent["role"], parent["hash"]] for parent in lineage["parents"]]
    rest = {key: value for key, value in lineage.items() if key not in ("run", "parents", "hash")}
    return content_hash({**rest, "parents": parents})


def _read_lineage(path: Path) -> dict[str, Any]:
    file = path / LINEAGE_FILE
    try:
        lineage: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(
            f"{path} is no whole checkpoint: {LINEAGE_FILE} cannot be read ({error.strerror}). "
            "Copy the folder again, or train it with the command in its run folder"
        ) from error
    except json.JSONDecodeError as error:
        raise CheckpointError(
            f"{file} is not JSON: {error.msg} at line {error.lineno}. Copy the folder again"
        ) from error
    if lineage.get("format") != FORMAT:
        raise CheckpointError(
            f"{file} has format {lineage.get('format')!r}; this version reads format {FORMAT}"
        )
    return lineage


def _verify(path: Path, lineage: Mapping[str, Any]) -> None:
    way_out = "Copy the whole folder again from where it was made"
    for name, facts in lineage["files"].items():
        file = path / name
        if not file.is_file():
            raise CheckpointError(f"{path} is half copied: {name} is missing. {way_out}")
        size = file.stat().st_size
        if size != facts["size"]:
            raise CheckpointError(f"{file} has {size} bytes instead of {facts['size']}. {way_out}")
        if hash_file(file) != facts["sha256"]:
            raise CheckpointError(
                f"{file} was changed after the checkpoint was made (SHA-256 differs). {way_out}"
            )
    if _hash(lineage) != lineage["hash"]:
        raise CheckpointError(f"{path / LINEAGE_FILE} was edited by hand: its hash differs. {way_out}")
