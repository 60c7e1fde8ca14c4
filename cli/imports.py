"""accord import ...: files of the field into a project."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import tyro

from cli.arguments import parse_plain
from cli.data import actor
from workbench.console import print_json, say, track
from workbench.jsonl import OnBad, read_numbered
from workbench.record_json import comparison_from_json
from workbench.records import Comparison

if TYPE_CHECKING:
    from storage.importing import ImportReport, Numbered

_MAX_SHOWN = 20

A = TypeVar("A", bound="ImportArguments")


@dataclass(frozen=True, kw_only=True)
class ImportArguments:
    """Read a file into a project, all of it or, at the first bad line, nothing; the same file twice adds nothing."""

    file: Annotated[Path, tyro.conf.Positional]
    """The file, plain or .gz."""
    project: str
    """The project to read it into."""
    skip_bad: bool = False
    """Keep the good lines and list the bad ones, instead of taking nothing at the first bad one."""
    json: bool = False
    """Print the report as one JSON object."""


def import_comparisons(arguments: list[str]) -> None:
    """Read comparisons.jsonl."""
    config = _parse(ImportArguments, arguments, "comparisons", "comparisons.jsonl")
    _import(config, lambda on_bad: read_numbered(config.file, comparison_from_json, on_bad))


def import_prompts(arguments: list[str]) -> None:
    """Read prompts.jsonl."""
    config = _parse(ImportArguments, arguments, "prompts", "prompts.jsonl")
    from storage.database import open_database
    from storage.importing import import_prompts_file
    from storage.projects import get_project

    with open_database().writing() as session:
        project = get_project(session, config.project)
        report = import_prompts_file(
            session, project.id, config.file, skip_bad=config.skip_bad, actor=actor()
        )
    _show(report, config)


def import_demonstrations(arguments: list[str]) -> None:
    """Read demonstrations.jsonl."""
    config = _parse(ImportArguments, arguments, "demonstrations", "demonstrations.jsonl")
    from storage.database import open_database
    from storage.importing import import_demonstrations_file
    from storage.projects import get_project

    with open_database().writing() as session:
        project = get_project(session, config.project)
        report = import_demonstrations_file(
            session, project.id, config.file, skip_bad=config.skip_bad, actor=actor()
        )
    _show(report, config)


@dataclass(frozen=True, kw_only=True)
class PairsArguments(ImportArguments):
    """Read preference pairs: a prompt, a chosen and a rejected completion a line."""

    prompt_fields: tuple[str, ...] = ("prompt",)
    """Fields that make up the prompt, joined by an empty line; for instance instruction input."""
    annotator: str = "pairs"
    """The pseudonym that the preferences are stored under."""


def import_pairs(arguments: list[str]) -> None:
    """Read preference pairs."""
    config = _parse(PairsArguments, arguments, "pairs", "pairs.jsonl")
    from storage.importers.pairs import read_pairs

    def read(on_bad: OnBad | None) -> Iterable["Numbered"]:
        pairs = read_pairs(
            config.file, prompt_fields=config.prompt_fields, annotator=config.annotator, on_bad=on_bad
        )
        return _without_lines(pairs)

    _import(config, read)


@dataclass(frozen=True, kw_only=True)
class HHArguments(ImportArguments):
    """Read HH transcripts: chosen and rejected, each a whole conversation as one text."""

    annotator: str = "hh"
    """The pseudonym that the preferences are stored under."""


def import_hh(arguments: list[str]) -> None:
    """Read HH transcripts."""
    config = _parse(HHArguments, arguments, "hh", "harmless-base.jsonl.gz")
    from storage.importers.hh import read_hh

    _import(
        config, lambda on_bad: _without_lines(read_hh(config.file, annotator=config.annotator, on_bad=on_bad))
    )


@dataclass(frozen=True, kw_only=True)
class RatedArguments(ImportArguments):
    """Read rated completions; scores become ranks, and equal scores tie."""

    layout: Literal["ultrafeedback", "helpsteer", "mqm"]
    """Whose fields the file has."""


def import_rated(arguments: list[str]) -> None:
    """Read rated completions."""
    config = _parse(RatedArguments, arguments, "rated", "ultrafeedback.jsonl --layout ultrafeedback")
    from storage.importers.rated import read_rated

    _import(config, lambda on_bad: _without_lines(read_rated(config.file, config.layout, on_bad=on_bad)))


def import_trees(arguments: list[str]) -> None:
    """Read conversation trees."""
    config = _parse(ImportArguments, arguments, "trees", "oasst_trees.jsonl.gz")
    from storage.importers.trees import read_trees

    _import(config, lambda on_bad: _without_lines(read_trees(config.file, on_bad=on_bad)))


def import_pandalm(arguments: list[str]) -> None:
    """Read PandaLM's comparisons."""
    config = _parse(ImportArguments, arguments, "pandalm", "testset-v1.json")
    from storage.importers.pandalm import read_pandalm

    _import(config, lambda on_bad: _without_lines(read_pandalm(config.file, on_bad=on_bad)))


def import_wmt(arguments: list[str]) -> None:
    """Read WMT's rankings."""
    config = _parse(ImportArguments, arguments, "wmt", "rankings.jsonl.gz")
    from storage.importers.wmt import read_wmt

    _import(config, lambda on_bad: _without_lines(read_wmt(config.file, on_bad=on_bad)))


def _parse(cls: type[A], arguments: list[str], name: str, file: str) -> A:
    return parse_plain(
        cls, arguments, command=f"import {name}", example=f"accord import {name} {file} --project helpful"
    )


def _without_lines(comparisons: Iterable[Comparison]) -> Iterable["Numbered"]:
    """For formats in which a comparison has no line of its own."""
    return ((None, comparison) for comparison in comparisons)


def _import(config: ImportArguments, read: Callable[[OnBad | None], Iterable["Numbered"]]) -> None:
    from storage.database import open_database
    from storage.importing import import_comparisons as import_all
    from storage.projects import get_project

    with open_database().writing() as session:
        project = get_project(session, config.project)
        report = import_all(
            session,
            project.id,
            lambda on_bad: track(read(on_bad), "comparisons"),
            source=config.file,
            skip_bad=config.skip_bad,
            actor=actor(),
        )
    _show(report, config)


def _show(report: "ImportReport", config: ImportArguments) -> None:
    for line in report.bad[:_MAX_SHOWN]:
        say(f"left out: {line}")
    if len(report.bad) > _MAX_SHOWN:
        say(f"left out: {len(report.bad) - _MAX_SHOWN} more; --json lists all")
    if config.json:
        print_json(report.to_json())
        return
    added = ", ".join(f"{n} {name}" for name, n in report.added.items())
    known = ", ".join(f"{n} {name}" for name, n in report.known.items())
    print(f"{config.file} -> project '{config.project}': added {added}; already there {known}")
    unusual = ", ".join(f"{name.replace('_', ' ')}: {n}" for name, n in report.unusual.items() if n)
    if unusual:
        print(f"worth knowing: {unusual}")
    if report.bad:
        print(f"{len(report.bad)} lines left out")
