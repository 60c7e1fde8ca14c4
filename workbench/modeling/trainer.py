"""The trainer under reward and DPO: transformers' Trainer with exact batches, exact resume and whole checkpoints.

What it does otherwise than its base class:
- An optimiser step is a set of comparisons that seed and epoch alone decide; processes and micro-batches divide it.
- The loss of a step is the mean over all its comparisons, on every process together. Eight micro-batches of one
  comparison give the step that one micro-batch of eight gives.
- A checkpoint is written aside, synced and renamed, and training resumes by itself from the last one: on the CPU in
  fp32 it ends with the same bits as a run that was never stopped.
- Nothing is reported anywhere but to the run folder; no hub, no trackers.

Long because it is all that we change of the library's internals: one file to compare when the library moves.
"""

import copy
import math
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, cast

import torch
from accelerate.utils import broadcast_object_list
from peft import get_peft_model
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from transformers import PrinterCallback, Trainer, TrainingArguments
from transformers.trainer_callback import TrainerCallback

from workbench.artifacts import write_folder_aside
from workbench.errors import DataError
from workbench.modeling.chat import pad_id
from workbench.modeling.groups import use_grouped_attention
from workbench.modeling.loading import disable_dropout
from workbench.modeling.plans import epoch_steps, micro_batches, rank_share
from workbench.modeling.rankings import RankedBatch, RankedGroup, collate_rankings, prepare_rankings
from workbench.modeling.training import Progress, checkpoint_step, checkpoints, last_checkpoint
from workbench.record_json import comparison_from_json
from workbench.records import Comparison
from workbench.runs import Run

EXTRA_FILE = "accord_extra.pt"


class RankingTrainer(Trainer):  # type: ignore[misc]  # transformers ships no types that mypy can follow
    """Trains on rankings; a subclass says what the loss of a micro-batch is.

    `train_dataset` and `eval_dataset` hold comparisons: records, rows as in comparisons.jsonl (a `datasets.Dataset`
    is one), or `RankedGroup`s, ready to train on. In `args`, `per_device_train_batch_size` comparisons make
    a micro-batch and `gradient_accumulation_steps` of these (on each process) an optimiser step, as everywhere.
    `peft_config` puts adapters on the model.
    """

    stage = "ranking"
    """What metrics begin with."""

    def __init__(
        self,
        model: nn.Module,
        args: TrainingArguments,
        train_dataset: Iterable[Any],
        eval_dataset: Iterable[Any] | None = None,
        *,
        processing_class: Any,
        ties: str = "rao_kupper",
        max_length: int | None = None,
        run: Run | None = None,
        max_tokens: int = 4096,
        extra: Mapping[str, nn.Parameter] | None = None,
        peft_config: Any = None,
        callbacks: list[TrainerCallback] | None = None,
        optimizers: tuple[Any, Any] = (None, None),
    ) -> None:
        length = max_length or model_context(model)
        train_dataset = _ready(train_dataset, processing_class, ties, length)
        eval_dataset = _ready(eval_dataset or (), processing_class, ties, length)
        if not train_dataset:
            raise DataError("no comparison to train on: in none are two different completions ranked apart")
        args = copy.copy(args)
        self.step_batch = (
            args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size
        )
        self.micro_items = args.per_device_train_batch_size
        # One item of our loader is a whole optimiser step of this process; see training_step.
        args.gradient_accumulation_steps = 1
        args.report_to, args.push_to_hub, args.disable_tqdm = [], False, True
        args.remove_unused_columns = False
        if peft_config is not None:
            model = get_peft_model(model, peft_config)
        disable_dropout(model)
        use_grouped_attention(model)
        self.run, self.max_tokens = run, max_tokens
        self.groups, self.eval_groups = train_dataset, eval_dataset
        self.steps_per_epoch = math.ceil(len(train_dataset) / self.step_batch)
        self.extra = dict(extra or {})
        self.pad = pad_id(processing_class)
        self.sizes = [g.group.num_tokens for g in train_dataset]
        self._sums: dict[str, Tensor | float] = defaultdict(float)
        self._aside: Path | None = None
        super().__init__(
            model=model,
            args=args,
            train_dataset=_Steps(self),
            eval_dataset=list(eval_dataset) or None,
            processing_class=processing_class,
            callbacks=[*(callbacks or []), Progress()],
            optimizers=optimizers,
        )
        self.remove_callback(PrinterCallback)  # It prints to stdout, which belongs to results.
        for parameter in self.extra.values():
            parameter.data = parameter.data.to(self.args.device)

    def batch_loss(self, model: nn.Module, batch: RankedBatch) -> tuple[Tensor, dict[str, Tensor | float]]:
        """The sum of the losses of a batch's comparisons, and sums of metrics; `<name>/n` counts what `<name>` sums.

        A metric without a `/n` is averaged over comparisons.
        """
        raise NotImplementedError

    # Batches ------------------------------------------------------------------------------------------------------

    def get_train_dataloader(self) -> DataLoader[Any]:
        """One item an optimiser step, in order; not wrapped by accelerate, since each process plans its own share."""
        return DataLoader(self.train_dataset, batch_size=1, shuffle=False, collate_fn=_only)

    def plan_step(self, index: int) -> tuple[list[list[int]], int]:
        """The micro-batches of this process in step `index` of the epoch, and the step's comparisons in all."""
        epoch = self.state.global_step // self.steps_per_epoch
        step = epoch_steps(len(self.sizes), self.step_batch, seed=self.args.seed, epoch=epoch)[index]
        share = rank_share(step, self.sizes, self.args.process_index, self.args.world_size)
        batches = micro_batches(share, self.sizes, max_tokens=self.max_tokens, max_items=self.micro_items)
        return batches, len(step)

    def collate(self, groups: Sequence[RankedGroup], members: Sequence[int]) -> RankedBatch:
        """The groups with these numbers as one batch on the trainer's device."""
        return collate_rankings(groups, members, self.pad).to(self.args.device)

    # Training -----------------------------------------------------------------------------------------------------

    def train(self, resume_from_checkpoint: str | bool | None = None, **kwargs: Any) -> Any:
        """Train to the end, from the last whole checkpoint in `output_dir` if there is one; False begins anew."""
        if resume_from_checkpoint in (None, True):
            resume_from_checkpoint = last_checkpoint(self.args.output_dir)
        if resume_from_checkpoint:
            self._load_extra(Path(str(resume_from_checkpoint)))
            if self.run is not None:
                self.run.rewind_metrics(checkpoint_step(Path(str(resume_from_checkpoint))))
        return super().train(resume_from_checkpoint=resume_from_checkpoint or None, **kwargs)

    def training_step(self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        """Forward and backward of this process's share of one optimiser step, micro-batch by micro-batch."""
        batches, in_step = inputs
        model.train()
        total = torch.zeros((), device=self.args.device)
        for parameter in self.extra.values():
            parameter.grad = None  # The base class clears the model's own.
        # A share can be empty in the last step of an epoch; the other processes still wait for its gradients.
        for i, members in enumerate(batches or [[0]]):
            last = i == max(len(batches), 1) - 1
            with nullcontext() if last else self.accelerator.no_sync(model):
                with self.accelerator.autocast():
                    loss, sums = self.batch_loss(model, self.collate(self.groups, members))
                # Gradients are averaged over processes; the mean over the whole step is their sum.
                loss = loss * (self.args.world_size / in_step if batches else 0.0)
                self.accelerator.backward(loss)
            total += loss.detach()
            if batches:
                self._add(sums, len(members))
        self._average_extra_gradients()
        return total

    def measuring(self) -> AbstractContextManager[object]:
        """The number format of figures on held-out data: that of training."""
        return cast(AbstractContextManager[object], self.accelerator.autocast())

    def evaluate_groups(self, groups: Sequence[RankedGroup]) -> dict[str, float]:
        """The loss and the metrics of `batch_loss`, averaged over comparisons; on this process alone."""
        sums: dict[str, Tensor | float] = defaultdict(float)
        self.model.eval()
        sizes = [g.group.num_tokens for g in groups]
        with torch.no_grad(), self.measuring():
            for members in micro_batches(range(len(groups)), sizes, max_tokens=self.max_tokens):
                loss, metrics = self.batch_loss(self.model, self.collate(groups, members))
                _accumulate(sums, {**metrics, "loss": loss}, len(members))
        return _averages(sums)

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Metrics on `eval_dataset` (by default the one given at the start), as `eval_<name>`; logged."""
        groups = self.eval_groups if eval_dataset is None else eval_dataset
        if not groups:
            raise DataError("there is no data to evaluate on: the validation split is empty")
        metrics = {f"{metric_key_prefix}_{key}": value for key, value in self.evaluate_groups(groups).items()}
        self.log(dict(metrics))
        self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the averages since the last log, and write all to the run folder under the stage's name."""
        if "loss" in logs:
            logs.update(self._reduce_averages())
        super().log(logs, start_time)
        if self.run is not None and self.is_world_process_zero():
            self.run.log(
                self.state.global_step, {f"{self.stage}/{key}": value for key, value in logs.items()}
            )

    def create_optimizer(self, model: Any = None) -> Any:
        """As the base class; parameters of `extra` get no weight decay and a learning rate of their own, 0.05.

        They are a handful of numbers on a log scale, for which a model's learning rate would be no movement at all.
        """
        optimizer = super().create_optimizer(model)
        if self.extra and not any(g.get("extra") for g in optimizer.param_groups):
            optimizer.add_param_group(
                {"params": list(self.extra.values()), "weight_decay": 0.0, "lr": 0.05, "extra": True}
            )
        return optimizer

    def _add(self, sums: Mapping[str, Tensor | float], count: int) -> None:
        _accumulate(self._sums, sums, count)

    def _reduce_averages(self) -> dict[str, float]:
        if self.args.world_size > 1:
            names = sorted(self._sums)
            values = torch.tensor([float(self._sums[name]) for name in names], dtype=torch.float64)
            totals = self.accelerator.reduce(values.to(self.args.device), reduction="sum")
            self._sums = defaultdict(float, zip(names, totals.tolist(), strict=True))
        averages = _averages(self._sums)
        self._sums.clear()
        return averages

    def _average_extra_gradients(self) -> None:
        """Extra parameters are outside the wrapped model, so their gradients are averaged here."""
        if self.args.world_size > 1:
            for parameter in self.extra.values():
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                parameter.grad.copy_(self.accelerator.reduce(parameter.grad, reduction="mean"))

    # Checkpoints --------------------------------------------------------------------------------------------------

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        target = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        main = self.args.should_save
        with write_folder_aside(target) if main else nullcontext() as folder:
            self._aside = Path(broadcast_object_list([str(folder)], from_process=0)[0])
            super()._save_checkpoint(model, trial)
            self.accelerator.wait_for_everyone()
            if main:
                written = self._aside / target.name
                torch.save({name: p.detach().cpu() for name, p in self.extra.items()}, written / EXTRA_FILE)
                for path in written.iterdir():
                    path.rename(self._aside / path.name)
                written.rmdir()
        self._aside = None
        if main and self.args.save_total_limit:
            for old in checkpoints(self.args.output_dir)[: -self.args.save_total_limit]:
                shutil.rmtree(old)
        self.accelerator.wait_for_everyone()

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._aside or self.args.output_dir)

    def _load_extra(self, folder: Path) -> None:
        stored = torch.load(folder / EXTRA_FILE, weights_only=True)
        for name, parameter in self.extra.items():
            parameter.data.copy_(stored[name])


def model_context(model: Any) -> int:
    """The longest sequence that a model takes, in tokens."""
    bare = model if hasattr(model, "config") else model.get_base_model()
    length = getattr(bare.config, "max_position_embeddings", None)
    if length is None:
        raise DataError(f"the {bare.config.model_type} model names no context length; set max_length")
    return int(length)


class _Steps(Dataset[Any]):
    """The optimiser steps of the epoch that the trainer is in."""

    def __init__(self, trainer: RankingTrainer) -> None:
        self.trainer = trainer

    def __len__(self) -> int:
        steps: int = self.trainer.steps_per_epoch
        return steps

    def __getitem__(self, index: int) -> tuple[list[list[int]], int]:
        return self.trainer.plan_step(index)


def _ready(dataset: Iterable[Any], tokenizer: Any, ties: str, max_length: int) -> list[RankedGroup]:
    items = list(dataset)
    if items and isinstance(items[0], RankedGroup):
        return items
    comparisons = (item if isinstance(item, Comparison) else comparison_from_json(item) for item in items)
    return prepare_rankings(comparisons, tokenizer, max_length=max_length, ties=ties)[0]


def _only(items: list[Any]) -> Any:
    return items[0]


def _accumulate(sums: dict[str, Tensor | float], new: Mapping[str, Tensor | float], count: int) -> None:
    """Add up; tensors stay on their device, so that nothing waits for it."""
    for name, value in new.items():
        sums[name] = sums[name] + (value.detach() if isinstance(value, Tensor) else value)
        if not name.endswith("/n") and f"{name}/n" not in new:
            sums[f"{name}/n"] = sums[f"{name}/n"] + count


def _averages(sums: Mapping[str, Tensor | float]) -> dict[str, float]:
    totals = {name: float(value) for name, value in sums.items()}
    names = [name for name in totals if not name.endswith("/n")]
    return {name: totals[name] / totals[f"{name}/n"] for name in names if totals[f"{name}/n"] > 0}
