"""The reward model's trainer: scores of heads on grouped batches, under a loss on rankings."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import TrainingArguments

from reward.loss import LOSSES, center_loss, ranking_accuracy, ranking_loss
from reward.measure import Floats
from workbench.modeling.groups import final_hidden
from workbench.modeling.heads import score_hidden
from workbench.modeling.plans import micro_batches
from workbench.modeling.ranking_losses import TIES, initial_log_width
from workbench.modeling.rankings import RankedBatch, RankedGroup, count_pairs
from workbench.modeling.trainer import RankingTrainer
from workbench.seeds import numpy_generator


class RankingRewardTrainer(RankingTrainer):
    """Trains a sequence classifier with `num_labels` heads so that its scores order completions as annotators did.

    Used as transformers' trainers are: `RankingRewardTrainer(model, args, train_dataset, processing_class=tokenizer)`.
    """

    stage = "reward"

    def __init__(
        self,
        model: nn.Module,
        args: TrainingArguments,
        train_dataset: Iterable[Any],
        eval_dataset: Iterable[Any] | None = None,
        *,
        loss: str = "bradley_terry",
        ties: str = "rao_kupper",
        bootstrap_heads: bool = True,
        center_coef: float = 0.0,
        **more: Any,
    ) -> None:
        for name, value, known in (("loss", loss, LOSSES), ("ties", ties, TIES)):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
        self.loss_name, self.ties, self.center_coef = loss, ties, center_coef
        width = nn.Parameter(torch.zeros(()))
        learned = loss == "bradley_terry" and ties in ("rao_kupper", "davidson")
        extra = {"log_width": width} if learned else {}
        super().__init__(model, args, train_dataset, eval_dataset, ties=ties, extra=extra, **more)
        width.data.fill_(initial_log_width(*count_pairs(self.groups), ties))
        self.width = width
        self.heads = _bare(self.model).config.num_labels
        self.head_weights = _head_weights(
            len(self.groups), self.heads if bootstrap_heads else 1, self.args.seed
        )

    def batch_loss(self, model: nn.Module, batch: RankedBatch) -> tuple[Tensor, dict[str, Tensor | float]]:
        """See the base class. Metrics: accuracy over decisive pairs, mean and spread of scores."""
        scores = score_hidden(model, final_hidden(model, batch.grouped))  # (N, H)
        weights = batch.weights[:, None].expand(-1, self.heads)
        if model.training:
            members = self.head_weights[list(batch.members)].to(weights)  # (G, H or 1)
            weights = weights * members[batch.comparison]
        loss = ranking_loss(
            scores,
            batch.items,
            batch.ranks,
            batch.twins,
            weights,
            loss=self.loss_name,
            ties=self.ties,
            log_width=self.width.to(scores.device),
        )
        if self.center_coef:
            loss = loss + self.center_coef * center_loss(scores) * len(batch.members)
        with torch.no_grad():
            mean = scores.mean(1)
            right, decisive = ranking_accuracy(mean, batch.items, batch.ranks, batch.twins, batch.counts)
            sums: dict[str, Tensor | float] = {
                "accuracy": right,
                "accuracy/n": decisive,
                "score": mean.sum(),
                "score/n": len(mean),
                "head_spread": scores.std(1, correction=0).sum(),
                "head_spread/n": len(mean),
            }
        return loss, sums

    def measuring(self) -> AbstractContextManager[object]:
        """fp32, whatever training ran in: bias, temperature and tie width are for scores that are computed so."""
        return nullcontext()

    def score_groups(self, groups: Sequence[RankedGroup]) -> list[Floats]:
        """The heads' scores, (K, H) for each group, as the model gives them."""
        self.model.eval()
        sizes = [g.group.num_tokens for g in groups]
        out: list[Floats] = []
        for members in micro_batches(range(len(groups)), sizes, max_tokens=self.max_tokens):
            batch = self.collate(groups, members).grouped
            with torch.no_grad(), self.measuring():
                scores = score_hidden(self.model, final_hidden(self.model, batch))
            out += np.split(scores.double().cpu().numpy(), np.cumsum(batch.sizes)[:-1])
        return out


def _head_weights(count: int, heads: int, seed: int) -> Tensor:
    """(count, heads): what each comparison counts for each head.

    One head: 1. Several: a Bayesian bootstrap (Rubin 1981), exponential draws with mean 1.
    """
    if heads == 1:
        return torch.ones(count, 1)
    draws = numpy_generator(seed, "heads").exponential(size=(count, heads))
    return torch.from_numpy(draws / draws.mean(axis=0)).float()


def _bare(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model
