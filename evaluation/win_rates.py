"""Win rates and means over prompts, on numbers only, with intervals that treat a prompt as one observation.

Completions of one prompt are alike, so the bootstrap draws prompts, not completions (docs/algorithms/evaluation.md).
P prompts, S and R samples a prompt.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from workbench.statistics.bootstrap import cluster_interval
from workbench.statistics.estimates import Estimate

Floats = NDArray[np.float64]


def wins_by_prompt(policy: Floats, start: Floats) -> Floats:
    """Share of sample pairs in which the policy (P, S) is above the start (P, R), ties as half: (P,).

    One prompt with scores (3, 1) against (2, 1): above, above, below, equal -> 2.5 of 4.
    """
    if policy.ndim != 2 or start.ndim != 2 or len(policy) != len(start):
        raise ValueError(
            f"scores of the same prompts are needed, (P, S) and (P, R); got {policy.shape}, {start.shape}"
        )
    difference = policy[:, :, None] - start[:, None, :]  # (P, S, R)
    return np.asarray((difference > 0).mean((1, 2)) + 0.5 * (difference == 0).mean((1, 2)), dtype=np.float64)


def win_rate(policy: Floats, start: Floats, *, draws: int, generator: np.random.Generator) -> Estimate:
    """How often a sample of the policy beats one of the start on the same prompt; n is the number of prompts."""
    return mean_over_prompts(wins_by_prompt(policy, start), draws=draws, generator=generator)


def mean_over_prompts(values: Floats, *, draws: int, generator: np.random.Generator) -> Estimate:
    """The mean of one value a prompt, (P,) or of (P, S) samples, with its bootstrap interval over prompts."""
    by_prompt = values.reshape(len(values), -1).mean(1)
    return ratio_over_prompts(by_prompt, np.ones_like(by_prompt), draws=draws, generator=generator)


def ratio_over_prompts(
    numerator: Floats,
    denominator: Floats,
    *,
    draws: int,
    generator: np.random.Generator,
    transform: Callable[[Floats], Floats] = lambda ratio: ratio,
) -> Estimate:
    """`transform(sum of numerator / sum of denominator)` over prompts (both (P,)), as an Estimate of n = P prompts."""
    sums = np.stack([numerator, denominator], axis=1).astype(np.float64)

    def statistic(totals: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return transform(totals[:, 0] / totals[:, 1])

    value = float(statistic(sums.sum(0, keepdims=True))[0])
    if not math.isfinite(value):
        return Estimate.missing("nothing to measure it on", n=len(sums))
    interval = cluster_interval(sums, statistic, draws=draws, generator=generator)
    if isinstance(interval, str):
        return Estimate(value, n=len(sums), reason=interval)
    return Estimate(value, interval.low, interval.high, n=len(sums))


def best_of_n(chooser: Floats, scores: Floats, n: int) -> Floats:
    """Expected score by prompt (P,) of the sample that `chooser` puts first among n of the S samples, both (P, S).

    Exact over all subsets: the sample of rank r from below (1..S) is chosen with probability C(r-1, n-1) / C(S, n).
    Choosing by (1, 2, 3) among n = 2 of 3: ranks 2 and 3 win 1/3 and 2/3 of the subsets.
    """
    samples = chooser.shape[1]
    if not 1 <= n <= samples:
        raise ValueError(f"n must be between 1 and the {samples} samples of a prompt, got {n}")
    weights = np.array([math.comb(r, n - 1) for r in range(samples)], dtype=np.float64) / math.comb(
        samples, n
    )
    order = np.argsort(chooser, axis=1, kind="stable")
    return np.asarray(np.take_along_axis(scores, order, axis=1) @ weights, dtype=np.float64)


def best_of_n_wins(chooser: Floats, scores: Floats, start: Floats, n: int) -> Floats:
    """Win share by prompt (P,) of best-of-n, chosen by `chooser` among samples (P, S), against other samples (P, R)."""
    difference = scores[:, :, None] - start[:, None, :]
    return best_of_n(chooser, (difference > 0).mean(2) + 0.5 * (difference == 0).mean(2), n)


def best_of_n_kl(n: int) -> float:
    """KL of best-of-n from its start, log n - (n - 1) / n: Stiennon et al. 2020, appendix G.3; exact without ties."""
    return math.log(n) - (n - 1) / n
