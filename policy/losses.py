"""The losses of PPO, a number a token; who calls them sums over tokens and divides by their global count."""

from __future__ import annotations

import torch
from torch import Tensor


def policy_loss(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, clip_range: float) -> Tensor:
    """The clipped surrogate, negated; Schulman et al. 2017, eq. 7. Any shape, the same for all and for the result.

    max(-A r, -A clip(r, 1 - clip_range, 1 + clip_range)) with the ratio r of new to old probability.
    """
    ratio = torch.exp(log_probs - old_log_probs)
    clipped = ratio.clamp(1 - clip_range, 1 + clip_range)
    return torch.maximum(-advantages * ratio, -advantages * clipped)


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, clip_range: float | None) -> Tensor:
    """Half the squared error, with clip_range the larger of the plain and the clipped one.

    The clipped value stays within clip_range of the old one (OpenAI baselines; Huang et al. 2024a, detail 19).
    """
    plain = (values - returns).square()
    if clip_range is None:
        return 0.5 * plain
    clipped = old_values + (values - old_values).clamp(-clip_range, clip_range)
    return 0.5 * torch.maximum(plain, (clipped - returns).square())


def approximate_kl(log_probs: Tensor, old_log_probs: Tensor) -> Tensor:
    """KL(old || new) a token, from tokens the old policy drew: (r - 1) - log r, never negative (Schulman 2020)."""
    log_ratio = log_probs - old_log_probs
    return torch.expm1(log_ratio) - log_ratio


def clipped_share(log_probs: Tensor, old_log_probs: Tensor, clip_range: float) -> Tensor:
    """1 where the ratio lies outside 1 plus and minus clip_range, else 0."""
    return ((torch.exp(log_probs - old_log_probs) - 1).abs() > clip_range).float()


def explained_variance(values: Tensor, returns: Tensor) -> Tensor:
    """1 - Var(returns - values) / Var(returns) over tokens (N,): 1 is perfect, 0 no better than a constant.

    Not a number where all returns are equal.
    """
    return 1 - (returns - values).var(correction=0) / returns.var(correction=0)
