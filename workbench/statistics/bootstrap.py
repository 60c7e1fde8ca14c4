"""Intervals by resampling clusters: the judgements on one prompt hang together, so prompts are drawn, not judgements.

A statistic here is a function of sums: each cluster gives a row of S numbers, the rows are added, and the statistic
is computed from the S totals (agreements and pairs; the cells of a confusion matrix; and so on). Clusters with equal
rows are interchangeable, so a draw of C clusters with replacement is one multinomial draw over the distinct rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from workbench.statistics.estimates import Estimate

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""From totals (..., S) to values (...); NaN where the totals do not define it."""

CELLS_PER_CHUNK = 20_000_000
"""Draws times distinct rows held at once, to bound memory at about 160 MB."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval, and the share of draws in which the statistic was defined."""

    low: float
    high: float
    defined: float = 1.0


def cluster_sums(cluster: NDArray[np.int64], values: NDArray[np.generic], num_clusters: int) -> Floats:
    """Rows of `values` (N, S) added up by cluster: (num_clusters, S)."""
    return column_sums(cluster, list(values.T), num_clusters)


def column_sums(
    cluster: NDArray[np.int64], columns: Sequence[NDArray[np.generic]], num_clusters: int
) -> Floats:
    """The same from S columns (N,), which may be of any type."""
    out = np.empty((num_clusters, len(columns)))
    for i, column in enumerate(columns):
        out[:, i] = np.bincount(cluster, weights=column, minlength=num_clusters)
    return out


def distinct_rows(sums: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The distinct rows of `sums` (C, S), and how many clusters have each; clusters of zeros are kept out.

    A cluster that carries nothing (a prompt with a single judgement) changes no total; leaving it out takes the number
    of clusters that do as given.
    """
    rows = sums[np.any(sums != 0, axis=1)]
    if not len(rows):
        return rows, np.empty(0, np.int64)
    # Rows are told apart by one random combination of their numbers, which sorts far faster than whole rows do.
    mark = rows @ np.random.default_rng(0).normal(size=rows.shape[1])
    order = np.argsort(mark)
    mark, ordered = mark[order], rows[order]
    new = np.ones(len(mark), bool)
    new[1:] = mark[1:] != mark[:-1]
    counts = np.diff(np.flatnonzero(new), append=len(mark))
    if not np.array_equal(np.repeat(ordered[new], counts, axis=0), ordered):
        distinct, counts = np.unique(rows, axis=0, return_counts=True)
        return distinct, counts.astype(np.int64)
    return ordered[new], counts.astype(np.int64)


def _draw(rows: Floats, counts: NDArray[np.int64], draws: int, generator: np.random.Generator) -> Floats:
    """Totals of `draws` resamples of as many clusters: (draws, S)."""
    out = np.zeros((draws, rows.shape[1]))
    if not len(rows):
        return out
    total = int(counts.sum())
    chunk = max(1, CELLS_PER_CHUNK // len(rows))
    for start in range(0, draws, chunk):
        size = min(chunk, draws - start)
        out[start : start + size] = generator.multinomial(total, counts / total, size=size) @ rows
    return out


def percentile_interval(values: Floats, level: float = 0.95) -> Interval | str:
    """The middle `level` of resampled values (draws,), or why there is no interval.

    Draws in which the statistic is undefined (NaN) are left out; with more than a tenth of them none is given.
    """
    kept = values[np.isfinite(values)]
    defined = len(kept) / max(len(values), 1)
    if defined < 0.9:
        return f"undefined in {1 - defined:.0%} of the resamples"
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), defined)


METHODS = ("percentile", "bca")


@dataclass(frozen=True, kw_only=True)
class Resampled:
    """Cluster sums, their totals, and the totals of resamples of the clusters: what many statistics share."""

    rows: Floats
    """The distinct rows of the sums, (D, S), and how many clusters have each."""
    counts: NDArray[np.int64]
    totals: Floats
    """(S,)"""
    draws: Floats | None
    """(B, S); None where no intervals are wanted."""
    method: str

    @property
    def clusters(self) -> int:
        """Clusters that carry anything."""
        return int(self.counts.sum())

    def interval(self, statistic: Statistic, level: float = 0.95) -> Interval | str:
        """The interval of a statistic of the totals, or the reason why there is none."""
        if self.draws is None:
            return "no intervals were asked for"
        if self.clusters < 2:
            return "an interval needs at least two prompts"
        values = statistic(self.draws)
        interval = percentile_interval(values, level)
        if self.method == "percentile" or isinstance(interval, str):
            return interval
        values = values[np.isfinite(values)]
        tails = np.array([(1 - level) / 2, (1 + level) / 2])
        low, high = np.quantile(values, _bca_levels(values, self.rows, self.counts, statistic, tails))
        return Interval(float(low), float(high), interval.defined)

    def estimate(self, statistic: Statistic, *, n: float, reason: str) -> Estimate:
        """The statistic of the totals with its interval; `reason` says why there is none where it is undefined."""
        value = float(statistic(self.totals))
        if not np.isfinite(value):
            return Estimate.missing(reason, round(n))
        interval = self.interval(statistic)
        if isinstance(interval, str):
            return Estimate(value, n=round(n))
        return Estimate(value, interval.low, interval.high, round(n))

    def share(self, column: int, reason: str) -> Estimate:
        """The ratio of a column over the next one, whose total is its n."""
        both = slice(column, column + 2)
        return self.estimate(
            lambda totals: ratio(totals[..., both]), n=self.totals[column + 1], reason=reason
        )


def resample(
    sums: Floats, *, draws: int, generator: np.random.Generator, method: str = "percentile"
) -> Resampled:
    """Draw `draws` resamples of the clusters whose sums are the rows (C, S); 0 draws, no intervals.

    `percentile` intervals are the quantiles of the draws; `bca` corrects them for bias and skew, with the acceleration
    from a jackknife over clusters (Efron 1987, JASA 82:171-185, eq. 2.3 and 6.6).
    """
    if method not in METHODS:
        raise ValueError(f"method must be percentile or bca, got {method!r}")
    rows, counts = distinct_rows(sums)
    drawn = _draw(rows, counts, draws, generator) if draws else None
    return Resampled(rows=rows, counts=counts, totals=sums.sum(0), draws=drawn, method=method)


def cluster_interval(
    sums: Floats,
    statistic: Statistic,
    *,
    draws: int,
    generator: np.random.Generator,
    level: float = 0.95,
    method: str = "percentile",
) -> Interval | str:
    """The bootstrap interval of a statistic of cluster sums (C, S), or the reason why there is none."""
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    return resample(sums, draws=draws, generator=generator, method=method).interval(statistic, level)


def _bca_levels(
    values: Floats, rows: Floats, counts: NDArray[np.int64], statistic: Statistic, tails: Floats
) -> Floats:
    """The levels at which to read the draws; the plain ones where the correction is undefined."""
    total = counts @ rows
    estimate = float(statistic(total))
    below = (np.sum(values < estimate) + np.sum(values == estimate) / 2) / len(values)
    without = statistic(total - rows)
    good = np.isfinite(without)
    centre = np.average(without[good], weights=counts[good]) if good.any() else 0.0
    gap = centre - without[good]
    spread = float(counts[good] @ gap**2)
    if not 0 < below < 1 or spread == 0:
        return tails
    acceleration = float(counts[good] @ gap**3) / (6 * spread**1.5)
    bias = ndtri(below)
    normal = bias + ndtri(tails)
    return np.asarray(ndtr(bias + normal / (1 - acceleration * normal)), np.float64)


def ratio(totals: Floats) -> Floats:
    """The first of two totals over the second, NaN where the second is 0; totals (..., 2) -> (...)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(totals[..., 0] / np.where(totals[..., 1] == 0, np.nan, totals[..., 1]))
