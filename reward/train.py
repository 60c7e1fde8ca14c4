"""Training a reward model: rankings in, a checkpoint whose scores are centred and calibrated out."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reward.config import RewardConfig
from reward.measure import (
    Calibration,
    Floats,
    accuracy,
    annotator_weights,
    fit_calibration,
    judgements,
    label_ceiling,
    measure,
)
from reward.trainer import RankingRewardTrainer
from workbench.checkpoints import CheckpointInfo, parent_of, resolve_checkpoint, save_checkpoint
from workbench.console import say
from workbench.errors import DataError
from workbench.jsonl import read_demonstrations
from workbench.modeling.chat import template_hash
from workbench.modeling.devices import resolve_device, set_threads
from workbench.modeling.groups import encode_group
from workbench.modeling.heads import init_heads
from workbench.modeling.loading import load_sequence_classifier, load_tokenizer, save_model
from workbench.modeling.lora import add_lora
from workbench.modeling.processes import join_launch, open_shared_run
from workbench.modeling.ranking_runs import RankingData, load_rankings, ranking_arguments
from workbench.modeling.rankings import RankedGroup
from workbench.modeling.trainer import model_context
from workbench.modeling.training import drop_checkpoints
from workbench.records import Comparison, Completion
from workbench.runs import Run, RunResult

__all__ = ["RankingRewardTrainer", "train"]


def train(config: RewardConfig, *, name: str | None = None, fresh: bool = False) -> RunResult:
    """Train the reward model that `config` describes; resumes or returns a finished run of the same settings."""
    assert config.base
    processes = join_launch(config.device)
    with open_shared_run(processes, "reward", config, name=name, fresh=fresh) as run:
        if run.finished:
            say(f"run '{run.name}' is finished: {run.final_checkpoint}")
            return run.result()
        trainer, rankings = _load(config, run)
        trainer.train()
        if not processes.is_main_process:
            processes.wait_for_everyone()
            return run.result()
        summary, extra = _evaluate(trainer, config)
        summary |= {"data": rankings.counts, **rankings.labels.note}
        base = resolve_checkpoint(config.base)
        info = CheckpointInfo(
            stage="reward",
            run=run.name,
            parents=(parent_of("base", base),),
            snapshot=rankings.data.snapshot.content_hash,
            template_hash=template_hash(trainer.processing_class),
            tags=rankings.data.tags,
            extra={**extra, **rankings.labels.note},
        )
        model, tokenizer = trainer.model, trainer.processing_class
        save_checkpoint(run.final_checkpoint, info, lambda folder: save_model(folder, model, tokenizer))
        result = run.finish(summary)
        drop_checkpoints(run.checkpoints)
        processes.wait_for_everyone()
        return result


def _load(config: RewardConfig, run: Run) -> tuple[RankingRewardTrainer, RankingData]:
    assert config.base
    set_threads(config.threads)
    device = resolve_device(config.device)
    base = resolve_checkpoint(config.base)
    tokenizer = load_tokenizer(base)
    model = load_sequence_classifier(base, num_labels=config.heads, device=device)
    init_heads(model, config.seed)
    if config.lora_rank:
        model = add_lora(model, rank=config.lora_rank, alpha=config.lora_alpha, targets=config.lora_targets,
                         seed=config.seed, with_head=True)  # fmt: skip
    model.config.pad_token_id = tokenizer.pad_token_id
    max_length = config.max_length or model_context(model)
    rankings = load_rankings(
        config,
        run,
        tokenizer,
        max_length=max_length,
        ties=config.ties,
        annotator_weights=config.annotator_weights,
        weigh=annotator_weights if config.annotator_weights == "agreement" else None,
    )
    trainer = RankingRewardTrainer(
        model,
        ranking_arguments(config, run, device),
        rankings.groups,
        rankings.held_out,
        processing_class=tokenizer,
        run=run,
        max_tokens=config.micro_batch_tokens,
        max_length=max_length,
        loss=config.loss,
        ties=config.ties,
        bootstrap_heads=config.bootstrap_heads,
        center_coef=config.center_coef,
    )
    return trainer, rankings


def _evaluate(trainer: RankingRewardTrainer, config: RewardConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    """The summary of the run, and what the checkpoint keeps beside its weights."""
    held_out = trainer.eval_groups
    raw = trainer.score_groups(held_out)
    found = judgements([scores.mean(1) for scores in raw], held_out)
    log_width = float(trainer.width.detach())
    calibration = fit_calibration(found, ties=config.ties, log_width=log_width)
    bias, bias_set = _zero_bias(trainer, config, raw)
    summary: dict[str, Any] = {
        "reward_model": {
            **measure(found, ties=config.ties, log_width=log_width, seed=config.seed),
            "ceiling": label_ceiling(held_out, config.seed).to_json(),
            "heads": [
                accuracy(judgements([s[:, h] for s in raw], held_out), config.seed).to_json()
                for h in range(trainer.heads)
            ],
            "temperature": calibration.temperature,
            "tie_width": tie_width(calibration),
            "bias": bias,
        },
        "steps": trainer.state.global_step,
    }  # fmt: skip
    extra = {
        "bias": bias,
        "bias_set": bias_set,
        "temperature": calibration.temperature,
        "tie_width": tie_width(calibration),
        "ties": config.ties,
        "loss": config.loss,
        "heads": trainer.heads,
    }
    return summary, extra


def tie_width(calibration: Calibration) -> float | None:
    """The tie parameter on its own scale (Rao-Kupper's width, Davidson's v); None under policies without one."""
    if calibration.ties not in ("rao_kupper", "davidson"):
        return None
    return math.exp(calibration.log_width)


def _zero_bias(
    trainer: RankingRewardTrainer, config: RewardConfig, held_out: Sequence[Floats]
) -> tuple[float, str]:
    """What is added to every score so that the stated set has mean 0 (N+ detail 15), and the set's name."""
    if config.zero_mean == "validation" and held_out:
        return -float(np.concatenate(held_out).mean()), "validation"
    if config.zero_mean in ("validation", "train"):
        return -float(np.concatenate(trainer.score_groups(trainer.groups)).mean()), "train"
    groups = _demonstration_groups(Path(config.zero_mean), trainer, config)
    return -float(np.concatenate(trainer.score_groups(groups)).mean()), config.zero_mean


def _demonstration_groups(
    path: Path, trainer: RankingRewardTrainer, config: RewardConfig
) -> list[RankedGroup]:
    groups = []
    for demonstration in read_demonstrations(path):
        *prompt, last = demonstration.messages
        comparison = Comparison(demonstration.id, tuple(prompt), (Completion(last.content),))
        group = encode_group(trainer.processing_class, comparison, config.max_length)
        groups.append(
            RankedGroup(group, np.ones((1, 1), np.int64), np.ones(1), np.zeros(1, np.int64), (0,), ("",))
        )
    if not groups:
        raise DataError(f"zero_mean: {path} holds no demonstration")
    return groups
