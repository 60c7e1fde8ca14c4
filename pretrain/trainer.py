"""Trainer: the loop of a pretraining run; its steps, measurements, saves and what it does about bad steps.

Long because a step is read from the rows to the weights in one place.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import reduce
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pretrain.config import PretrainConfig
from pretrain.guard import StepGuard
from pretrain.model import LanguageModelLoss, build_model, count_parameters, inputs_and_labels
from pretrain.state import TrainState, drop_progress, restore_latest, save_model, save_progress
from pretrain.tokenizer import load_tokenizer
from workbench.console import progress_bar, say
from workbench.errors import RunError
from workbench.modeling.attention import use_causal_attention
from workbench.modeling.devices import (
    autocast,
    compile_blocks,
    compiling_pays,
    resolve_device,
    resolve_dtype,
    set_threads,
)
from workbench.modeling.losses import IGNORED
from workbench.modeling.optimizers import build_optimizers
from workbench.modeling.schedules import SCHEDULES
from workbench.runs import Run, RunResult
from workbench.seeds import derive_seed
from workbench.shards import Int64, PackedText, row_numbers


@dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """What one optimiser step did."""

    loss: float
    """Nats a target token."""
    gradient_norm: float
    skipped: str | None
    """Why the weights were left alone, if they were."""
    learning_rate: float


class Trainer:
    """One run's objects and its loop: a step takes the next rows, judges the gradient, and moves the weights."""

    def __init__(
        self,
        config: PretrainConfig,
        run: Run,
        packed: PackedText,
        processes: PartialState,
        clock: Callable[[], float],
    ) -> None:
        set_threads(config.threads)
        self.config, self.run, self.packed, self.processes, self.clock = config, run, packed, processes, clock
        self.device = processes.device if config.device in (None, "cuda") else resolve_device(config.device)
        self.dtype = resolve_dtype(config.dtype, self.device)
        self.order_seed = derive_seed(config.seed, "pretrain", "order")
        tokenizer = load_tokenizer(packed.tokenizer)
        torch.manual_seed(derive_seed(config.seed, "pretrain", "weights"))
        model = build_model(config, tokenizer).to(self.device)
        self.state = TrainState(
            model=model,
            tokenizer=tokenizer,
            optimizers=build_optimizers(
                model,
                optimizer=config.optimizer,
                learning_rate=config.learning_rate,
                embedding_learning_rate=config.embedding_learning_rate,
                weight_decay=config.weight_decay,
                betas=config.betas,
                momentum=config.momentum,
            ),
            guard=StepGuard(limit=config.spike_limit, max_skipped=config.max_skipped),
            text_hash=packed.hash,
        )
        resumed = restore_latest(self.state, run.checkpoints)
        use_causal_attention(model)
        self.loss: nn.Module = LanguageModelLoss(model, z_loss=config.z_loss)
        if not resumed:
            self.state.compiled = self._worth_compiling()
        if self.state.compiled:
            compile_blocks(model.model.layers)
        if processes.num_processes > 1:
            self.loss = DistributedDataParallel(self.loss)
        if processes.is_main_process:
            run.rewind_metrics(self.state.step)
            begun = f"resuming at step {self.state.step}" if resumed else "training"
            say(f"{begun}: {count_parameters(model):,} parameters, {self.device}, {self.dtype}")

    def optimise(self) -> None:
        """Steps until the budget is spent."""
        config, state = self.config, self.state
        began, saved = self.clock() - state.seconds, self.clock()
        next_evaluation = math.floor(self.progress() * (config.evaluations + 1)) + 1
        logged, logged_tokens = self.clock(), self.tokens
        with progress_bar() as bar:
            task = bar.add_task("pretraining", total=100, completed=int(100 * self.progress()), note="")
            while self.progress() < 1:
                outcome = self.step()
                state.seconds = self._agreed(self.clock() - began)
                if outcome.skipped:
                    self._report_skipped(outcome)
                if state.step % config.log_every == 0:
                    speed = (self.tokens - logged_tokens) / max(self.clock() - logged, 1e-9)
                    logged, logged_tokens = self.clock(), self.tokens
                    self._log_step(outcome, speed)
                    bar.update(task, completed=int(100 * self.progress()), note=f"loss {outcome.loss:.3f}")
                if self.progress() * (config.evaluations + 1) >= next_evaluation and self.progress() < 1:
                    next_evaluation += 1
                    self._log(self.evaluate(config.evaluation_rows))
                if self._agreed(self.clock() - saved) >= 60 * config.save_minutes and self.progress() < 1:
                    self._save_progress()
                    saved = self.clock()

    def step(self) -> StepOutcome:
        """One optimiser step on the next rows of the order."""
        config, state = self.config, self.state
        numbers = row_numbers(
            self.order_seed, state.rows_seen, config.batch_size, self.packed.num_rows("train")
        )
        inputs, labels = self._batch("train", numbers[self._rank :: self._world])
        # All micro-batches and ranks count: a loss averaged piece by piece would weight short pieces more.
        targets = self._sum((labels != IGNORED).sum())
        nats = torch.zeros((), device=self.device)
        micro = config.micro_batch_size or len(inputs)
        for first in range(0, len(inputs), micro):
            with self._last_syncs(first + micro >= len(inputs)), autocast(self.device, self.dtype):
                loss, nll = self.loss(inputs[first : first + micro], labels[first : first + micro])
            # The distributed wrapper averages gradients over ranks; the sum is wanted.
            (loss * (self._world / targets)).backward()
            nats += nll
        mean = float(self._sum(nats) / targets)
        norm = float(nn.utils.clip_grad_norm_(state.model.parameters(), config.max_grad_norm or math.inf))
        state.step, state.rows_seen = state.step + 1, state.rows_seen + config.batch_size
        skipped = state.guard.judge(mean, norm)
        multiplier = self.multiplier()
        for optimizer in state.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * multiplier
            if not skipped:
                optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return StepOutcome(
            loss=mean, gradient_norm=norm, skipped=skipped, learning_rate=config.learning_rate * multiplier
        )

    @torch.no_grad()
    def evaluate(self, rows: int | None = None) -> dict[str, float]:
        """Loss (nats a target) and bits per byte on held-out rows: all of them, or a fixed choice of `rows`."""
        total = self.packed.num_rows("validation")
        count = min(rows or total, total)
        numbers = row_numbers(self.order_seed, 0, count, total)[self._rank :: self._world]
        size = self.config.micro_batch_size or max(self.config.batch_size // self._world, 1)
        nats, targets = torch.zeros((), device=self.device), torch.zeros((), device=self.device)
        # Batches of other shapes and without gradients would each be compiled anew.
        with torch.compiler.set_stance("force_eager"), autocast(self.device, self.dtype):
            for first in range(0, len(numbers), size):
                inputs, labels = self._batch("validation", numbers[first : first + size])
                nats += LanguageModelLoss(self.state.model)(inputs, labels)[1]
                targets += (labels != IGNORED).sum()
        loss = float(self._sum(nats) / self._sum(targets))
        # Exact over all rows: every byte is in one. On a choice of rows, the whole split's bytes a token stand in.
        targets_a_byte = self.packed.num_targets("validation") / self.packed.num_bytes("validation")
        return {"validation/loss": loss, "validation/bits_per_byte": loss * targets_a_byte / math.log(2)}

    def finish(self) -> RunResult:
        """Measure on all held-out rows, save the model, and close the run."""
        state = self.state
        measured = self.evaluate()
        summary = {
            "parameters": count_parameters(state.model),
            "tokens": self.tokens,
            "steps": state.step,
            "epochs": state.rows_seen / self.packed.num_rows("train"),
            "seconds": state.seconds,
            "tokens_per_second": self.tokens / max(state.seconds, 1e-9),
            "processes": self._world,
            "skipped_steps": state.guard.skipped,
            "loss": measured["validation/loss"],
            "bits_per_byte": measured["validation/bits_per_byte"],
            "text": state.text_hash,
        }
        if self.processes.is_main_process:
            self._log(measured)
            state.extra = {"tokens": self.tokens, "bits_per_byte": summary["bits_per_byte"]}
            save_model(state, self.run.final_checkpoint, self.run.name, resumable=False)
            self.run.finish(summary)
            drop_progress(self.run.checkpoints)
        self.processes.wait_for_everyone()
        return RunResult(folder=self.run.folder, checkpoint=self.run.final_checkpoint, summary=summary)

    @property
    def tokens(self) -> int:
        """Tokens trained on: rows times context."""
        return self.state.rows_seen * self.config.context

    def progress(self) -> float:
        """Share of the budget that is spent, from 0 to 1."""
        if self.config.tokens is not None:
            return min(self.tokens / self.config.tokens, 1.0)
        assert self.config.minutes is not None
        return min(self.state.seconds / (60 * self.config.minutes), 1.0)

    def multiplier(self) -> float:
        """Of the learning rates, now."""
        config = self.config
        schedule = SCHEDULES[config.lr_scheduler]
        return schedule(
            self.progress(), warmup=config.warmup_ratio, decay=config.decay_ratio, final=config.final_ratio
        )

    @property
    def _rank(self) -> int:
        return int(self.processes.process_index)

    @property
    def _world(self) -> int:
        return int(self.processes.num_processes)

    def _batch(self, split: str, numbers: Int64) -> tuple[Tensor, Tensor]:
        rows = torch.from_numpy(self.packed.rows(split, numbers)).to(self.device)
        return inputs_and_labels(rows, bos=self.packed.bos, pad=self.packed.pad)

    def _sum(self, value: Tensor) -> Tensor:
        """The sum over all processes, in fp64 so that it does not depend on their number."""
        value = value.double() if self.device.type != "mps" else value.float()
        return reduce(value, reduction="sum") if self._world > 1 else value

    def _agreed(self, seconds: float) -> float:
        """The first process's clock: all must stop, measure and save at the same step."""
        if self._world == 1:
            return seconds
        return float(self._sum(torch.tensor(seconds if self._rank == 0 else 0.0, device=self.device)))

    def _last_syncs(self, last: bool) -> AbstractContextManager[object]:
        if isinstance(self.loss, DistributedDataParallel) and not last:
            return self.loss.no_sync()
        return nullcontext()

    def _worth_compiling(self) -> bool:
        """Whether compiling pays; where the settings leave it open, two steps are timed that change nothing."""
        seconds = 60 * (self.config.minutes or 0.0)
        if self.config.compile == "auto" and self.config.tokens is not None:
            took = [self._time_step() for _ in range(2)][-1]
            seconds = took * self.config.tokens / (self.config.context * self.config.batch_size)
        return compiling_pays(self.config.compile, self.device, self._agreed(seconds))

    def _time_step(self) -> float:
        began = self.clock()
        inputs, labels = self._batch(
            "train", np.arange(self.config.batch_size // self._world) % self.packed.num_rows("train")
        )
        micro = self.config.micro_batch_size or len(inputs)
        with autocast(self.device, self.dtype):
            loss, _ = LanguageModelLoss(self.state.model)(inputs[:micro], labels[:micro])
        loss.backward()
        float(loss.detach())  # Waits for the device.
        self.state.model.zero_grad(set_to_none=True)
        return (self.clock() - began) * len(inputs) / micro

    def _report_skipped(self, outcome: StepOutcome) -> None:
        config, state = self.config, self.state
        last = row_numbers(
            self.order_seed,
            state.rows_seen - config.batch_size,
            config.batch_size,
            self.packed.num_rows("train"),
        )
        if self.processes.is_main_process:
            say(f"step {state.step} skipped: {outcome.skipped}; its rows: {', '.join(map(str, last))}")
            self._log({"train/loss": outcome.loss, "train/skipped": outcome.skipped})
        if state.guard.exhausted:
            places = [place for number in last for place in self.packed.places("train", int(number))]
            raise RunError(
                f"{state.guard.in_a_row} steps in a row were skipped, the last because {outcome.skipped}. It read "
                f"{', '.join(dict.fromkeys(places))}. Look at these texts, lower learning_rate, or raise spike_limit"
            )

    def _log_step(self, outcome: StepOutcome, speed: float) -> None:
        self._log(
            {
                "train/loss": outcome.loss,
                "train/gradient_norm": outcome.gradient_norm,
                "train/learning_rate": outcome.learning_rate,
                "train/tokens": self.tokens,
                "train/epoch": self.state.rows_seen / self.packed.num_rows("train"),
                "train/tokens_per_second": speed,
            }
        )

    def _log(self, metrics: Mapping[str, float | str | None]) -> None:
        if self.processes.is_main_process:
            self.run.log(self.state.step, metrics)

    def _save_progress(self) -> None:
        if self.processes.is_main_process:
            save_progress(self.state, self.run.checkpoints, self.run.name)
        self.processes.wait_for_everyone()
