"""The reward model's loss: rankings against the scores of an ensemble of heads, on tensors only."""

from collections.abc import Callable

import torch
from torch import Tensor

from workbench.modeling.ranking_losses import all_pairs_loss, plackett_luce_loss, ranking_pairs

Loss = Callable[[Tensor, Tensor, Tensor, str, Tensor], Tensor]
"""(values (R, K), ranks, twins, tie policy, log of the tie parameter) -> (R,)."""

LOSSES: dict[str, Loss] = {
    "bradley_terry": lambda values, ranks, twins, ties, log_width: all_pairs_loss(
        values, ranks, twins, ties=ties, log_width=log_width
    ),
    "plackett_luce": lambda values, ranks, twins, ties, log_width: plackett_luce_loss(values, ranks, twins),
}


def ranking_loss(
    scores: Tensor,
    items: Tensor,
    ranks: Tensor,
    twins: Tensor,
    weights: Tensor,
    *,
    loss: str,
    ties: str,
    log_width: Tensor,
) -> Tensor:
    """The loss summed over comparisons and averaged over heads, a scalar.

    `scores` are (N, H); `items`, `ranks` and `twins` are (R, K), with items naming the N completions; `weights` (R, H)
    say what each ranking counts for each head. The weights of a comparison's rankings sum to 1 for one head, so that
    a comparison with many annotators counts as much as one with a single one.
    """
    if scores.ndim != 2 or weights.shape != (items.shape[0], scores.shape[1]):
        raise ValueError(f"scores (N, H) and weights (R, H) do not fit: {scores.shape}, {weights.shape}")
    heads = scores.shape[1]
    values = scores[items].permute(2, 0, 1).flatten(0, 1)  # (H * R, K)
    each = LOSSES[loss](values, ranks.repeat(heads, 1), twins.repeat(heads, 1), ties, log_width)  # (H * R,)
    return (each.view(heads, -1).T * weights).sum() / heads


def center_loss(scores: Tensor) -> Tensor:
    """Mean squared score (Eisenstein et al. 2023, section 3.1, in a form for any number of completions)."""
    return scores.square().mean()


def ranking_accuracy(
    scores: Tensor, items: Tensor, ranks: Tensor, twins: Tensor, counts: Tensor
) -> tuple[Tensor, Tensor]:
    """How many decisive pairs the scores (N,) order right (equal scores: half), and how many there are.

    A ranking counts as often as `counts` (R,) says it was made.
    """
    pairs = ranking_pairs(ranks, twins)
    decisive = (pairs.valid & (pairs.order != 0)) * counts[:, None]
    right = (torch.sign(pairs.margins(scores[items])) * pairs.order + 1) / 2
    return (right * decisive).sum(), decisive.sum()
