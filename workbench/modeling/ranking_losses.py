"""Losses on rankings: values and ranks in, one number a ranking out. Nothing else.

Letters: R rankings, K completions a ranking (padded), P = K(K-1)/2 pairs. `values` (R, K) are what orders completions:
scores of a reward model, or implicit rewards of a policy. `ranks` (R, K) are tiers: 1 is best, equal numbers tie, 0
means absent (unranked, not shown, or padding). `twins` (R, K) names each text: equal numbers are the same words, which
are separate items but never a pair.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Pairs:
    """All pairs (i, j), i < j, of each ranking."""

    first: Tensor
    """(P,) long: i."""
    second: Tensor
    """(P,) long: j."""
    order: Tensor
    """(R, P): 1 where i is better, -1 where j is, 0 where they tie."""
    valid: Tensor
    """(R, P) bool: both are ranked and they are not the same words."""

    def margins(self, values: Tensor) -> Tensor:
        """(R, P): how far i is above j."""
        return values[:, self.first] - values[:, self.second]


def ranking_pairs(ranks: Tensor, twins: Tensor) -> Pairs:
    """The pairs that a ranking says something about.

    Ranks [1, 2, 2] of three different texts: pairs (0, 1) and (0, 2) with order 1, (1, 2) with order 0.
    """
    if ranks.ndim != 2 or ranks.shape != twins.shape:
        raise ValueError(f"ranks {tuple(ranks.shape)} and twins {tuple(twins.shape)} must both be (R, K)")
    first, second = torch.triu_indices(ranks.shape[1], ranks.shape[1], offset=1, device=ranks.device)
    a, b = ranks[:, first], ranks[:, second]
    valid = (a > 0) & (b > 0) & (twins[:, first] != twins[:, second])
    return Pairs(first, second, torch.sign(b - a), valid)


PairLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(margins, order, log of the tie parameter) -> negative log-likelihood of each pair."""


def rao_kupper(margin: Tensor, order: Tensor, log_width: Tensor) -> Tensor:
    """Rao and Kupper 1967: i wins if it is better by more than a width w, in noise that is logistic.

    P(i > j) = s(m - w), P(j > i) = s(-m - w), P(tie) = (e^2w - 1) s(m - w) s(-m - w), with s the logistic function.
    """
    width = log_width.exp()
    decisive = -F.logsigmoid(order * margin - width)
    tie = -(torch.log(torch.expm1(2 * width)) + F.logsigmoid(margin - width) + F.logsigmoid(-margin - width))
    return torch.where(order == 0, tie, decisive)


def davidson(margin: Tensor, order: Tensor, log_width: Tensor) -> Tensor:
    """Davidson 1970: P(i > j) : P(j > i) : P(tie) = e^(m/2) : e^(-m/2) : v; here `log_width` is log v."""
    parts = torch.stack([margin / 2, -margin / 2, log_width.expand_as(margin)])
    picked = torch.where(order == 0, log_width.expand_as(margin), order * margin / 2)
    return torch.logsumexp(parts, dim=0) - picked


def half(margin: Tensor, order: Tensor, log_width: Tensor) -> Tensor:
    """Bradley and Terry 1952, with a tie as half a win for each side."""
    both = -0.5 * (F.logsigmoid(margin) + F.logsigmoid(-margin))
    return torch.where(order == 0, both, -F.logsigmoid(order * margin))


TIES: dict[str, PairLoss] = {"rao_kupper": rao_kupper, "davidson": davidson, "half": half, "drop": half}
"""How a pair's likelihood treats a tie; `drop` leaves ties out before it comes to that."""


def usable_pairs(pairs: Pairs, ties: str) -> Tensor:
    """(R, P) bool: the pairs that count under a tie policy."""
    return pairs.valid & (pairs.order != 0) if ties == "drop" else pairs.valid


def all_pairs_loss(values: Tensor, ranks: Tensor, twins: Tensor, *, ties: str, log_width: Tensor) -> Tensor:
    """Mean negative log-likelihood of each ranking's pairs, (R,); 0 where a ranking has no pair.

    The mean over a ranking's pairs is InstructGPT's 1 / C(K, 2) (Ouyang et al. 2022, eq. 1); ties are not in the paper.
    """
    pairs = ranking_pairs(ranks, twins)
    usable = usable_pairs(pairs, ties)
    each = TIES[ties](pairs.margins(values), pairs.order.to(values.dtype), log_width)
    return (each * usable).sum(1) / usable.sum(1).clamp(min=1)


def plackett_luce_loss(values: Tensor, ranks: Tensor, twins: Tensor) -> Tensor:
    """Negative log-likelihood of each ranking under Plackett and Luce, per choice made, (R,); ties by Efron 1977.

    The best is drawn from all, the next from the rest, and so on. A tier of m equals adds the sum of its values, less
    log(rest + tier) - with the tier's own part counted in full for the first, (m-1)/m for the second, ... 1/m for the
    last draw: the average over the orders in which it could have been drawn, to first order. Of identical texts only
    the best-placed counts. Two items a > b: -log s(a - b), as in `all_pairs_loss`.
    """
    present = _first_of_twins(ranks, twins)
    tiers = torch.where(present, ranks, 0)
    # rest[r, i, j]: j is still there when i is drawn. same[r, i, j]: j is in i's tier.
    here = present[:, :, None] & present[:, None, :]
    rest = here & (tiers[:, None, :] > tiers[:, :, None])
    same = here & (tiers[:, None, :] == tiers[:, :, None])
    # Number each item within its tier: 0 for the first in the given order, m - 1 for the last.
    number = torch.tril(same, diagonal=-1).sum(2)
    size = same.sum(2).clamp(min=1)
    share = torch.log1p(-number / size)  # log((m - l) / m)
    weights = torch.where(rest, 0.0, torch.where(same, share[:, :, None], -torch.inf))
    # Absent items would sum over nothing.
    weights = torch.where(present[:, :, None], weights, 0.0)
    each = torch.logsumexp(values[:, None, :] + weights, dim=2) - values
    # The last draw from one is certain; a whole ranking in one tier still says that the values are near.
    draws = present.sum(1) - 1
    return (each * present).sum(1) / draws.clamp(min=1)


def has_pairs(ranks: Tensor, twins: Tensor, *, ties: str) -> Tensor:
    """(R,) bool: which rankings say anything under a tie policy."""
    return usable_pairs(ranking_pairs(ranks, twins), ties).any(1)


def initial_log_width(num_ties: float, num_pairs: float, ties: str) -> float:
    """The tie parameter that gives the observed share of ties among completions of equal value.

    Half a tie is added to the count, so that a tie in held-out data stays possible.
    """
    share = torch.tensor((num_ties + 0.5) / (num_pairs + 1.0), dtype=torch.float64)
    if ties == "davidson":
        return float(torch.log(2 * share / (1 - share)))
    return float(torch.log(torch.log((1 + share) / (1 - share))))


def _first_of_twins(ranks: Tensor, twins: Tensor) -> Tensor:
    """(R, K) bool: present, and no identical text stands better, or as well and earlier."""
    k = ranks.shape[1]
    earlier = torch.ones(k, k, dtype=torch.bool, device=ranks.device).tril(-1)  # [i, j]: j < i
    better = (ranks[:, None, :] < ranks[:, :, None]) | ((ranks[:, None, :] == ranks[:, :, None]) & earlier)
    twin = (twins[:, None, :] == twins[:, :, None]) & (ranks[:, None, :] > 0)
    return (ranks > 0) & ~(twin & better).any(2)
