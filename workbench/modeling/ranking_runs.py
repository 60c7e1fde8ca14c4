"""What a run on rankings starts from: the labels as groups of tokens, and the library's arguments."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from transformers import PreTrainedTokenizerBase, TrainingArguments

from workbench.console import say
from workbench.modeling.devices import has_fast_bf16
from workbench.modeling.label_models import TrainLabels, train_labels
from workbench.modeling.processes import join_launch
from workbench.modeling.rankings import RankedGroup, prepare_rankings
from workbench.modeling.training import RECOMPUTE
from workbench.preferences import PreferenceData, open_preferences
from workbench.ranking_settings import RankingSettings
from workbench.runs import Run


@dataclass(frozen=True, kw_only=True)
class RankingData:
    """The rankings of a run, ready to train on."""

    data: PreferenceData
    labels: TrainLabels
    groups: list[RankedGroup]
    held_out: list[RankedGroup]
    counts: Mapping[str, int]
    """What of the train split was used and what was left out."""


def load_rankings(
    config: RankingSettings,
    run: Run,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int,
    ties: str,
    annotator_weights: str,
    weigh: Callable[[Sequence[RankedGroup]], Mapping[str, float]] | None = None,
) -> RankingData:
    """The train and validation splits that the settings name, as groups; `run` keeps the label model, if there is one.

    `weigh` gives annotators weights from the train split's groups, which are then made again.
    """
    assert config.comparisons
    with join_launch(config.device).main_process_first():  # A file of comparisons is frozen by one of them.
        data = open_preferences(
            config.comparisons, criterion=config.criterion, validation_fraction=config.validation_fraction
        )
    prepare = partial(
        prepare_rankings, tokenizer=tokenizer, max_length=max_length, too_long=config.too_long, ties=ties
    )
    labels = train_labels(
        data.train,
        label_model=config.label_model,
        annotator_weights=annotator_weights,
        seed=config.seed,
        run=run,
    )
    groups, counts = prepare(data.train, annotator_weights=labels.weights, label_model=labels.soft)
    if weigh is not None:
        groups, counts = prepare(data.train, annotator_weights=weigh(groups))
    held_out, held_out_counts = prepare(data.validation)
    say(f"training on {_told(counts)}; held out {_told(held_out_counts)}")
    return RankingData(data=data, labels=labels, groups=groups, held_out=held_out, counts=counts)


def ranking_arguments(config: RankingSettings, run: Run, device: torch.device) -> TrainingArguments:
    """The library's arguments for these settings: `batch_comparisons` over all processes, nothing reported anywhere.

    ValueError where the processes cannot share a step evenly.
    """
    auto = config.mixed_precision == "auto"
    args = TrainingArguments(
        output_dir=str(run.checkpoints),
        num_train_epochs=config.epochs,
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.lr_scheduler,
        warmup_steps=config.warmup_ratio,  # Below 1 it is a share of all steps.
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        logging_steps=config.log_every,
        save_strategy="steps",
        save_steps=config.save_every,
        save_total_limit=1,
        seed=config.seed,
        bf16=has_fast_bf16(device) if auto else config.mixed_precision == "bf16",
        use_cpu=device.type == "cpu",
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
        ddp_find_unused_parameters=False,
        **{RECOMPUTE: config.gradient_checkpointing},
    )
    if config.batch_comparisons % args.world_size:
        raise ValueError(
            f"batch_comparisons is {config.batch_comparisons}, which {args.world_size} processes cannot share evenly"
        )
    args.per_device_train_batch_size = config.batch_comparisons // args.world_size
    return args


def _told(counts: Mapping[str, int]) -> str:
    told = (
        f"{counts['comparisons_used']} of {counts['comparisons']} comparisons, {counts['rankings']} rankings"
    )
    reasons = {"rankings_without_pair": "rankings without a pair", "skips": "skips", "too_long": "too long"}
    left_out = [f"{counts[key]} {words}" for key, words in reasons.items() if counts[key]]
    return told + (f" (left out: {', '.join(left_out)})" if left_out else "")
