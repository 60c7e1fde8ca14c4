"""The one place that touches TRL: its SFTTrainer on examples tokenised already, saved whole, logged to the run."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from datasets import Dataset
from torch import nn
from transformers import PreTrainedTokenizerBase, PrinterCallback, Trainer, TrainerCallback
from trl import SFTConfig as TRLConfig
from trl import SFTTrainer

from policy.sft_config import SFTConfig
from policy.sft_data import IGNORED, Example
from workbench.artifacts import write_folder_aside
from workbench.console import progress_bar
from workbench.modeling.chat import pad_id
from workbench.modeling.devices import has_fast_bf16
from workbench.modeling.logprobs import hidden_states, output_weight
from workbench.modeling.lora import lora_config
from workbench.modeling.losses import linear_cross_entropy
from workbench.modeling.training import RECOMPUTE, checkpoints, last_checkpoint
from workbench.runs import Run
from workbench.seeds import derive_seed

METRICS = {
    "loss": "train/loss",
    "grad_norm": "train/gradient_norm",
    "learning_rate": "train/learning_rate",
    "num_tokens": "train/tokens",
    "epoch": "train/epoch",
    "eval_loss": "validation/loss",
    "eval_mean_token_accuracy": "validation/token_accuracy",
    "eval_entropy": "validation/entropy",
}
"""Our names for what TRL logs; what is not here (its timings) is not kept."""


class WholeSFTTrainer(SFTTrainer):  # type: ignore[misc]  # TRL ships no types that mypy can follow
    """TRL's trainer, but a checkpoint is whole or absent, no model card is written, and the loss is cheaper.

    On several processes the last micro-batches of an epoch are filled up with its first examples, as accelerate does:
    with fewer than processes times micro-batch.
    """

    _aside: Path | None = None

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """TRL's loss, with logits for trained tokens alone: the head is a good part of a small model's work.

        On one process only: elsewhere the forward pass must go through the wrapper that shares gradients. In
        evaluation TRL's own loss stands, which brings accuracy and entropy with it.
        """
        head = getattr(self.accelerator.unwrap_model(model), "get_output_embeddings", lambda: None)()
        if return_outputs or not model.training or self.args.world_size > 1 or type(head) is not nn.Linear:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        with self.accelerator.autocast():
            hidden = hidden_states(model, inputs["input_ids"], inputs["attention_mask"], None)  # (B, T, D)
        labels = inputs["labels"][:, 1:]
        trained = labels != IGNORED
        loss, _ = linear_cross_entropy(hidden[:, :-1][trained], output_weight(model), labels[trained])
        self._total_train_tokens += int(inputs["attention_mask"].sum())
        self._metrics["train"]["num_tokens"] = [self._total_train_tokens]
        return loss / (trained.sum() if num_items_in_batch is None else num_items_in_batch)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        target = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        main = self.args.should_save
        with write_folder_aside(target) if main else nullcontext() as folder:
            self._aside = Path(broadcast_object_list([str(folder)], from_process=0)[0])
            # Not TRL's own, which adds a model card to the folder of the run.
            Trainer._save_checkpoint(self, model, trial)
            self.accelerator.wait_for_everyone()
            if main:
                written = self._aside / target.name
                for path in written.iterdir():
                    path.rename(self._aside / path.name)
                written.rmdir()
        self._aside = None
        if main:
            for old in checkpoints(self.args.output_dir)[:-1]:
                shutil.rmtree(old)
        self.accelerator.wait_for_everyone()

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._aside or self.args.output_dir)


def build_trainer(
    config: SFTConfig,
    run: Run,
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    train: Sequence[Example],
    held_out: Sequence[Example],
    device: torch.device,
) -> WholeSFTTrainer:
    """TRL's trainer with our settings; every default of TRL that would change the result is set."""
    # TRL says on every start that the model's and the tokenizer's ids were compared.
    logging.getLogger("trl").setLevel(logging.ERROR)
    args = _arguments(config, run, device)
    trainer = WholeSFTTrainer(
        model=model,
        args=args,
        train_dataset=_dataset(train),
        eval_dataset=_dataset(held_out) if held_out else None,
        processing_class=tokenizer,
        callbacks=[_RunCallback(run, config.save_minutes)],
        peft_config=lora_config(config.lora_rank, config.lora_alpha, config.lora_targets)
        if config.lora_rank
        else None,
    )
    assert trainer.data_collator.pad_token_id == pad_id(tokenizer)
    trainer.remove_callback(PrinterCallback)  # It prints to stdout, which belongs to results.
    return trainer


def resume_from(run: Run) -> str | None:
    """The newest whole checkpoint that an interrupted run left; metrics written after it are forgotten."""
    newest = last_checkpoint(_folder(run))
    if newest is not None:
        run.rewind_metrics(int(newest.rsplit("-", 1)[1]))
    return newest


def drop_progress(run: Run) -> None:
    """Remove what a finished run no longer resumes from."""
    shutil.rmtree(_folder(run), ignore_errors=True)


def _folder(run: Run) -> Path:
    return run.folder / "trainer"


def _arguments(config: SFTConfig, run: Run, device: torch.device) -> TRLConfig:
    auto = config.mixed_precision == "auto"
    args = TRLConfig(
        output_dir=str(_folder(run)),
        num_train_epochs=config.epochs,
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.lr_scheduler
        if config.lr_scheduler != "constant"
        else "constant_with_warmup",
        warmup_steps=config.warmup_ratio,  # Below 1 it is a share of all steps.
        weight_decay=config.weight_decay,
        adam_beta1=config.adam_beta1,
        adam_beta2=config.adam_beta2,
        max_grad_norm=config.max_grad_norm or 0.0,
        train_sampling_strategy="group_by_length" if config.group_by_length else "random",
        # The examples are tokenised, cut and labelled by our preflight.
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        packing=False,
        **{RECOMPUTE: config.gradient_checkpointing},
        bf16=has_fast_bf16(device) if auto else config.mixed_precision == "bf16",
        fp16=False,
        use_cpu=device.type == "cpu",
        logging_steps=config.log_every,
        save_strategy="no",  # Our callback asks for a save when it is time.
        eval_strategy="no",
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=device.type == "cuda",
        seed=derive_seed(config.seed, "sft") % 2**32,
    )
    share, rest = divmod(config.batch_size, args.world_size)
    if rest:
        raise ValueError(
            f"batch_size {config.batch_size} must be a multiple of the {args.world_size} processes"
        )
    micro = config.micro_batch_size or share
    if share % micro:
        raise ValueError(
            f"micro_batch_size {micro} must divide the {share} examples that a process has of a step"
        )
    args.per_device_train_batch_size = args.per_device_eval_batch_size = micro
    args.gradient_accumulation_steps = share // micro
    return args


def _dataset(examples: Sequence[Example]) -> Dataset:
    return Dataset.from_dict(
        {
            "input_ids": [example.input_ids for example in examples],
            "labels": [example.labels for example in examples],
        }
    )


class _RunCallback(TrainerCallback):  # type: ignore[misc]  # see above
    """Metrics to the run folder, a progress bar on stderr, and a save when it is time."""

    def __init__(self, run: Run, save_minutes: float) -> None:
        self.run, self.save_seconds = run, 60 * save_minutes
        self.bar = progress_bar()
        self.saved = time.monotonic()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.saved = time.monotonic()
        if state.is_world_process_zero:
            self.bar.start()
        self.task = self.bar.add_task(
            "fine-tuning", total=state.max_steps, completed=state.global_step, note=""
        )

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.bar.update(self.task, completed=state.global_step)
        control.should_log |= state.global_step == state.max_steps
        due = time.monotonic() - self.saved >= self.save_seconds
        # The first process's clock decides: all must save after the same step.
        if args.world_size > 1:
            due = broadcast_object_list([due], from_process=0)[0]
        if due and state.global_step < state.max_steps:
            control.should_save = True
            self.saved = time.monotonic()

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, float] | None = None, **kwargs: Any
    ) -> None:
        named = {METRICS[key]: value for key, value in (logs or {}).items() if key in METRICS}
        if "train_runtime" in (logs or {}) or not named or not state.is_world_process_zero:
            return  # The line that Trainer adds at the end repeats what is known.
        self.run.log(state.global_step, named)
        if "train/loss" in named:
            self.bar.update(self.task, note=f"loss {named['train/loss']:.3f}")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.bar.stop()
