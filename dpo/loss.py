"""DPO on rankings: log-probabilities of policy and reference in, one loss a ranking out.

Letters as in `workbench.modeling.ranking_losses`: R rankings of K completions each. A completion's implicit reward is
beta * (log pi - log pi_ref) (Rafailov et al. 2023, eq. 5, without the part that depends on the prompt alone).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from workbench.modeling.ranking_losses import (
    all_pairs_loss,
    plackett_luce_loss,
    ranking_pairs,
    usable_pairs,
)

Loss = Callable[..., Tensor]


def sigmoid_loss(
    log_ratios: Tensor,
    lengths: Tensor,
    ranks: Tensor,
    twins: Tensor,
    *,
    beta: float,
    ties: str,
    label_smoothing: float,
    log_width: Tensor,
) -> Tensor:
    """DPO over all pairs of a ranking, (R,): the mean of -log s(beta * difference) (Rafailov et al. 2023, eq. 7).

    With `label_smoothing` e: -(1 - e) log s(d) - e log s(-d), cDPO (Mitchell 2023), on pairs that are not ties.
    """
    values = beta * log_ratios
    loss = all_pairs_loss(values, ranks, twins, ties=ties, log_width=log_width)
    if not label_smoothing:
        return loss
    # The worst for the best: the same pairs, each the other way round. Ties come out as they were.
    flipped = all_pairs_loss(-values, ranks, twins, ties=ties, log_width=log_width)
    return (1 - label_smoothing) * loss + label_smoothing * flipped


def ipo_loss(
    log_ratios: Tensor,
    lengths: Tensor,
    ranks: Tensor,
    twins: Tensor,
    *,
    beta: float,
    ties: str,
    label_smoothing: float,
    log_width: Tensor,
) -> Tensor:
    """IPO over all pairs, (R,): the mean of (d - 1 / (2 beta))^2, d the difference of log-ratios a token.

    Azar et al. 2023, eq. 17, with log-ratios averaged over a completion's tokens, as its authors ran it (TRL does so
    too). A tie under `half` asks for d = 0.
    """
    pairs = ranking_pairs(ranks, twins)
    usable = usable_pairs(pairs, ties)
    order = pairs.order.to(log_ratios.dtype)
    each = (pairs.margins(log_ratios / lengths.clamp(min=1)) - order / (2 * beta)) ** 2
    return (each * usable).sum(1) / usable.sum(1).clamp(min=1)


def plackett_luce_dpo_loss(
    log_ratios: Tensor,
    lengths: Tensor,
    ranks: Tensor,
    twins: Tensor,
    *,
    beta: float,
    ties: str,
    label_smoothing: float,
    log_width: Tensor,
) -> Tensor:
    """DPO of whole rankings, (R,) (Rafailov et al. 2023, appendix A.3, eq. 20), a choice made; ties by Efron."""
    return plackett_luce_loss(beta * log_ratios, ranks, twins)


LOSSES: dict[str, Loss] = {
    "sigmoid": sigmoid_loss,
    "ipo": ipo_loss,
    "plackett_luce": plackett_luce_dpo_loss,
}


def implicit_accuracy(
    log_ratios: Tensor, ranks: Tensor, twins: Tensor, counts: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Over decisive pairs: how many the log-ratios (R, K) order right (equal: half), sum of margins, and number.

    A ranking counts as often as `counts` (R,) says it was made.
    """
    pairs = ranking_pairs(ranks, twins)
    decisive = (pairs.valid & (pairs.order != 0)) * counts[:, None]
    margins = pairs.margins(log_ratios) * pairs.order
    right = (torch.sign(margins) + 1) / 2
    return (right * decisive).sum(), (margins * decisive).sum(), decisive.sum()


def best_and_worst(ranks: Tensor) -> tuple[Tensor, Tensor]:
    """(R, K) bool each: who is in the best tier, who in the worst; of rankings with one tier nobody."""
    present = ranks > 0
    low = torch.where(present, ranks, torch.iinfo(ranks.dtype).max).amin(1, keepdim=True)
    high = ranks.amax(1, keepdim=True)
    apart = low < high
    return present & (ranks == low) & apart, present & (ranks == high) & apart
