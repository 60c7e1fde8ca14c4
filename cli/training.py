"""Run a trainer and register its run: the one step that all training commands share."""

from collections.abc import Callable
from typing import Any

from cli.arguments import RunOptions
from workbench.console import is_first_process
from workbench.runs import RunResult


def run_training(train: Callable[..., RunResult], config: Any, options: RunOptions) -> RunResult:
    """Train, resume or find finished; then index the run in the home's database, where there is one."""
    from workflow.registration import register

    result = train(config, name=options.run, fresh=options.fresh)
    if is_first_process():
        register(result.folder)
    return result
