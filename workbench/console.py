"""What a command says: plain lines and progress on stderr, results on stdout."""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")


def say(text: str) -> None:
    """One line for the person who waits; stderr, so that stdout holds results alone.

    Of the processes of a distributed launch the first one speaks for all.
    """
    if is_first_process():
        print(text, file=sys.stderr, flush=True)


def is_first_process() -> bool:
    """Whether this is the only process, or the first of those that torchrun or accelerate started."""
    return os.environ.get("RANK", "0") == "0"


def print_json(value: Any) -> None:
    """The one JSON object of a command run with --json."""
    print(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))


def progress_bar() -> Progress:
    """A progress display on stderr; shows nothing when stderr is no terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        disable=not console.is_terminal,
    )


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """The items, with a progress bar while they last."""
    with progress_bar() as bar:
        task = bar.add_task(description, total=total, note="")
        for item in items:
            yield item
            bar.advance(task)
