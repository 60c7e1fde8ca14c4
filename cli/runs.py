"""accord runs ...: the index of run folders."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from cli.arguments import parse_plain
from workbench.console import print_json
from workbench.tables import Column, Table


@dataclass(frozen=True, kw_only=True)
class RunsListArguments:
    """List registered runs, oldest first."""

    stage: str | None = None
    """Only runs of this stage: pretrain, sft, reward, dpo, ppo, ..."""
    json: bool = False
    """Print one JSON object."""


def runs_list(arguments: list[str]) -> None:
    """List runs."""
    config = parse_plain(
        RunsListArguments, arguments, command="runs list", example="accord runs list --stage reward"
    )
    from storage.database import open_database
    from storage.runs import list_runs

    with open_database().reading() as session:
        runs = list_runs(session, stage=config.stage)
    if config.json:
        print_json({"runs": [run.to_json() for run in runs]})
        return
    if not runs:
        print("no runs in the database; 'accord runs index' finds run folders that it misses")
        return
    rows = [
        (
            run.name,
            run.stage,
            run.status,
            run.started_at.strftime("%Y-%m-%d %H:%M") if run.started_at else "",
            (run.snapshot_hash or "")[:16],
        )
        for run in runs
    ]
    titles = ("run", "stage", "status", "started (UTC)", "snapshot")
    print(Table(columns=[Column(title=title) for title in titles], rows=rows).to_text())


@dataclass(frozen=True, kw_only=True)
class RunsShowArguments:
    """Show one run: where it is, what it learned from, its figures and its checkpoints."""

    name: Annotated[str, tyro.conf.Positional]
    """The run's name."""
    json: bool = False
    """Print one JSON object."""


def runs_show(arguments: list[str]) -> None:
    """Show one run."""
    config = parse_plain(
        RunsShowArguments, arguments, command="runs show", example="accord runs show demo-reward"
    )
    from storage.checkpoints import list_checkpoints
    from storage.database import open_database
    from storage.runs import get_run

    with open_database().reading() as session:
        run = get_run(session, config.name)
        checkpoints = list_checkpoints(session, run_id=run.id)
    shown = run.to_json()
    shown["checkpoints"] = [
        {"hash": c.hash, "path": c.path, "parents": [{"role": role, "hash": key} for role, key in c.parents]}
        for c in checkpoints
    ]
    if config.json:
        print_json(shown)
        return
    for key in ("name", "stage", "status", "folder", "started_at", "finished_at", "config_hash", "snapshot"):
        print(f"{key:<14}{shown[key] if shown[key] is not None else ''}")
    for key, value in (run.summary or {}).items():
        if not isinstance(value, dict | list):
            print(f"  {key:<30}{value}")
    for checkpoint in checkpoints:
        parents = ", ".join(f"{role} {key[:16]}" for role, key in checkpoint.parents)
        print(
            f"checkpoint    {checkpoint.hash[:16]}  {checkpoint.path}"
            + (f"  from {parents}" if parents else "")
        )


@dataclass(frozen=True, kw_only=True)
class RunsIndexArguments:
    """Find run folders that the database misses, and bring the entries of the others up to date."""

    folder: Path | None = None
    """Where run folders are; by default in ACCORD_HOME."""
    json: bool = False
    """Print one JSON object."""


def runs_index(arguments: list[str]) -> None:
    """Index run folders."""
    config = parse_plain(RunsIndexArguments, arguments, command="runs index", example="accord runs index")
    from storage.database import open_database
    from storage.runs import index_runs

    with open_database().writing() as session:
        new, known = index_runs(session, config.folder)
    if config.json:
        print_json({"new": new, "known": known})
    else:
        print(f"{len(new)} new, {len(known)} known")
        for name in new:
            print(f"  {name}")
