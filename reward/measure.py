"""How good a reward model is: accuracy, calibration and the ceiling that the labels set, with intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.modeling.ranking_losses import TIES
from workbench.modeling.rankings import RankedGroup
from workbench.seeds import numpy_generator
from workbench.statistics.bootstrap import cluster_interval, cluster_sums, ratio
from workbench.statistics.estimates import Estimate

DRAWS = 1000
BINS = 10
FEWEST_PAIRS = 20  # To fit a temperature on; below, scores are taken as they are.

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Judgements:
    """P judgements of annotators on pairs of completions, and how far apart the scores put these."""

    margin: Floats
    """(P,): score of the first less that of the second."""
    order: Integers
    """(P,): 1 where the annotator put the first above, -1 below, 0 for a tie."""
    comparison: Integers
    """(P,): the comparison, which is the unit that intervals resample."""

    @property
    def decisive(self) -> NDArray[np.bool_]:
        """(P,): not ties."""
        return np.asarray(self.order != 0)

    def where(self, mask: NDArray[np.bool_]) -> "Judgements":
        """Those of `mask`."""
        return Judgements(self.margin[mask], self.order[mask], self.comparison[mask])


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns margins into probabilities: margin / temperature, under a tie model with this parameter."""

    temperature: float
    log_width: float
    ties: str

    def win_probability(self, margin: Floats) -> Floats:
        """P(first is better | no tie), (P,)."""
        win, lose = (self._likelihood(margin, order) for order in (1, -1))
        return win / (win + lose)

    def tie_probability(self, margin: Floats) -> Floats:
        """P(tie), (P,); 0 under policies that have no ties."""
        if self.ties in ("half", "drop"):
            return np.zeros_like(margin)
        return self._likelihood(margin, 0)

    def _likelihood(self, margin: Floats, order: int) -> Floats:
        return np.exp(-self.losses(margin, np.full(len(margin), order)))

    def losses(self, margin: Floats, order: Integers) -> Floats:
        """Negative log-likelihood of each judgement, (P,)."""
        values = torch.from_numpy(margin / self.temperature)
        width = torch.tensor(self.log_width, dtype=torch.float64)
        return np.asarray(TIES[self.ties](values, torch.from_numpy(order).double(), width).numpy())


def judgements(scores: Sequence[Floats], groups: Sequence[RankedGroup]) -> Judgements:
    """All judgements on the groups' completions; `scores` holds (K,) for each group."""
    margins, orders, comparisons = [], [], []
    for number, (values, group) in enumerate(zip(scores, groups, strict=True)):
        i, j = np.triu_indices(len(values), 1)
        for ranks in group.ranks:
            a, b = ranks[i], ranks[j]
            valid = (a > 0) & (b > 0) & (group.twins[i] != group.twins[j])
            margins.append((values[i] - values[j])[valid])
            orders.append(np.sign(b - a)[valid])
            comparisons.append(np.full(int(valid.sum()), number))
    if not margins:
        return Judgements(np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64))
    return Judgements(np.concatenate(margins), np.concatenate(orders), np.concatenate(comparisons))


def fit_calibration(found: Judgements, *, ties: str, log_width: float) -> Calibration:
    """Temperature and tie parameter of greatest likelihood on judgements; as trained where these are too few.

    Weak priors (log-normal, around temperature 1 with spread 2 and around the trained tie parameter with spread 1)
    keep both finite where, say, no tie was seen.
    """
    as_trained = Calibration(1.0, log_width, ties)
    usable = found.where(found.decisive) if ties == "drop" else found
    if len(usable.margin) < FEWEST_PAIRS:
        return as_trained
    margin, order = torch.from_numpy(usable.margin), torch.from_numpy(usable.order).double()
    start = torch.tensor([0.0, log_width], dtype=torch.float64)
    free = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([free], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        nll = TIES[ties](margin * torch.exp(-free[0]), order, free[1]).sum()
        prior = ((free - start) / torch.tensor([2.0, 1.0], dtype=torch.float64)).square().sum() / 2
        total: torch.Tensor = nll + prior
        total.backward()  # type: ignore[no-untyped-call]  # torch ships this method untyped
        return total

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    log_temperature, width = free.detach().tolist()
    return Calibration(math.exp(log_temperature), width, ties)


def measure(
    found: Judgements, *, ties: str, log_width: float, seed: int, fixed: Calibration | None = None
) -> dict[str, Any]:
    """Accuracy, log-loss and calibration error of scores on judgements, each as an estimate with its interval.

    Without `fixed`, probabilities come from calibrations fitted on the other half of the comparisons, so that no
    judgement is predicted with itself. `ece_uncalibrated` takes the scores as they are.
    """
    raw = Calibration(1.0, log_width, ties)
    fold = found.comparison % 2
    win, losses = np.empty_like(found.margin), np.empty_like(found.margin)
    for half in (0, 1):
        here = fold == half
        calibration = fixed or fit_calibration(found.where(~here), ties=ties, log_width=log_width)
        win[here] = calibration.win_probability(found.margin[here])
        losses[here] = calibration.losses(found.margin[here], found.order[here])
    decisive = found.decisive
    counted = decisive if ties == "drop" else np.ones_like(decisive)
    generator = numpy_generator(seed, "measure")
    return {
        "accuracy": accuracy(found, seed).to_json(),
        "log_loss": _mean(losses, counted, found.comparison, generator).to_json(),
        "ece": expected_calibration_error(win, found, generator).to_json(),
        "ece_uncalibrated": expected_calibration_error(
            raw.win_probability(found.margin), found, generator
        ).to_json(),
    }


def accuracy(found: Judgements, seed: int) -> Estimate:
    """Share of decisive pairs that the scores order as the annotator did."""
    return _mean(correct(found), found.decisive, found.comparison, numpy_generator(seed, "measure"))


def correct(found: Judgements) -> Floats:
    """(P,): 1 where the scores order a decisive pair as the annotator did, 1/2 where they are equal, else 0."""
    return np.asarray((np.sign(found.margin) * found.order + 1) / 2, dtype=np.float64)


def expected_calibration_error(win: Floats, found: Judgements, generator: np.random.Generator) -> Estimate:
    """Mean gap between stated confidence and accuracy over decisive pairs, in ten bins of equal count.

    Confidence is the probability of the side that the scores prefer (Guo et al. 2017, eq. 3, with equal-count bins).
    The value carries the upward bias that sampling noise gives any such sum: see its interval.
    """
    decisive = found.decisive
    count = int(decisive.sum())
    if count < FEWEST_PAIRS:
        return Estimate.missing(f"fewer than {FEWEST_PAIRS} decisive pairs", n=count)
    confidence = np.maximum(win, 1 - win)[decisive]
    right, comparison = correct(found)[decisive], found.comparison[decisive]
    order = np.argsort(confidence, kind="stable")
    bins = np.empty(count, np.int64)
    bins[order] = np.arange(count) * BINS // count
    # Sums by bin of (confidence - right), and of 1: a bin's part of the error is the absolute value of the first.
    columns = np.zeros((count, BINS + 1))
    columns[np.arange(count), bins] = confidence - right
    columns[:, BINS] = 1.0
    return _estimate(columns, comparison, count, generator, _ece_of_totals)


def label_ceiling(groups: Sequence[RankedGroup], seed: int) -> Estimate:
    """The highest accuracy that any scores can reach on single labels as noisy as these.

    Two annotators agree on a decisive pair with probability a = p^2 + (1 - p)^2, where p is how surely one sides with
    the majority; so p = (1 + sqrt(2a - 1)) / 2. Pairs that are surer than others make this an upper bound, by
    Jensen's inequality. It needs pairs that two different annotators judged.
    """
    rows, comparisons = [], []
    for number, group in enumerate(groups):
        i, j = np.triu_indices(len(group.twins), 1)
        orders = np.sign(group.ranks[:, j] - group.ranks[:, i])
        valid = (group.ranks[:, i] > 0) & (group.ranks[:, j] > 0) & (group.twins[i] != group.twins[j])
        for a in range(len(group.ranks)):
            for b in range(a):
                if group.annotators[a] == group.annotators[b]:
                    continue
                both = valid[a] & valid[b] & (orders[a] != 0) & (orders[b] != 0)
                rows.append([float((both & (orders[a] == orders[b])).sum()), float(both.sum())])
                comparisons.append(number)
    count = int(sum(row[1] for row in rows))
    if not count:
        return Estimate.missing("no pair was judged by two annotators")
    return _estimate(
        np.array(rows), np.array(comparisons), count, numpy_generator(seed, "ceiling"), _ceiling_of_totals
    )


def annotator_weights(groups: Sequence[RankedGroup]) -> dict[str, float]:
    """A weight for each annotator: agreement with the others above chance, 2a - 1, shrunk towards the common one.

    Ten judgements at the common rate are added to each annotator's, and no weight is below 0.05: who met nobody gets
    the common weight, and who answers at random almost none. Weights are scaled to a mean of 1 over annotators.
    """
    met: dict[str, list[float]] = {}
    for group in groups:
        i, j = np.triu_indices(len(group.twins), 1)
        orders = np.sign(group.ranks[:, j] - group.ranks[:, i])
        valid = (group.ranks[:, i] > 0) & (group.ranks[:, j] > 0) & (group.twins[i] != group.twins[j])
        for a, name in enumerate(group.annotators):
            agreed, total = met.setdefault(name, [0.0, 0.0])
            for b, other in enumerate(group.annotators):
                if name != other:
                    both = valid[a] & valid[b] & (orders[a] != 0) & (orders[b] != 0)
                    agreed, total = agreed + (both & (orders[a] == orders[b])).sum(), total + both.sum()
            met[name] = [agreed, total]
    pooled = sum(total for _, total in met.values())
    common = sum(agreed for agreed, _ in met.values()) / pooled if pooled else 1.0
    weights = {
        name: max(0.05, 2 * (agreed + 10 * common) / (total + 10) - 1)
        for name, (agreed, total) in met.items()
    }
    mean = sum(weights.values()) / max(len(weights), 1)
    return {name: weight / mean for name, weight in weights.items()}


def _mean(
    values: Floats, counted: NDArray[np.bool_], comparison: Integers, generator: np.random.Generator
) -> Estimate:
    count = int(counted.sum())
    if not count:
        return Estimate.missing("no pair to judge")
    columns = np.column_stack([values * counted, counted.astype(np.float64)])
    return _estimate(columns, comparison, count, generator, ratio)


def _estimate(
    columns: Floats, comparison: Integers, count: int, generator: np.random.Generator, statistic: Any
) -> Estimate:
    sums = cluster_sums(comparison, columns, int(comparison.max()) + 1)
    interval = cluster_interval(sums, statistic, draws=DRAWS, generator=generator)
    value = float(statistic(sums.sum(axis=0)))
    if isinstance(interval, str):
        return Estimate(value, n=count, reason=interval)
    return Estimate(value, interval.low, interval.high, count)


def _ece_of_totals(totals: Floats) -> Floats:
    return np.asarray(np.abs(totals[..., :BINS]).sum(-1) / np.maximum(totals[..., BINS], 1))


def _ceiling_of_totals(totals: Floats) -> Floats:
    return np.asarray((1 + np.sqrt(np.maximum(2 * ratio(totals) - 1, 0))) / 2)
