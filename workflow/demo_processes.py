"""Stages as processes: `accord` commands side by side, or one command on several cores, watched until they end."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from rich.progress import TaskID

from workbench.config import dump_config
from workbench.console import progress_bar, say
from workbench.errors import RunError
from workbench.home import home, runs_folder
from workbench.metrics import read_metrics

POLL_SECONDS = 0.2
TELL_SECONDS = 2.0


@dataclass(frozen=True)
class Command:
    """An `accord` command that makes one run."""

    words: str
    """As after `accord`: "ppo train"."""
    config: Any
    processes: int = 1
    """Of one thread each; more than one share every batch."""
    progress: tuple[str, float] = ("step", 1.0)
    """The key of metrics.jsonl that grows with the run, and its value at the end."""


def run_commands(commands: Mapping[str, Command], folder: Path) -> None:
    """Run commands by their runs' names, side by side; all have ended when this returns or raises.

    A run that is finished is left out. Settings and logs lie in `folder`. One command that fails ends the others,
    which go on from their last checkpoint when they are run again; RunError says what failed.
    """
    left = {
        name: command
        for name, command in commands.items()
        if not (runs_folder() / name / "report.json").exists()
    }
    with _started(left, folder) as processes:
        failed = _watch(left, processes)
    if failed:
        log = folder / f"{failed}.log"
        last = log.read_text(errors="replace").strip().splitlines()[-3:]
        raise RunError(f"run '{failed}' failed; its messages are in {log}, the last: {' '.join(last)}")


@contextmanager
def _started(commands: Mapping[str, Command], folder: Path) -> Iterator[list[tuple[str, Any]]]:
    """The processes with their runs' names; those that still run at the end are ended."""
    processes: list[tuple[str, Any]] = []
    logs: list[IO[bytes]] = []
    try:
        for name, command in commands.items():
            settings = folder / "settings" / f"{name}.yaml"
            dump_config(command.config, settings)
            line = [*command.words.split(), "--config", str(settings), "--run", name]
            say(f"  accord {' '.join(line)}")
            logs.append((folder / f"{name}.log").open("ab"))
            for environment in _environments(command.processes):
                process = subprocess.Popen(
                    [sys.executable, "-m", "cli", *line], env=environment, stdout=logs[-1], stderr=logs[-1]
                )
                processes.append((name, process))
        yield processes
    finally:
        for _, process in processes:
            if process.poll() is None:
                process.terminate()
                process.wait()
        for log in logs:
            log.close()


def _environments(processes: int) -> Iterator[dict[str, str]]:
    """One environment a process, as torchrun would set it where there are several."""
    common = {**os.environ, "OMP_NUM_THREADS": "1", "ACCORD_HOME": str(home())}
    if processes == 1:
        yield common
        return
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": str(processes)}
    for rank in range(processes):
        yield {**common, **address, "RANK": str(rank), "LOCAL_RANK": str(rank)}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _watch(commands: Mapping[str, Command], processes: list[tuple[str, Any]]) -> str | None:
    """Show how far the runs are until all have ended well, or one has not: its name."""
    with progress_bar() as bar:
        tasks: dict[str, TaskID] = {name: bar.add_task(name, total=100, note="") for name in commands}
        told = 0.0
        while any(process.poll() is None for _, process in processes):
            if failed := [name for name, process in processes if process.poll() not in (None, 0)]:
                return failed[0]
            if time.monotonic() - told >= TELL_SECONDS:
                for name, command in commands.items():
                    bar.update(tasks[name], completed=int(100 * _progress(name, command)))
                told = time.monotonic()
            time.sleep(POLL_SECONDS)
        for task in tasks.values():
            bar.update(task, completed=100)
    return next((name for name, process in processes if process.returncode != 0), None)


def _progress(name: str, command: Command) -> float:
    """The share of the run that its metrics show as done."""
    path = runs_folder() / name / "metrics.jsonl"
    key, end = command.progress
    values = [line[key] for line in read_metrics(path) if key in line] if path.exists() else []
    return min(float(values[-1]) / end, 1.0) if values else 0.0
