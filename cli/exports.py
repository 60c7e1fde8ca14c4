"""accord export ...: labels in the forms that other tools read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from cli.arguments import parse_plain
from workbench.console import print_json
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.snapshots import Snapshot
    from workbench.statistics.preferences.label_model import LabelModel


@dataclass(frozen=True, kw_only=True)
class ExportComparisonsArguments:
    """Write a project's comparisons and rankings as comparisons.jsonl: all kinds, notes included, nothing withdrawn."""

    file: Annotated[Path, tyro.conf.Positional]
    """The file to write; .gz compresses it."""
    project: str
    """The project to export."""
    json: bool = False
    """Print one JSON object."""


def export_comparisons(arguments: list[str]) -> None:
    """Write comparisons.jsonl."""
    config = parse_plain(
        ExportComparisonsArguments,
        arguments,
        command="export comparisons",
        example="accord export comparisons out.jsonl.gz --project helpful",
    )
    from storage.comparisons import read_comparisons
    from storage.database import open_database
    from storage.projects import get_project
    from workbench.jsonl import write_comparisons

    with open_database().reading() as session:
        project = get_project(session, config.project)
        count = write_comparisons(config.file, read_comparisons(session, project.id))
    if config.json:
        print_json({"path": str(config.file), "comparisons": count})
    else:
        print(f"{count} comparisons written to {config.file}")


@dataclass(frozen=True, kw_only=True)
class LabelsArguments:
    """Which labels: those of a snapshot, or those that a snapshot of the project would hold."""

    target: Annotated[Path, tyro.conf.Positional]
    """What to write."""
    snapshot: str | None = None
    """A snapshot's folder, or the start of its content hash."""
    project: str | None = None
    """Or a project."""
    criterion: str | None = None
    """Of a project: the criterion to take; needed where the labels have more than one."""
    label_model: Literal["none", "davidson", "crowdbt"] = "none"
    """Give P(better) by a model of all rankings, fitted on the train split: annotators equal, or each of a reliability
    and a position bias; none: shares of votes."""
    json: bool = False
    """Print one JSON object."""


@dataclass(frozen=True, kw_only=True)
class ExportTRLArguments(LabelsArguments):
    """Write preference pairs for TRL: prompt, chosen, rejected, margin, p_better, votes, as JSON lines."""

    ties: Literal["drop", "both"] = "drop"
    """Pairs with even votes: left out, or written in both directions with p_better 0.5."""
    split: Literal["train", "validation", "test"] | None = None
    """This split alone; by default all."""


def export_trl(arguments: list[str]) -> None:
    """Write preference pairs for TRL."""
    config = parse_plain(
        ExportTRLArguments,
        arguments,
        command="export trl",
        example="accord export trl pairs.jsonl --snapshot 3f9a2c81 --split train",
    )
    from storage.exporting import export_trl as write

    with _snapshot(config) as snapshot:
        model = _label_model(config, snapshot)
        count = write(snapshot.comparisons(config.split), config.target, ties=config.ties, model=model)
        content = snapshot.content_hash
    if config.json:
        print_json(
            {
                "path": str(config.target),
                "pairs": count,
                "ties": config.ties,
                "label_model": config.label_model,
                "content_hash": content,
            }
        )
    else:
        policy = "even votes left out" if config.ties == "drop" else "even votes in both directions"
        print(f"{count} pairs written to {config.target} ({policy}; labels {content[:16]})")


@dataclass(frozen=True, kw_only=True)
class ExportHFArguments(LabelsArguments):
    """Write whole rankings as a folder for datasets.load_from_disk, one row a comparison, one dataset a split."""


def export_hf(arguments: list[str]) -> None:
    """Write a datasets folder."""
    config = parse_plain(
        ExportHFArguments,
        arguments,
        command="export hf",
        example="accord export hf folder --snapshot 3f9a2c81",
    )
    from storage.exporting import export_hf as write

    with _snapshot(config) as snapshot:
        counts = write(snapshot, config.target, model=_label_model(config, snapshot))
        content = snapshot.content_hash
    if config.json:
        print_json({"path": str(config.target), "rows": counts, "content_hash": content})
    else:
        rows = ", ".join(f"{name}: {n}" for name, n in counts.items())
        print(
            f"{config.target} written ({rows}; labels {content[:16]}); read it with datasets.load_from_disk"
        )


def _label_model(config: LabelsArguments, snapshot: "Snapshot") -> "LabelModel | None":
    """The model that was asked for, fitted on the train split, or on all where there is none."""
    if config.label_model == "none":
        return None
    from workbench.statistics.preferences.label_model import fit_label_model

    return fit_label_model(list(snapshot.comparisons("train")) or snapshot.comparisons(), config.label_model)


@contextmanager
def _snapshot(config: LabelsArguments) -> "Iterator[Snapshot]":
    """The snapshot that was named, or one of the project's labels that lasts as long as the export."""
    if (config.project is None) == (config.snapshot is None):
        raise UsageError("give either --snapshot or --project NAME")
    from workbench.snapshots import open_snapshot, write_snapshot

    if config.snapshot is not None:
        yield open_snapshot(config.snapshot)
        return
    from storage.database import open_database
    from storage.projects import get_project
    from storage.snapshots import select_labels
    from workbench.selection import LabelFilter

    with TemporaryDirectory() as folder:
        with open_database().reading() as session:
            project = get_project(session, str(config.project))
            selection = select_labels(session, project, LabelFilter(criterion=config.criterion))
            snapshot = write_snapshot(selection, folder=Path(folder), project=project.name)
        yield snapshot
