"""Consensus: what the rankings of one comparison say together, under a label model.

The log-worths of a comparison's completions have the prior Normal(0, spread^2) and the votes of the label model. Their
posterior is taken as the normal nearest to it (the variational one: Opper and Archambeau 2009, "The variational
Gaussian approximation revisited"), all comparisons of one size at once; the top alone would understate how sure the
votes are, since the posterior leans away from 0. A pair's probabilities are then Davidson's, averaged over the normal
difference: what a further, reliable and unbiased annotator would say.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from workbench.records import Comparison
from workbench.seeds import numpy_generator
from workbench.statistics.preferences import davidson
from workbench.statistics.preferences.label_model import LabelModel
from workbench.statistics.preferences.local_votes import LocalVotes, distinct_texts, local_votes
from workbench.statistics.preferences.votes import Floats, Integers

DRAWS = 512
CHUNK = 5_000
STEPS = 60
TOP_STEPS = 4
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
_AVERAGED = (_NODES, _WEIGHTS / _WEIGHTS.sum())
_AT_TOP = (np.zeros(1), np.ones(1))


@dataclass(frozen=True, kw_only=True)
class Consensus:
    """Of one comparison of K completions; identical texts have the same figures."""

    comparison: str
    rankings: int
    """How many rankings it rests on."""
    worth: Floats
    """(K,): posterior means of the log-worths."""
    worth_se: Floats
    """(K,): their posterior standard deviations."""
    better: Floats
    """(K, K): P(i over j) in a further vote."""
    tied: Floats
    """(K, K): P(i and j tie); 1 for a completion with itself and its copies."""
    winner: Floats
    """(K,): P(i has the greatest worth); copies share the figure, so the sum over distinct texts is 1."""

    @property
    def best(self) -> int:
        """The completion that is most probably the best; the first of equals."""
        return int(np.argmax(self.winner))

    @property
    def ranks(self) -> tuple[int, ...]:
        """Tiers by worth: a completion joins the one above where a further vote is likelier to tie them than not."""
        order = np.argsort(-self.worth, kind="stable")
        ranks, rank = [0] * len(order), 0
        above = None
        for i in order:
            if above is None or self.tied[above, i] <= 0.5:
                rank += 1
            ranks[int(i)], above = rank, i
        return tuple(ranks)


def consensus_of(comparison: Comparison, model: LabelModel) -> Consensus:
    """The consensus of one comparison."""
    return next(iter(consensuses([comparison], model)))


def consensuses(comparisons: Iterable[Comparison], model: LabelModel) -> Iterator[Consensus]:
    """The consensus of each comparison, in the given order; one without a vote has the prior's."""
    batch: list[Comparison] = []
    for comparison in comparisons:
        batch.append(comparison)
        if len(batch) == CHUNK:
            yield from _batch(batch, model)
            batch = []
    yield from _batch(batch, model)


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """Of C comparisons of K items each."""

    worth: Floats
    """(C, K)"""
    covariance: Floats
    """(C, K, K)"""

    def outcomes(self, log_tie: float) -> Floats:
        """P(i over j), P(tie), P(j over i), (C, K, K, 3), averaged over the difference."""
        variance = np.einsum("ckk->ck", self.covariance)
        spread = np.sqrt(np.maximum(variance[:, :, None] + variance[:, None, :] - 2 * self.covariance, 0))
        mean = self.worth[:, :, None] - self.worth[:, None, :]
        total = np.zeros((*mean.shape, 3))
        for node, weight in zip(*_AVERAGED, strict=True):
            total += weight * davidson.outcomes(mean + node * spread, log_tie)
        return total

    def winner(self) -> Floats:
        """P(i has the greatest worth), (C, K), from 512 fixed draws and their mirror images."""
        count, k = self.worth.shape
        draws = numpy_generator(0, "consensus").standard_normal((DRAWS, k))
        root = np.linalg.cholesky(self.covariance)
        wins = np.zeros((count, k))
        step = max(1, 4_000_000 // (DRAWS * k))
        for begin in range(0, count, step):
            part = slice(begin, begin + step)
            away = np.einsum("ckl,sl->csk", root[part], draws)
            for sign in (1, -1):
                best = np.argmax(self.worth[part, None, :] + sign * away, axis=2)
                rows = np.arange(len(best))[:, None]
                wins[part] += np.bincount((rows * k + best).ravel(), minlength=len(best) * k).reshape(-1, k)
        return wins / (2 * DRAWS)


def posteriors(votes: LocalVotes, model: LabelModel) -> Iterator[tuple[Integers, Posterior]]:
    """The posterior of comparisons of one size after another, and which these are."""
    qualities = [model.quality(name) for name in votes.names]
    unknown = model.quality("")
    # The last entry is for annotators that have no number (-1).
    logits = np.array([q.logit for q in [*qualities, unknown]], np.float64)
    biases = np.array([q.bias for q in [*qualities, unknown]], np.float64)
    if model.kind == "davidson":
        biases = np.zeros_like(biases)
    logit = np.asarray(logits[votes.annotator])
    bias = np.asarray(biases[votes.annotator] * votes.first_shown)
    for k in np.unique(votes.size).tolist():
        same_size = np.flatnonzero(votes.size == k)
        for begin in range(0, len(same_size), CHUNK):
            which = same_size[begin : begin + CHUNK]
            number = np.full(len(votes.size), -1)
            number[which] = np.arange(len(which))
            span = slice(*np.searchsorted(votes.comparison, [which[0], which[-1] + 1]))
            rows = span.start + np.flatnonzero(number[votes.comparison[span]] >= 0)
            start = number[votes.comparison[rows]] * k
            seen = _Rows(
                first=start + votes.first[rows],
                second=start + votes.second[rows],
                label=votes.label[rows],
                weight=votes.weight[rows],
                logit=logit[rows],
                bias=bias[rows],
            )
            yield which, _settle(seen, len(which), k, model)


class _Rows(NamedTuple):
    """Votes on items that are numbered through all comparisons of one size, (M,) each."""

    first: Integers
    second: Integers
    label: Integers
    weight: Floats
    logit: Floats
    """Of the reliability of who voted."""
    bias: Floats
    """Their position bias, with the sign of the order shown."""


def _settle(rows: _Rows, count: int, k: int, model: LabelModel) -> Posterior:
    """The nearest normal posterior of `count` comparisons of k items.

    Its mean and precision are a fixed point: the slopes of the log-posterior, averaged over the normal itself, are
    zero, and the precision is their averaged bend (Opper and Archambeau 2009, eq. 13).
    """
    worth, information = np.zeros((count, k)), np.tile(model.spread**-2 * np.eye(k), (count, 1, 1))
    left, here = np.arange(count), rows
    for step in range(STEPS):
        # The top of the posterior first, where a single node does, then the averages from there on.
        top = step < TOP_STEPS
        moved, found = _improve(here, worth[left], information[left], model, _AT_TOP if top else _AVERAGED)
        # From step to step the precision may swing round its value, so that half of the old one is kept.
        information[left] = found if top else (information[left] + found) / 2
        worth[left] += moved
        # One that has settled stays as it is, so that no comparison depends on what else is in the batch.
        moving = np.abs(moved).max(1) >= 1e-3 * model.spread
        if top or moving.all():
            continue
        left = left[moving]
        if not len(left):
            break
        number = np.full(len(moving), -1)
        number[moving] = np.arange(len(left))
        kept = moving[here.first // k]
        here = _Rows(*(column[kept] for column in here))
        start = number[here.first // k] * k
        here = here._replace(first=start + here.first % k, second=start + here.second % k)
    covariance = np.asarray(np.linalg.inv(information), np.float64)
    return Posterior(worth=worth, covariance=covariance)


def _improve(
    rows: _Rows, worth: Floats, information: Floats, model: LabelModel, nodes: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """A step of the worths (C, K), and the precision found at the old ones (C, K, K)."""
    count, k = worth.shape
    size, prior = count * k, model.spread**-2
    flat_worth = worth.ravel()
    covariance = np.asarray(np.linalg.inv(information), np.float64)
    x = flat_worth[rows.first] - flat_worth[rows.second]
    slope, full, observed = _vote_terms(x, rows, model, covariance, nodes)
    pull = rows.weight * slope
    gradient = np.bincount(rows.first, pull, size) - np.bincount(rows.second, pull, size) - prior * flat_worth
    found = _blocks(rows, observed, count, k, prior)
    # Votes that contradict each other may leave no bend in a direction; there the surer part alone counts.
    flat = np.linalg.eigvalsh(found)[:, 0] < prior / 4
    if flat.any():
        found[flat] = _blocks(rows, full, count, k, prior)[flat]
    step = np.linalg.solve(found, gradient.reshape(count, k, 1))[:, :, 0]
    return np.asarray(step, np.float64), found


def _vote_terms(
    x: Floats, rows: _Rows, model: LabelModel, covariance: Floats, nodes: tuple[Floats, Floats]
) -> tuple[Floats, Floats, Floats]:
    """Slope of log P by the difference; minus its bend if it were known who followed the worths; and as it is.

    (M,) each, averaged over the normal with mean x and the variance that the covariances (C, K, K) give.
    """
    k = covariance.shape[1]
    c, i, j = rows.first // k, rows.first % k, rows.second % k
    spread = np.sqrt(np.maximum(covariance[c, i, i] + covariance[c, j, j] - 2 * covariance[c, i, j], 0))
    here, label, bias = x[:, None] + spread[:, None] * nodes[0], rows.label[:, None], rows.bias[:, None]
    true = davidson.link(here + bias, label, model.log_tie)
    if model.kind == "davidson":
        full = -true.xx @ nodes[1]
        return true.x @ nodes[1], full, full
    false = davidson.link(-here + bias, label, model.log_tie)
    share = expit(rows.logit[:, None] + true.value - false.value)
    slope = (share * true.x - (1 - share) * false.x) @ nodes[1]
    full = -(share * true.xx + (1 - share) * false.xx) @ nodes[1]
    return slope, full, full - (share * (1 - share) * (true.x + false.x) ** 2) @ nodes[1]


def _blocks(rows: _Rows, bend: Floats, count: int, k: int, prior: float) -> Floats:
    """(count, k, k): the Laplacian of each comparison's votes, and the prior along the diagonal."""
    size, weight = count * k * k, rows.weight * bend
    block, i, j = rows.first // k * k * k, rows.first % k, rows.second % k
    flat = np.bincount(block + i * k + i, weight, size) + np.bincount(block + j * k + j, weight, size)
    mixed = np.bincount(block + i * k + j, weight, size) + np.bincount(block + j * k + i, weight, size)
    return np.asarray((flat - mixed).reshape(count, k, k) + prior * np.eye(k), np.float64)


def _batch(comparisons: Sequence[Comparison], model: LabelModel) -> Iterator[Consensus]:
    if not comparisons:
        return
    votes = local_votes(comparisons)
    found: dict[int, Consensus] = {}
    for which, posterior in posteriors(votes, model):
        outcomes, winner = posterior.outcomes(model.log_tie), posterior.winner()
        spread = np.sqrt(np.einsum("ckk->ck", posterior.covariance))
        for row, number in enumerate(which.tolist()):
            items = distinct_texts(comparisons[number])
            pairs = np.ix_(items, items)
            same = np.equal.outer(items, items)
            found[number] = Consensus(
                comparison=comparisons[number].id,
                rankings=int(votes.rankings[number]),
                worth=posterior.worth[row][items],
                worth_se=spread[row][items],
                better=np.where(same, 0.0, outcomes[row, :, :, 0][pairs]),
                tied=np.where(same, 1.0, outcomes[row, :, :, 1][pairs]),
                winner=winner[row][items],
            )
    yield from (found[number] for number in range(len(comparisons)))
