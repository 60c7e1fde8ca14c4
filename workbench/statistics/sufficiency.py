"""Is it enough: rankings that a wanted interval still needs, and what label noise leaves a reward model to reach."""

import math
from dataclasses import dataclass

import numpy as np

from workbench.statistics.estimates import Estimate


@dataclass(frozen=True, kw_only=True)
class Need:
    """What it takes to halve the width of an interval to a wanted one."""

    half_width: float
    """Wanted."""
    prompts: int
    """More prompts with overlap, of the kind there are; 0 where the interval is narrow enough already."""
    rankings: int
    hours: float | None
    """Annotators' time for them at the median pace; None where no times are known."""


def half_width(estimate: Estimate) -> float | None:
    """Half the interval; None where there is none."""
    if estimate.low is None or estimate.high is None:
        return None
    return (estimate.high - estimate.low) / 2


def needed(
    estimate: Estimate,
    wanted: float,
    *,
    prompts: int,
    rankings_a_prompt: float,
    seconds: float | None = None,
) -> Need | None:
    """More prompts for an interval of value -+ `wanted`, when `prompts` gave the one of `estimate`; None without one.

    The width of an interval over C prompts falls with the root of C, so it takes C (h / wanted)^2 of them.
    """
    half = half_width(estimate)
    if half is None or prompts < 2:
        return None
    # Rounded first: a width that is wanted and there but for the last bit needs nothing.
    more = max(math.ceil(round(prompts * ((half / wanted) ** 2 - 1), 6)), 0)
    rankings = math.ceil(more * rankings_a_prompt)
    return Need(
        half_width=wanted,
        prompts=more,
        rankings=rankings,
        hours=None if seconds is None else rankings * seconds / 3600,
    )


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """How often the best possible reward model would side with a single annotator's decisive judgement."""

    low: Estimate
    """If every pair is either clear to all or a coin flip."""
    high: Estimate
    """If annotators are as noisy on one pair as on any other."""


def reward_model_ceiling(decisive: Estimate) -> Ceiling:
    """Bounds on the accuracy against single labels, from the raw agreement `a` of two decisive judgements.

    Let the better-liked completion of a pair win a judgement with probability q >= 1/2, independently. Then
    a = E[q^2 + (1 - q)^2], so E[(2q - 1)^2] = 2a - 1, and a model that always names the better-liked one is right
    with E[q]. Since (2q - 1)^2 <= 2q - 1 <= 1, and by Jensen: a <= E[q] <= (1 + sqrt(2a - 1)) / 2.
    """
    if decisive.value is None:
        missing = Estimate.missing(str(decisive.reason), decisive.n)
        return Ceiling(low=missing, high=missing)
    if decisive.value <= 0.5:
        missing = Estimate.missing("annotators agree no more than coins would", decisive.n)
        return Ceiling(low=missing, high=missing)
    low, high = (None if end is None else max(end, 0.5) for end in (decisive.low, decisive.high))
    return Ceiling(
        low=Estimate(decisive.value, low, high, decisive.n),
        high=Estimate(
            _same_noise(decisive.value),
            None if low is None else _same_noise(low),
            None if high is None else _same_noise(high),
            decisive.n,
        ),
    )


def _same_noise(agreement: float) -> float:
    return (1 + math.sqrt(max(2 * agreement - 1, 0))) / 2


def majority_accuracy(agreement: float, votes: int) -> float:
    """How often the majority of an odd number of decisive votes names the better-liked one, all pairs equally noisy.

    Binomial with q = (1 + sqrt(2a - 1)) / 2: the sum over more than half of the votes of C(m, i) q^i (1 - q)^(m - i).
    """
    if votes % 2 == 0 or votes < 1:
        raise ValueError(f"votes must be odd, got {votes}")
    q = _same_noise(agreement)
    wins = np.arange(votes // 2 + 1, votes + 1)
    return float(sum(math.comb(votes, int(i)) * q**i * (1 - q) ** (votes - i) for i in wins))
