"""Processes: the launch that this process is one of, and the run folder that they share while the first one writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from accelerate import PartialState

from workbench.modeling.devices import resolve_device
from workbench.runs import Run, open_run


def join_launch(device: str | None) -> PartialState:
    """The place of this process among those that torchrun or accelerate started; alone, the first of one."""
    return PartialState(cpu=resolve_device(device).type == "cpu")


@contextmanager
def open_shared_run(
    processes: PartialState, stage: str, config: Any, *, name: str | None, fresh: bool
) -> Iterator[Run]:
    """`open_run` for all processes of a launch: the first one locks and writes, the others see what it left."""
    # The first one may move an old run aside; whoever looked before that would take it for finished.
    with processes.main_process_first():
        run = open_run(stage, config, name=name, fresh=fresh, is_main=processes.is_main_process)
    with run:
        yield run
