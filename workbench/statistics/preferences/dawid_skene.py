"""Dawid and Skene 1979: the class of each unit and the error rates of each annotator, from labels alone.

"Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied Statistics 28. A unit has the
true class t with probability p_t; annotator a gives it label l with probability e_a[t, l]. Labels of one unit are
independent given its class. EM (their eqs. 2.3 to 2.5) from the shares of labels (eq. 3.1).

Pair labels -1, 0, 1 have a symmetry: exchanging the two completions turns a label and the class round. `flip=True`
makes that a part of the model: e_a[t, l] = e_a[-t, -l] and p_1 = p_-1, so that no estimate depends on which completion
is called first. An annotator then has three free rates: right and wrong on decisive pairs, and ties on tied ones.

With `smoothing` above 0, that many imagined labels are added to each class and label, (Q, Q) or one number for all,
and their mean to each class: the top of the posterior under Dirichlet priors on the scale of log-odds, where nothing
is 0 or 1. More of them on the diagonal say that annotators are right rather than wrong, which nothing else does.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_matrix
from scipy.special import expit, logit, logsumexp

from workbench.statistics.pairs import PairLabels
from workbench.statistics.preferences.votes import Floats

MOST_PARAMETERS = 4000
CHUNK = 50_000


@dataclass(frozen=True, kw_only=True)
class DawidSkeneFit:
    """Of U units, A annotators and Q classes."""

    classes: Floats
    """(Q,): how common each class is."""
    rates: Floats
    """(A, Q, Q): P(label | class) of each annotator; rows of an annotator without labels are the prior's, or even."""
    posterior: Floats
    """(U, Q): P(class | labels); a unit without labels has `classes`."""
    log_likelihood: float
    """Without the prior."""
    smoothing: Floats
    """(Q, Q): imagined labels of each class and kind; all 0 for plain maximum likelihood."""
    flip: bool
    counts: csr_matrix
    """(U, A * Q): how often an annotator gave a unit a label."""

    @property
    def reliability(self) -> Floats:
        """(A,): the probability of the right label, averaged over the classes as common as they are."""
        return np.asarray(np.einsum("t,att->a", self.classes, self.rates))

    def log_odds(self, annotator: int, true: int, label: int, against: int) -> tuple[float, float]:
        """Log e[true, label] - log e[true, against] of an annotator, and its standard error.

        Intervals of rates are symmetric on this scale. ValueError without smoothing where a rate is 0.
        """
        row = self.rates[annotator, true]
        if not (row[label] > 0 and row[against] > 0):
            raise ValueError(
                f"annotator {annotator} has a rate of 0, so its log-odds are infinite. Use smoothing above 0"
            )
        q = len(self.classes)
        base = (annotator * q + true) * q
        direction = np.zeros(self._covariance.shape[0])
        direction[base + label] += 1
        direction[base + against] -= 1
        variance = float(direction @ self._covariance @ direction)
        return float(np.log(row[label] / row[against])), float(np.sqrt(max(variance, 0.0)))

    def reliability_interval(self, annotator: int, z: float = 1.959964) -> tuple[float, float]:
        """Of the annotator's reliability, by the delta method on its log-odds."""
        q, value = len(self.classes), float(self.reliability[annotator])
        direction = np.zeros(self._covariance.shape[0])
        for t in range(q):
            row = self.rates[annotator, t]
            base = (annotator * q + t) * q
            direction[base : base + q] -= self.classes[t] * row[t] * row
            direction[base + t] += self.classes[t] * row[t]
        # The classes' own uncertainty moves the average too.
        mean = self.rates[annotator].diagonal()
        direction[-q:] = self.classes * (mean - value)
        inside = min(max(value, 1e-9), 1 - 1e-9)
        variance = float(direction @ self._covariance @ direction)
        spread = max(variance, 0.0) ** 0.5 / (inside * (1 - inside))
        low, high = (float(expit(logit(inside) + side * z * spread)) for side in (-1.0, 1.0))
        return low, high

    @cached_property
    def _covariance(self) -> Floats:
        """Of the logits of all rates, then of the classes: inverse observed information (Louis 1982), (P, P).

        Information = what complete data would give - the covariance of their score given the labels. A row's logits
        share a level, and flip ties them to their mirror images; `_directions` are those that are free.
        """
        people, q = self.rates.shape[0], len(self.classes)
        size = people * q * q + q
        if size > MOST_PARAMETERS:
            raise ValueError(
                f"standard errors take a square matrix of {size:,} parameters, past {MOST_PARAMETERS:,}; "
                "fit fewer annotators at a time"
            )
        rates, w = self.rates.reshape(people * q, q), self.posterior
        missing = np.zeros((size, size))
        for begin in range(0, len(w), CHUNK):
            missing += self._missing(slice(begin, min(begin + CHUNK, len(w))), size)
        complete = np.zeros((size, size))
        given = np.asarray(self.counts.T @ w).reshape(people, q, q).sum(1) + self.smoothing.sum(
            1
        )  # (A, Q): labels by class
        for row in range(people * q):
            at, rate = row * q, rates[row]
            complete[at : at + q, at : at + q] = given.ravel()[row] * (np.diag(rate) - np.outer(rate, rate))
        mass = len(w) + q * self.smoothing.mean()
        complete[-q:, -q:] = mass * (np.diag(self.classes) - np.outer(self.classes, self.classes))
        information = complete - missing
        free = _directions(people, q, self.flip)
        inner = free.T @ information @ free
        if not self.smoothing.all() and np.linalg.eigvalsh(inner)[0] < 1e-8:
            raise ValueError(
                "a rate is 0 or not determined by the labels, so it has no standard error. Use smoothing"
            )
        return np.asarray(free @ np.linalg.inv(inner) @ free.T)

    def _missing(self, units: slice, size: int) -> Floats:
        """The covariance of the complete score of some units given their labels, summed, (P, P)."""
        people, q = self.rates.shape[0], len(self.classes)
        rates, w = self.rates.reshape(people * q, q), self.posterior[units]
        coo = self.counts[units].tocoo()
        unit, who, label = coo.row, coo.col // q, coo.col % q
        mean, out = csr_matrix((len(w), size)), np.zeros((size, size))
        for t in range(q):
            # If every unit had class t: label counts less their expectation, and the class less its own.
            rows = np.concatenate([np.repeat(unit, q), np.repeat(np.arange(len(w)), q)])
            logits = ((who * q + t) * q)[:, None] + np.arange(q)
            columns = np.concatenate([logits.ravel(), np.tile(size - q + np.arange(q), len(w))])
            excess = coo.data[:, None] * ((np.arange(q) == label[:, None]) - rates[who * q + t])
            values = np.concatenate([excess.ravel(), np.tile((np.arange(q) == t) - self.classes, len(w))])
            score = csr_matrix((values, (rows, columns)), shape=(len(w), size))
            weighted = score.multiply(w[:, t : t + 1]).tocsr()
            mean = mean + weighted
            out += (weighted.T @ score).toarray()
        return np.asarray(out - (mean.T @ mean).toarray())


def fit_dawid_skene(
    unit: ArrayLike,
    annotator: ArrayLike,
    label: ArrayLike,
    *,
    num_classes: int | None = None,
    num_annotators: int | None = None,
    flip: bool = False,
    smoothing: ArrayLike = 0.0,
    iterations: int = 2000,
) -> DawidSkeneFit:
    """The classes, error rates and posteriors of labels in columns (M,); labels count from 0 to Q - 1.

    For `flip` the label l of pair labels is l + 1: 0 the second is better, 1 a tie, 2 the first is better.
    """
    units, who, given = (np.asarray(column, np.int64) for column in (unit, annotator, label))
    if not len(units):
        raise ValueError("there is no label to fit")
    q = int(given.max()) + 1 if num_classes is None else num_classes
    people = int(who.max()) + 1 if num_annotators is None else num_annotators
    if flip and q != 3:
        raise ValueError(f"flip is for the three pair labels, got {q} classes")
    imagined = np.broadcast_to(np.asarray(smoothing, np.float64), (q, q))
    if (imagined < 0).any():
        raise ValueError(f"smoothing must be 0 or more, got {imagined.min()}")
    if given.min() < 0 or given.max() >= q:
        raise ValueError(f"labels must be 0 to {q - 1}, got {given.min()} to {given.max()}")
    shape = (int(units.max()) + 1, people * q)
    counts = csr_matrix((np.ones(len(units)), (units, who * q + given)), shape=shape)
    shares = np.asarray(counts @ np.tile(np.eye(q), (people, 1)))
    known = shares.sum(1, keepdims=True)
    posterior = np.where(known > 0, shares / np.maximum(known, 1), 1 / q)
    value = -np.inf
    for _ in range(iterations):
        classes, rates = _rates(counts, posterior, people, flip, imagined)
        with np.errstate(divide="ignore"):
            log_joint = _log_joint(counts, np.log(classes), np.log(rates))
        log_unit = logsumexp(log_joint, axis=1)
        posterior = np.exp(log_joint - log_unit[:, None])
        before, value = value, float(log_unit.sum())
        if abs(value - before) < 1e-11 * abs(value):
            break
    return DawidSkeneFit(
        classes=classes,
        rates=rates,
        posterior=posterior,
        log_likelihood=value,
        smoothing=imagined,
        flip=flip,
        counts=counts,
    )


IMAGINED = np.full((3, 3), 0.5) + np.eye(3)
"""Three times as many right labels as wrong ones of each kind, so that classes keep their names."""


def dawid_skene_of_labels(labels: PairLabels, *, smoothing: ArrayLike = IMAGINED) -> DawidSkeneFit:
    """Dawid-Skene with flip symmetry of pair labels; the classes are: second better, tie, first better."""
    return fit_dawid_skene(
        labels.unit,
        labels.annotator,
        labels.label + 1,
        num_classes=3,
        num_annotators=len(labels.judges),
        flip=True,
        smoothing=smoothing,
    )


def _rates(
    counts: csr_matrix, posterior: Floats, people: int, flip: bool, smoothing: Floats
) -> tuple[Floats, Floats]:
    """The M-step: shares of classes and of labels within them."""
    q = posterior.shape[1]
    cells = np.asarray(counts.T @ posterior).reshape(people, q, q).transpose(0, 2, 1) + smoothing
    classes = posterior.sum(0) + smoothing.mean()
    if flip:
        cells, classes = cells + cells[:, ::-1, ::-1], classes + classes[::-1]
    rows = cells.sum(2, keepdims=True)
    rates = np.where(rows > 0, cells / np.where(rows > 0, rows, 1), 1 / q)
    return np.asarray(classes / classes.sum()), np.asarray(rates)


def _log_joint(counts: csr_matrix, log_classes: Floats, log_rates: Floats) -> Floats:
    """Log P(class, labels), (U, Q); a label that has rate 0 rules its class out."""
    people, q = log_rates.shape[:2]
    table = log_rates.transpose(0, 2, 1).reshape(people * q, q)
    return np.asarray(counts @ np.maximum(table, -1e4) + log_classes)


def _directions(people: int, q: int, flip: bool) -> Floats:
    """(P, F): the free directions of all logits; each row's first is fixed, and mirror images move together."""
    columns = []

    def add(*places: int) -> None:
        direction = np.zeros(people * q * q + q)
        direction[list(places)] = 1
        columns.append(direction)

    for a in range(people):
        for t in range(q):
            at = (a * q + t) * q
            mirror = (a * q + q - 1 - t) * q
            for label in range(1, q):
                if not flip:
                    add(at + label)
                elif t == 0:
                    add(at + label, mirror + q - 1 - label)
                elif t == 1 and label == 1:
                    add(at + label)
    last = people * q * q
    if flip:
        add(last + 1)
    else:
        for t in range(1, q):
            add(last + t)
    return np.stack(columns, axis=1)
