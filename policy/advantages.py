"""Advantages: rewards a token from scores and KL, whitening, GAE and the KL controller, on tensors only.

B completions, T time (tokens of the longest completion). Completions are right-padded; `mask` is (B, T) and true on
their tokens, so the last true token of a row is the eos, or the last token there was room for.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def kl_penalty(log_probs: Tensor, ref_log_probs: Tensor, estimator: str) -> Tensor:
    """An estimate of KL(policy || reference) from each sampled token, in nats; Schulman 2020, "Approximating KL".

    With r = log p - log q of the policy p and the reference q: k1 = r, without bias and of either sign; k3 = exp(-r)
    - 1 + r, without bias and never negative. Raises KeyError for another estimator.
    """
    return KL_ESTIMATORS[estimator](log_probs - ref_log_probs)


KL_ESTIMATORS: dict[str, Callable[[Tensor], Tensor]] = {
    "k1": lambda r: r,
    "k3": lambda r: torch.expm1(-r) + r,
}


def token_rewards(scores: Tensor, penalties: Tensor, mask: Tensor, kl_coef: float) -> Tensor:
    """Rewards (B, T): minus kl_coef times the penalty on every token, plus the score (B,) on the last one.

    The last token is the eos, where the reward model read the score; Stiennon et al. 2020 put it there, the TRL of
    2024 one column later, on padding.
    """
    _check(mask, penalties=penalties)
    rewards = -kl_coef * penalties * mask
    last = mask.sum(1) - 1
    if bool((last < 0).any()):
        raise ValueError("a completion has no token; even an empty one has its eos")
    return rewards.scatter_add(1, last[:, None], scores[:, None].to(rewards.dtype))


def generalized_advantages(
    rewards: Tensor, values: Tensor, mask: Tensor, *, gamma: float, gae_lambda: float
) -> tuple[Tensor, Tensor]:
    """GAE advantages and the returns that values should have predicted, both (B, T); Schulman et al. 2016, eq. 16.

    values[:, t] is the value before token t. After a row's last token the value is 0: the episode ends there, also
    where the completion was cut off for want of room.
    """
    _check(mask, rewards=rewards, values=values)
    values, rewards = values * mask, rewards * mask
    after = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], 1)
    deltas = rewards + gamma * after - values
    advantage = torch.zeros_like(deltas[:, 0])
    columns = []
    for t in reversed(range(deltas.shape[1])):
        advantage = deltas[:, t] + gamma * gae_lambda * advantage
        columns.append(advantage)
    # Right of a row's end every delta is 0, so padding never reaches its tokens.
    advantages = torch.stack(columns[::-1], 1)
    return advantages, advantages + values


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean over the tokens of the mask."""
    return (values * mask).sum() / mask.sum()


def moments(values: Tensor, mask: Tensor) -> Tensor:
    """Count, sum and sum of squares of the masked values, (3,) in float64; they add over processes."""
    kept = values[mask.bool()].double()
    return torch.stack([torch.tensor(float(kept.numel()), dtype=torch.float64, device=kept.device),
                        kept.sum(), kept.square().sum()])  # fmt: skip


def whiten(values: Tensor, mask: Tensor, total: Tensor, *, shift_mean: bool = True) -> Tensor:
    """Values scaled to deviation 1 and, with shift_mean, to mean 0; 0 outside the mask.

    `total` holds the `moments` of all processes. The variance is the biased one, as in OpenAI's code of 2019 (Huang et
    al. 2024a, detail 18).
    """
    count, mean = total[0], total[1] / total[0]
    variance = (total[2] / count - mean.square()).clamp(min=0)
    whitened = (values - mean) * torch.rsqrt(variance + 1e-8)
    if not shift_mean:
        whitened = whitened + mean
    return (whitened * mask).to(values.dtype)


def next_kl_coef(kl_coef: float, kl: float, target: float, *, completions: int, horizon: int) -> float:
    """The adaptive coefficient for the next iteration; Ziegler et al. 2019, section 2.2.

    e = clip(KL / target - 1, -0.2, 0.2) and beta <- beta (1 + e n / horizon), with n completions an iteration.
    """
    error = min(max(kl / target - 1, -0.2), 0.2)
    return kl_coef * (1 + error * completions / horizon)


def ramped_kl_target(target: float, progress: float, ramp: float) -> float:
    """The target at a progress in [0, 1]: a tenth of it at the start, all of it once progress reaches the ramp."""
    if progress >= ramp:
        return target
    return target * (0.1 + 0.9 * progress / ramp)


def _check(mask: Tensor, **tensors: Tensor) -> None:
    for name, tensor in tensors.items():
        if tensor.shape != mask.shape:
            raise ValueError(f"{name} has the shape {tuple(tensor.shape)}, the mask {tuple(mask.shape)}")
