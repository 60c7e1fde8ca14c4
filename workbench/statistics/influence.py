"""Who moves the number: the agreement of a panel without each of its annotators, and a jackknife over them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.statistics.agreement import LABELS, count_units, fold, unfold
from workbench.statistics.alpha import alpha_of_coincidences
from workbench.statistics.bootstrap import Floats, cluster_sums, ratio
from workbench.statistics.estimates import Estimate
from workbench.statistics.groups import Integers, group_equal_rows, group_rows
from workbench.statistics.pairs import PairLabels


@dataclass(frozen=True, kw_only=True)
class Without:
    """The panel's figures with one annotator left out; None where nothing is left to compute."""

    decisive: float | None
    alpha: float | None
    meetings: int
    """Meetings that are left."""


@dataclass(frozen=True, kw_only=True)
class Influence:
    """What leaving out single annotators does."""

    without: Sequence[Without]
    """In the order of the labels' judges."""
    decisive_error: Estimate
    """Standard error over annotators of raw decisive agreement; n counts annotators."""
    alpha_error: Estimate
    """The same of nominal alpha."""


def influence_of_annotators(labels: PairLabels) -> Influence:
    """Leave each annotator out in turn; all at once, in time of order N.

    The jackknife's standard error is the root of (A - 1) / A times the squared deviations of the A figures from their
    mean (Efron and Tibshirani 1993, eq. 11.5): how far the number depends on who happened to be on the panel.
    """
    size = len(labels.judges)
    counts = count_units(labels)
    met, coincident = fold(counts.met), fold(counts.coincidences)
    who, unit, own, times = _cases(labels, counts.counts, met)
    # A unit without the annotator: fewer judgements, and fewer meetings by those that were theirs.
    others = counts.counts[unit] - own
    lost = 2 * _kinds(own, others)
    left = met[unit] - lost
    pairs = left.sum(1)
    left_coincident = left * (others.sum(1) / np.where(pairs > 0, pairs, 1))[:, None]
    lost_met = cluster_sums(who, lost / 2 * times, size)
    lost_coincident = cluster_sums(who, (coincident[unit] - left_coincident) * times, size)
    met_without = met.sum(0) / 2 - lost_met
    coincident_without = np.maximum(coincident.sum(0) - lost_coincident, 0)
    decisive = ratio(np.stack([met_without[:, 0], met_without[:, 0] + met_without[:, 2]], axis=-1))
    alpha = alpha_of_coincidences(unfold(coincident_without), LABELS, "nominal")
    alpha = np.where(met_without.sum(1) > 0.5, alpha, np.nan)
    return Influence(
        without=[
            Without(decisive=_number(d), alpha=_number(a), meetings=round(float(m)))
            for d, a, m in zip(decisive, alpha, met_without.sum(1), strict=True)
        ],
        decisive_error=_jackknife_error(decisive),
        alpha_error=_jackknife_error(alpha),
    )


def _cases(labels: PairLabels, counts: Floats, met: Floats) -> tuple[Integers, Integers, Floats, Floats]:
    """What annotators said of units, equal cases once: annotator, a unit like it, own counts (D, 3), how often (D, 1).

    Units judged alike are interchangeable, and millions of them are judged in few ways.
    """
    votes = labels.votes
    alike = group_equal_rows(np.concatenate([counts, met], axis=1).astype(np.int64))
    base = int(counts.max(initial=0)) + 1
    place = base ** np.arange(3)
    # Own counts as one number, a digit for each label.
    if len(votes.unit) == len(labels):
        said = place[labels.label[votes.row] + 1]
    else:
        size = len(votes.unit) * 3
        said = np.bincount(votes.group * 3 + labels.label + 1, minlength=size).reshape(-1, 3) @ place
    own = group_rows(said)
    cases = group_rows((votes.annotator * len(alike) + alike.group[votes.unit]) * len(own) + own.group)
    at = cases.row
    return (
        votes.annotator[at],
        votes.unit[at],
        said[at][:, None] // place % base,
        cases.size[:, None].astype(float),
    )


def _kinds(one: Floats, two: Floats) -> Floats:
    """Pairs of a judgement of `one` with one of `two`, counts of -1, 0, 1 (G, 3), by kind as in `fold`: (G, 4)."""
    return np.stack(
        [
            one[:, 0] * two[:, 0] + one[:, 2] * two[:, 2],
            one[:, 1] * two[:, 1],
            one[:, 0] * two[:, 2] + one[:, 2] * two[:, 0],
            one[:, 1] * (two[:, 0] + two[:, 2]) + two[:, 1] * (one[:, 0] + one[:, 2]),
        ],
        axis=1,
    )


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _jackknife_error(without: Floats) -> Estimate:
    n = len(without)
    if n < 3:
        return Estimate.missing("a jackknife needs three annotators", n)
    if not np.isfinite(without).all():
        return Estimate.missing("without one of the annotators there is no figure left", n)
    return Estimate(float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())), n=n)
