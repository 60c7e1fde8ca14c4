"""Reward accuracy: how often scores order two completions as labels or a ground truth do, beside the label ceiling."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.win_rates import ratio_over_prompts
from workbench.records import Comparison
from workbench.statistics.estimates import Estimate

Floats = NDArray[np.float64]
BINS = 10


@dataclass(frozen=True)
class Pairs:
    """Decisive judgements: the margin of the scores, signed so that positive agrees with the label, and the prompt."""

    margin: Floats  # (N,) score of the preferred completion less that of the other
    prompt: NDArray[np.int64]  # (N,)


def pairs_of_labels(comparisons: Sequence[Comparison], scores: Sequence[Sequence[float]]) -> Pairs:
    """Every strict preference of every ranking, with the scores of its two completions; equal texts are no pair."""
    margins: list[float] = []
    prompts: list[int] = []
    for number, (comparison, values) in enumerate(zip(comparisons, scores, strict=True)):
        for preferred, other in (
            pair for r in _rank_lists(comparison) for pair in _strict_pairs(comparison, r)
        ):
            margins.append(values[preferred] - values[other])
            prompts.append(number)
    return Pairs(np.array(margins), np.array(prompts, dtype=np.int64))


def pairs_of_truth(truth: Floats, scores: Floats) -> Pairs:
    """Every pair of samples of one prompt that the truth (P, S) tells apart, with the scores (P, S)."""
    a, b = np.triu_indices(truth.shape[1], 1)
    sign = np.sign(truth[:, a] - truth[:, b])  # (P, pairs)
    margin = (scores[:, a] - scores[:, b]) * sign
    prompt = np.broadcast_to(np.arange(len(truth))[:, None], margin.shape)
    return Pairs(margin[sign != 0], prompt[sign != 0].astype(np.int64))


def accuracy(pairs: Pairs, *, draws: int, generator: np.random.Generator) -> Estimate:
    """Share of pairs that the scores order rightly, equal scores as half; the interval is over prompts."""
    right = (np.sign(pairs.margin) + 1) / 2
    return _over_prompts(right, pairs.prompt, draws, generator)


def label_ceiling(
    comparisons: Sequence[Comparison], *, draws: int, generator: np.random.Generator
) -> Estimate:
    """The highest accuracy against single labels that any scores can reach, from pairs that two annotators judged.

    If each sides with the truth with probability p, two agree with a = p^2 + (1 - p)^2, so p = (1 + sqrt(2a - 1)) / 2.
    Agreement of 0.68 gives 0.80. Pairs that are clearer than others make it an upper bound (Jensen).
    """
    agree, total, prompts = [], [], []
    for number, comparison in enumerate(comparisons):
        judged = [
            (r.annotator, set(_strict_pairs(comparison, r.ranks))) for r in comparison.rankings if r.ranks
        ]
        for i, (one, first) in enumerate(judged):
            for other, second in judged[:i]:
                if one != other:
                    same, opposite = len(first & second), len(first & {(b, a) for a, b in second})
                    agree.append(float(same))
                    total.append(float(same + opposite))
                    prompts.append(number)
    if not sum(total):
        return Estimate.missing("no pair was judged by two annotators")
    number_of = np.array(prompts)
    sums = [
        np.bincount(number_of, weights=np.array(v), minlength=len(comparisons)).astype(np.float64)
        for v in (agree, total)
    ]
    found = ratio_over_prompts(
        sums[0],
        sums[1],
        draws=draws,
        generator=generator,
        transform=lambda a: (1 + np.sqrt(np.maximum(2 * a - 1, 0))) / 2,
    )
    return Estimate(found.value, found.low, found.high, n=int(sum(total)), reason=found.reason)


def calibration_error(
    pairs: Pairs, *, temperature: float, draws: int, generator: np.random.Generator
) -> Estimate:
    """Mean gap between stated confidence sigmoid(|margin| / temperature) and accuracy, in ten bins of equal count.

    Guo et al. 2017, eq. 3, with equal counts in place of equal widths. Sampling noise pushes it upwards.
    """
    if len(pairs.margin) < 10 * BINS:
        return Estimate.missing(f"fewer than {10 * BINS} decisive pairs", n=len(pairs.margin))
    confidence = 1 / (1 + np.exp(-np.abs(pairs.margin) / temperature))
    gap = confidence - (np.sign(pairs.margin) + 1) / 2
    bins = np.empty(len(gap), dtype=np.int64)
    bins[np.argsort(confidence, kind="stable")] = np.arange(len(gap)) * BINS // len(gap)

    def error(chosen: NDArray[np.int64]) -> float:
        return float(
            np.abs(np.bincount(bins[chosen], weights=gap[chosen], minlength=BINS)).sum() / len(chosen)
        )

    by_prompt = [np.flatnonzero(pairs.prompt == p) for p in np.unique(pairs.prompt)]
    resampled = [
        error(np.concatenate([by_prompt[i] for i in generator.integers(len(by_prompt), size=len(by_prompt))]))
        for _ in range(min(draws, 500))
    ]
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Estimate(error(np.arange(len(gap))), float(low), float(high), n=len(gap))


def _over_prompts(
    values: Floats, prompt: NDArray[np.int64], draws: int, generator: np.random.Generator
) -> Estimate:
    if not len(values):
        return Estimate.missing("no decisive pair")
    _, number = np.unique(prompt, return_inverse=True)
    sums = np.bincount(number, weights=values).astype(np.float64)
    found = ratio_over_prompts(sums, np.bincount(number).astype(np.float64), draws=draws, generator=generator)
    assert found.value is not None and math.isfinite(found.value)
    return Estimate(found.value, found.low, found.high, n=len(values), reason=found.reason)


def _rank_lists(comparison: Comparison) -> list[tuple[int | None, ...]]:
    return [ranking.ranks for ranking in comparison.rankings if ranking.ranks is not None]


def _strict_pairs(comparison: Comparison, ranks: tuple[int | None, ...] | None) -> list[tuple[int, int]]:
    """(preferred, other) for every two ranked completions with different ranks and different texts."""
    texts = [completion.text for completion in comparison.completions]
    ranked = [(i, rank) for i, rank in enumerate(ranks or ()) if rank is not None]
    return [(i, j) for i, a in ranked for j, b in ranked if a < b and texts[i] != texts[j]]
