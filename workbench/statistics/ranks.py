"""Rank correlation with ties: Kendall's tau-b and W, Spearman's rho, and mid-ranks."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def mid_ranks(values: ArrayLike) -> Floats:
    """Ranks along the last axis, 1 for the smallest, ties sharing the mean of their places; (..., K) -> (..., K)."""
    x = np.asarray(values, np.float64)
    smaller = (x[..., None, :] < x[..., :, None]).sum(-1)
    equal = (x[..., None, :] == x[..., :, None]).sum(-1)
    return np.asarray(smaller + (equal + 1) / 2, np.float64)


def kendall_tau_b(x: ArrayLike, y: ArrayLike) -> float | None:
    """Kendall's tau-b of two lists (K,): (C - D) / sqrt((C + D + T_x)(C + D + T_y)); Kendall 1945, Biometrika 33:239.

    None where one list is tied throughout: it orders nothing.
    """
    one, two = _signs(x), _signs(y)
    scale = np.sqrt(float(np.abs(one).sum()) * float(np.abs(two).sum()))
    return None if scale == 0 else float((one * two).sum() / scale)


def spearman_rho(x: ArrayLike, y: ArrayLike) -> float | None:
    """Spearman's rho: Pearson's correlation of the mid-ranks; None where one list is tied throughout."""
    one, two = mid_ranks(x), mid_ranks(y)
    one, two = one - one.mean(), two - two.mean()
    scale = np.sqrt(float((one**2).sum() * (two**2).sum()))
    return None if scale == 0 else float((one * two).sum() / scale)


def kendall_w(ranks: ArrayLike, *, correct_ties: bool = True) -> float | None:
    """Kendall's coefficient of concordance of m rankers on K items, ranks (m, K); Siegel 1956, ch. 9.

    W = 12 S / (m^2 (K^3 - K) - m sum T) with S the squared deviations of the rank sums from their mean and T the sum of
    t^3 - t over a ranker's groups of t tied items. None where every ranker ties everything.
    """
    table = mid_ranks(ranks)
    if table.ndim != 2 or min(table.shape) < 2:
        raise ValueError(f"W needs at least two rankers and two items, got ranks of shape {table.shape}")
    value = float(concordance(table, correct_ties=correct_ties))
    return value if np.isfinite(value) else None


def concordance(mid: Floats, *, correct_ties: bool = True) -> Floats:
    """Kendall's W of many panels at once, from mid-ranks (..., m, K): (...), NaN where undefined."""
    m, k = mid.shape[-2:]
    sums = mid.sum(-2)
    spread = ((sums - sums.mean(-1, keepdims=True)) ** 2).sum(-1)
    scale = np.asarray(m**2 * (k**3 - k) - (m * tie_term(mid).sum(-1) if correct_ties else 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(12 * spread / np.where(scale == 0, np.nan, scale))


def tie_term(ranks: ArrayLike) -> Floats:
    """Sum of t^3 - t over the groups of t tied items along the last axis; (..., K) -> (...)."""
    x = np.asarray(ranks, np.float64)
    group = (x[..., None, :] == x[..., :, None]).sum(-1)
    # Each of the t members of a group adds (t^3 - t) / t.
    return np.asarray((group**2 - 1).sum(-1), np.float64)


def _signs(values: ArrayLike) -> NDArray[np.int64]:
    """The sign of each pair's difference; (K,) -> (K (K - 1) / 2,)."""
    x = np.asarray(values, np.float64)
    one, two = np.triu_indices(len(x), 1)
    return np.sign(x[one] - x[two]).astype(np.int64)
