"""Train: a base model from packed rows, by tokens or by minutes, exact after every interruption."""

import time
from collections.abc import Callable

from pretrain.config import PretrainConfig
from pretrain.prepare import check_input, open_packed, prepare
from pretrain.trainer import Trainer
from workbench.modeling.processes import join_launch, open_shared_run
from workbench.runs import RunResult


def train(
    config: PretrainConfig,
    *,
    name: str | None = None,
    fresh: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> RunResult:
    """Train a base model; the result's checkpoint is a Hugging Face folder with tokenizer and chat template.

    The same call goes on where an interrupted one stopped: with a budget in tokens, on one CPU, to the same bits.
    """
    config.check_complete()
    processes = join_launch(config.device)
    _check_batch(config, processes.num_processes)
    check_input(config)
    with open_shared_run(processes, "pretrain", config, name=name, fresh=fresh) as run:
        if run.finished:
            return run.result()
        with processes.main_process_first():
            packed = open_packed(
                config, prepare(config, run.folder / "data", is_main=processes.is_main_process)
            )
        trainer = Trainer(config, run, packed, processes, clock)
        trainer.optimise()
        return trainer.finish()


def _check_batch(config: PretrainConfig, processes: int) -> None:
    if config.batch_size % processes:
        raise ValueError(f"batch_size {config.batch_size} must be a multiple of the {processes} processes")
    share = config.batch_size // processes
    if config.micro_batch_size and share % config.micro_batch_size:
        raise ValueError(
            f"micro_batch_size {config.micro_batch_size} must divide the {share} rows that a process has of a step"
        )
