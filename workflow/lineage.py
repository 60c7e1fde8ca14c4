"""Lineage: from a checkpoint back through its parents to the snapshots, annotators and guidelines behind it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.tree import Tree

from workbench.checkpoints import Parent, checkpoint_hash, is_checkpoint, read_checkpoint, resolve_checkpoint
from workbench.errors import CheckpointError, SnapshotError
from workbench.home import runs_folder
from workbench.snapshots import open_snapshot


@dataclass(frozen=True, kw_only=True)
class Node:
    """One checkpoint of the tree.

    `found` is False where only the hash is known: the folder is neither where it was made nor in this home's runs.
    """

    role: str
    hash: str
    path: str
    found: bool
    stage: str | None = None
    run: str | None = None
    snapshot: Mapping[str, Any] | None = None
    tags: Mapping[str, Any] | None = None
    parents: tuple["Node", ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The tree as plain values."""
        return {**vars(self), "parents": [parent.to_json() for parent in self.parents]}


def trace(reference: str | Path) -> Node:
    """The tree behind a checkpoint (a folder, a run name or the start of a hash), every folder verified on the way.

    Raises CheckpointError where the checkpoint itself is absent or changed; a parent that cannot be found is a node
    with `found` False, a parent that was changed since is an error too.
    """
    folder = resolve_checkpoint(reference)
    if not is_checkpoint(folder):
        raise CheckpointError(
            f"{folder} is a plain model folder without accord.json: nothing is known of its labels"
        )
    return _node("checkpoint", folder)


def draw(node: Node) -> Tree:
    """The tree for the terminal."""
    tree = Tree(_label(node))
    _grow(tree, node)
    return tree


def walk(node: Node) -> Iterator[Node]:
    """The node and everything behind it."""
    yield node
    for parent in node.parents:
        yield from walk(parent)


def _node(role: str, folder: Path) -> Node:
    info = read_checkpoint(folder)
    return Node(
        role=role,
        hash=checkpoint_hash(folder),
        path=str(folder),
        found=True,
        stage=info.stage,
        run=info.run,
        snapshot=_snapshot(info.snapshot) if info.snapshot else None,
        tags=info.tags,
        parents=tuple(_parent(parent) for parent in info.parents),
    )


def _parent(parent: Parent) -> Node:
    for folder in [Path(parent.path), *sorted(runs_folder().glob("*/checkpoints/*"))]:
        if is_checkpoint(folder) and checkpoint_hash(folder) == parent.hash:
            return _node(parent.role, folder)
    return Node(role=parent.role, hash=parent.hash, path=parent.path, found=False)


def _snapshot(content_hash: str) -> dict[str, Any]:
    """What the snapshot's manifest says; only the hash where the snapshot is not in this home."""
    try:
        manifest = open_snapshot(content_hash).manifest
    except SnapshotError as error:
        return {"content_hash": content_hash, "found": False, "problem": str(error)}
    return {
        "content_hash": content_hash,
        "found": True,
        "project": manifest["project"],
        "counts": manifest["counts"],
        "annotators": manifest["annotators"],
        "guidelines": manifest["guidelines"],
        "includes_evaluation": manifest["includes_evaluation"],
    }


def _label(node: Node) -> str:
    if not node.found:
        return f"{node.role} [dim]{node.hash[:12]} (not found; it was at {node.path})[/dim]"
    return f"[bold]{node.role}[/bold] {node.stage} run '{node.run}' [dim]{node.hash[:12]}[/dim]"


def _grow(tree: Tree, node: Node) -> None:
    if node.snapshot is not None:
        branch = tree.add(
            f"snapshot [dim]{node.snapshot['content_hash'][:12]}[/dim]{_snapshot_words(node.snapshot)}"
        )
        for annotator in node.snapshot.get("annotators", ()):
            branch.add(f"{annotator['annotator']} ({annotator['kind']}): {annotator['rankings']} rankings")
    for parent in node.parents:
        _grow(tree.add(_label(parent)), parent)


def _snapshot_words(snapshot: Mapping[str, Any]) -> str:
    if not snapshot["found"]:
        return " (not found in this home)"
    counts, guidelines = snapshot["counts"], ", ".join(snapshot["guidelines"]) or "none recorded"
    marked = "; EVALUATION LABELS INCLUDED" if snapshot["includes_evaluation"] else ""
    return f" {counts['comparisons']} comparisons, {counts['rankings']} rankings; guidelines: {guidelines}{marked}"
