"""Training a policy on rankings directly: reference log-probabilities once, then grouped DPO."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import TrainingArguments

from dpo.config import DPOConfig
from dpo.loss import LOSSES, best_and_worst, implicit_accuracy
from dpo.reference import Floats, cached_reference
from workbench.checkpoints import CheckpointInfo, parent_of, resolve_checkpoint, save_checkpoint
from workbench.console import say
from workbench.errors import ConfigError
from workbench.modeling.chat import template_hash
from workbench.modeling.devices import resolve_device, set_threads
from workbench.modeling.groups import group_logprobs, sum_by_completion, use_grouped_attention
from workbench.modeling.loading import is_adapter, load_causal_lm, load_tokenizer, save_model
from workbench.modeling.lora import add_lora
from workbench.modeling.plans import micro_batches
from workbench.modeling.processes import join_launch, open_shared_run
from workbench.modeling.ranking_losses import initial_log_width
from workbench.modeling.ranking_runs import RankingData, load_rankings, ranking_arguments
from workbench.modeling.rankings import RankedBatch, RankedGroup, count_pairs
from workbench.modeling.trainer import RankingTrainer, model_context
from workbench.modeling.training import drop_checkpoints
from workbench.preferences import PreferenceData
from workbench.runs import Run, RunResult


class RankingDPOTrainer(RankingTrainer):
    """Trains a causal language model on rankings by DPO, against a reference that it keeps as numbers only.

    Used as transformers' trainers are: `RankingDPOTrainer(model, args, train_dataset, processing_class=tokenizer)`.
    The reference is `ref_model`, or the model as it is now; its log-probabilities are computed when training begins.
    """

    stage = "dpo"

    def __init__(
        self,
        model: nn.Module,
        args: TrainingArguments,
        train_dataset: Iterable[Any],
        eval_dataset: Iterable[Any] | None = None,
        *,
        ref_model: nn.Module | None = None,
        beta: float = 0.1,
        loss: str = "sigmoid",
        ties: str = "drop",
        label_smoothing: float = 0.0,
        reference: Mapping[str, Floats] | None = None,
        **more: Any,
    ) -> None:
        if loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {loss!r}")
        self.beta, self.loss_name, self.ties, self.label_smoothing = beta, loss, ties, label_smoothing
        width = nn.Parameter(torch.zeros(()))
        learned = loss == "sigmoid" and ties in ("rao_kupper", "davidson")
        extra = {"log_width": width} if learned else {}
        super().__init__(model, args, train_dataset, eval_dataset, ties=ties, extra=extra, **more)
        width.data.fill_(initial_log_width(*count_pairs(self.groups), ties))
        self.width = width
        if reference is None:
            scored = [*self.groups, *self.eval_groups]
            values = self.log_probs(scored, model=ref_model)
            reference = {g.group.id: value for g, value in zip(scored, values, strict=True)}
        self.reference = reference

    def batch_loss(self, model: nn.Module, batch: RankedBatch) -> tuple[Tensor, dict[str, Tensor | float]]:
        """See the base class. Metrics: accuracy and margin of implicit rewards, log-ratios of best and worst tier."""
        logps = sum_by_completion(group_logprobs(model, batch.grouped), batch.grouped)  # (N,)
        reference = torch.from_numpy(np.concatenate([self.reference[name] for name in batch.ids])).to(logps)
        log_ratios = logps - reference
        lengths = torch.bincount(batch.grouped.completion_of, minlength=len(logps)).to(logps)
        ratios = log_ratios[batch.items]  # (R, K)
        each = LOSSES[self.loss_name](
            ratios,
            lengths[batch.items],
            batch.ranks,
            batch.twins,
            beta=self.beta,
            ties=self.ties,
            label_smoothing=self.label_smoothing,
            log_width=self.width.to(logps.device),
        )  # (R,)
        with torch.no_grad():
            right, margins, decisive = implicit_accuracy(ratios, batch.ranks, batch.twins, batch.counts)
            best, worst = (ends * batch.counts[:, None] for ends in best_and_worst(batch.ranks))
            sums: dict[str, Tensor | float] = {
                "accuracy": right,
                "accuracy/n": decisive,
                "margin": self.beta * margins,
                "margin/n": decisive,
                "log_ratio_best": (ratios * best).sum(),
                "log_ratio_best/n": best.sum(),
                "log_ratio_worst": (ratios * worst).sum(),
                "log_ratio_worst/n": worst.sum(),
            }
        return (each * batch.weights).sum(), sums

    def log_probs(self, groups: Sequence[RankedGroup], *, model: nn.Module | None = None) -> list[Floats]:
        """Summed log-probabilities (K,) of each group's completions, under the trained model or another."""
        model = self.model if model is None else model.to(self.args.device)
        use_grouped_attention(model)
        model.eval()
        sizes = [g.group.num_tokens for g in groups]
        out: list[Floats] = []
        for members in micro_batches(range(len(groups)), sizes, max_tokens=self.max_tokens):
            batch = self.collate(groups, members).grouped
            with torch.no_grad(), self.accelerator.autocast():
                logps = sum_by_completion(group_logprobs(model, batch), batch)
            out += np.split(logps.double().cpu().numpy(), np.cumsum(batch.sizes)[:-1])
        return out


def train(config: DPOConfig, *, name: str | None = None, fresh: bool = False) -> RunResult:
    """Train the policy that `config` describes; resumes or returns a finished run of the same settings."""
    processes = join_launch(config.device)
    with open_shared_run(processes, "dpo", config, name=name, fresh=fresh) as run:
        if run.finished:
            say(f"run '{run.name}' is finished: {run.final_checkpoint}")
            return run.result()
        trainer, rankings = _load(config, run)
        trainer.train()
        if not processes.is_main_process:
            processes.wait_for_everyone()
            return run.result()
        summary = {"dpo": _evaluate(trainer), "steps": trainer.state.global_step}
        summary |= {"data": dict(rankings.counts), **rankings.labels.note}
        _save(trainer, config, run, rankings)
        result = run.finish(summary)
        drop_checkpoints(run.checkpoints)
        processes.wait_for_everyone()
        return result


def _load(config: DPOConfig, run: Run) -> tuple[RankingDPOTrainer, RankingData]:
    assert config.policy
    set_threads(config.threads)
    device = resolve_device(config.device)
    base = resolve_checkpoint(config.policy)
    tokenizer = load_tokenizer(base)
    model = load_causal_lm(base, device=device)
    if config.lora_rank:
        if is_adapter(base):
            raise ConfigError(
                f"{base} is an adapter already; merge it first ('accord export merged'), or set lora_rank to 0 to "
                "train that adapter on"
            )
        model = add_lora(model, rank=config.lora_rank, alpha=config.lora_alpha, targets=config.lora_targets,
                         seed=config.seed)  # fmt: skip
    rankings = load_rankings(
        config,
        run,
        tokenizer,
        max_length=config.max_length or model_context(model),
        ties=config.ties,
        annotator_weights=config.annotator_weights,
    )
    trainer = RankingDPOTrainer(
        model,
        ranking_arguments(config, run, device),
        rankings.groups,
        rankings.held_out,
        processing_class=tokenizer,
        run=run,
        max_tokens=config.micro_batch_tokens,
        beta=config.beta,
        loss=config.loss,
        ties=config.ties,
        label_smoothing=config.label_smoothing,
        reference={},
    )
    trainer.reference = _reference(trainer, config, rankings.data)
    return trainer, rankings


def _reference(trainer: RankingDPOTrainer, config: DPOConfig, data: PreferenceData) -> dict[str, Floats]:
    """Of every completion, under the base before training, or under another policy."""
    assert config.policy
    folder = resolve_checkpoint(config.reference or config.policy)
    scored = [*trainer.groups, *trainer.eval_groups]

    def compute(groups: Sequence[RankedGroup]) -> list[Floats]:
        # Loaded only if the cache has nothing: after a resume the trainer's own model is no longer the base.
        model = load_causal_lm(folder, device=trainer.args.device, merge=True)
        return trainer.log_probs(groups, model=model)

    with join_launch(config.device).main_process_first():  # The others find it in the cache.
        values = cached_reference(
            scored,
            compute,
            snapshot=data.snapshot.content_hash,
            reference=parent_of("reference", folder).hash,
            number_format="bf16" if trainer.args.bf16 else "fp32",
        )
    return {g.group.id: value for g, value in zip(scored, values, strict=True)}


def _evaluate(trainer: RankingDPOTrainer) -> dict[str, Any]:
    """Held-out figures of the implicit reward; empty without a validation split."""
    return trainer.evaluate_groups(trainer.eval_groups) if trainer.eval_groups else {}


def _save(trainer: RankingDPOTrainer, config: DPOConfig, run: Run, rankings: RankingData) -> None:
    assert config.policy
    tokenizer, model = trainer.processing_class, trainer.model
    info = CheckpointInfo(
        stage="dpo",
        run=run.name,
        parents=(
            parent_of("policy", resolve_checkpoint(config.policy)),
            parent_of("reference", resolve_checkpoint(config.reference or config.policy)),
        ),
        snapshot=rankings.data.snapshot.content_hash,
        template_hash=template_hash(tokenizer),
        tags=rankings.data.tags,
        extra={"beta": config.beta, "loss": config.loss, "ties": config.ties, **rankings.labels.note},
    )
    save_checkpoint(run.final_checkpoint, info, lambda folder: save_model(folder, model, tokenizer))
