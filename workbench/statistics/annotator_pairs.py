"""Agreement of every two annotators, from the list of all meetings of two judgements."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workbench.statistics.agreement import NO_DECISIVE
from workbench.statistics.bootstrap import Floats, cluster_sums, ratio
from workbench.statistics.estimates import Estimate
from workbench.statistics.groups import group_rows
from workbench.statistics.kappa import cohen_kappa
from workbench.statistics.pairs import Integers, PairLabels

MEETING_LIMIT = 50_000_000
"""Meetings that are listed one by one, for pairs of annotators; the panel's own figures know no limit."""
FEW = 30
"""Below this many meetings a pair of annotators gets no interval, and its figures carry a warning."""
FEW_REASON = f"fewer than {FEW} judgements in common"
NO_KAPPA = "both gave one and the same label throughout, so kappa is undefined"


@dataclass(frozen=True, kw_only=True)
class PairFigures:
    """Two annotators, by their place in the list of annotators."""

    one: int
    two: int
    with_ties: Estimate
    decisive: Estimate
    kappa: Estimate
    """Cohen's kappa, unweighted, symmetrised over which completion is called first."""


@dataclass(frozen=True, kw_only=True)
class Meetings:
    """Every two judgements of one unit, each once: rows of the pair labels, (M,) each."""

    one: Integers
    two: Integers


def meetings(labels: PairLabels, limit: int = MEETING_LIMIT) -> Meetings | str:
    """All pairs of rows on the same unit, one annotator's own included, or why they are not listed."""
    order = np.argsort(labels.unit, kind="stable")
    _, starts, sizes = np.unique(labels.unit[order], return_index=True, return_counts=True)
    total = int((sizes * (sizes - 1) // 2).sum())
    if total > limit:
        return f"{total:,} meetings of judgements are too many to list (at most {limit:,})"
    ones, twos = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for size in np.unique(sizes[sizes > 1]):
        block = order[starts[sizes == size][:, None] + np.arange(size)]  # (units of this size, size)
        i, j = np.triu_indices(size, 1)
        ones.append(block[:, i].ravel())
        twos.append(block[:, j].ravel())
    return Meetings(one=np.concatenate(ones), two=np.concatenate(twos))


def annotator_pairs(labels: PairLabels, met: Meetings, *, intervals: bool = True) -> list[PairFigures]:
    """One entry for every two annotators that met, the most frequent first.

    There may be thousands, so their intervals come from a jackknife over prompts, all pairs at once, instead of from
    resamples: value -+ 1.96 standard errors, within the range of the figure.
    """
    swap = labels.annotator[met.one] > labels.annotator[met.two]
    one, two = np.where(swap, met.two, met.one), np.where(swap, met.one, met.two)
    apart = labels.annotator[one] != labels.annotator[two]
    one, two = one[apart], two[apart]
    judges = max(len(labels.judges), 1)
    # Meetings of one pair of annotators on one prompt are a cluster.
    couple = labels.annotator[one] * judges + labels.annotator[two]
    clusters = group_rows(couple * max(labels.num_prompts, 1) + labels.prompt[one])
    sums = _cells(clusters.group, labels.label[one], labels.label[two], len(clusters))
    found = group_rows(clusters.keys // max(labels.num_prompts, 1))
    couples, pair = found.keys, found.group
    totals = cluster_sums(pair, sums, len(couples))
    sizes = np.round(totals.sum(1)).astype(int)
    sides = np.round(totals[:, [0, 2, 6, 8]].sum(1)).astype(int)
    columns = {
        name: jackknife(statistic, sums, pair, totals, limits if intervals else None)
        for name, (statistic, limits) in _PAIR_STATISTICS.items()
    }
    figures = []
    for i in np.argsort(-sizes, kind="stable"):
        a, b = divmod(int(couples[i]), judges)
        n, enough = int(sizes[i]), sizes[i] >= FEW

        def estimate(name: str, n: int, reason: str, i: int = i, enough: bool = enough) -> Estimate:
            value, low, high = (float(column[i]) for column in columns[name])
            if not np.isfinite(value):
                return Estimate.missing(reason, n)
            if not enough:
                return Estimate(value, n=n, reason=FEW_REASON)
            return Estimate(value, low, high, n) if np.isfinite(low) else Estimate(value, n=n)

        figures.append(
            PairFigures(
                one=a,
                two=b,
                with_ties=estimate("with_ties", n, "they never met"),
                decisive=estimate("decisive", int(sides[i]), NO_DECISIVE),
                kappa=estimate("kappa", n, NO_KAPPA),
            )
        )
    return figures


def jackknife(
    statistic: Callable[[Floats], Floats],
    sums: Floats,
    pair: Integers,
    totals: Floats,
    limits: tuple[float, float] | None,
) -> tuple[Floats, Floats, Floats]:
    """The statistic of each row of `totals` (P, S), and the ends of its interval; NaN where there is none.

    `sums` (C, S) are the clusters and `pair` (C,) says to which row of `totals` each belongs. The variance is
    (C - 1) / C times the squared deviations of the values without one cluster (Efron and Tibshirani 1993, eq. 11.5).
    """
    value = statistic(totals)
    if limits is None:
        return value, np.full_like(value, np.nan), np.full_like(value, np.nan)
    without = statistic(totals[pair] - sums)
    good = np.isfinite(without)
    size = np.bincount(pair, minlength=len(totals))
    kept = np.bincount(pair[good], minlength=len(totals))
    mean = np.bincount(pair[good], weights=without[good], minlength=len(totals)) / np.maximum(kept, 1)
    square = np.bincount(pair[good], weights=(without - mean[pair])[good] ** 2, minlength=len(totals))
    error = np.sqrt(square * (kept - 1) / np.maximum(kept, 1))
    # Where leaving out a prompt leaves nothing to compute, the jackknife has nothing to say.
    error = np.where((size > 1) & (kept == size), error, np.nan)
    return value, np.maximum(value - 1.96 * error, limits[0]), np.minimum(value + 1.96 * error, limits[1])


def _cells(cluster: Integers, one: Integers, two: Integers, size: int) -> Floats:
    """The 3 by 3 table of each cluster's meetings, half in each orientation: (size, 9)."""
    cell = cluster * 9 + (one + 1) * 3 + two + 1
    counts = np.bincount(cell, minlength=size * 9).reshape(size, 9)
    return np.asarray((counts + counts[:, ::-1]) / 2)


def _cell_agreement(totals: Floats) -> Floats:
    agreed = totals[..., [0, 4, 8]].sum(-1)
    return ratio(np.stack([agreed, totals.sum(-1)], axis=-1))


def _cell_decisive(totals: Floats) -> Floats:
    agreed = totals[..., [0, 8]].sum(-1)
    return ratio(np.stack([agreed, totals[..., [0, 2, 6, 8]].sum(-1)], axis=-1))


def _cell_kappa(totals: Floats) -> Floats:
    return cohen_kappa(totals.reshape(*totals.shape[:-1], 3, 3))


_PAIR_STATISTICS: dict[str, tuple[Callable[[Floats], Floats], tuple[float, float]]] = {
    "with_ties": (_cell_agreement, (0, 1)),
    "decisive": (_cell_decisive, (0, 1)),
    "kappa": (_cell_kappa, (-1, 1)),
}
