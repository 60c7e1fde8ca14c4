"""The label model: how far completions differ, how often near ones tie, how reliable each annotator is.

Completions of one prompt meet only each other, so there are as many worths as completions and few votes on each. Worths
are therefore not estimated but integrated out: within a comparison they are Normal(0, spread^2), a pair's difference x
is Normal(0, 2 spread^2), and the votes on a pair are independent given x, with CrowdBT's probabilities (or Davidson's,
annotators being equal). What is maximised is the sum over pairs of the log of the integral over x (31 nodes), each pair
weighing as its votes do: a composite likelihood (Varin, Reid and Firth 2011, "An overview of composite likelihood
methods"), whose standard errors are the sandwich's, over comparisons, since pairs of one comparison hang together.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import expit, logsumexp

from workbench.records import Comparison
from workbench.seeds import numpy_generator
from workbench.statistics.groups import group_rows
from workbench.statistics.preferences import crowd_bt, davidson
from workbench.statistics.preferences.local_votes import LocalVotes, local_votes
from workbench.statistics.preferences.pair_models import Normal
from workbench.statistics.preferences.votes import Floats, Integers

LABEL_MODELS = ("davidson", "crowdbt")
SPREAD_PRIOR = Normal(0.4, 0.7)
"""Of the log of the spread: 1.5 in its middle, 95 % from 0.4 to 5.9."""
NODES = np.linspace(-4.5, 4.5, 31)
MOST_PAIRS = 200_000
FEWEST_VOTES = 500
PART = 4000
"""Pairs whose table of nodes is held at once, so that it fits a core's cache: 50 ms a step in place of 87."""


@dataclass(frozen=True, kw_only=True)
class AnnotatorQuality:
    """What the model knows of one annotator."""

    votes: int
    """Judgements on pairs."""
    logit: float
    """Of the reliability, with its standard error."""
    logit_se: float
    bias: float
    """How much worth being shown first adds, and its standard error; 0 where the order was never known."""
    bias_se: float

    @property
    def reliability(self) -> float:
        """The probability of following the worths rather than their reverse."""
        return float(expit(self.logit))

    @property
    def weight(self) -> float:
        """2 r - 1, what a vote says of the worths; at least 0.05, so that nobody is wholly unheard."""
        return max(0.05, 2 * self.reliability - 1)


UNKNOWN = AnnotatorQuality(
    votes=0,
    logit=crowd_bt.RELIABILITY_PRIOR.mean,
    logit_se=crowd_bt.RELIABILITY_PRIOR.spread,
    bias=0.0,
    bias_se=crowd_bt.BIAS_PRIOR.spread,
)


@dataclass(frozen=True, kw_only=True)
class LabelModel:
    """Numbers that turn the rankings of a comparison into a consensus."""

    kind: str
    """davidson (annotators are equal) or crowdbt."""
    spread: float = 1.5
    """Standard deviation of the log-worths of one prompt's completions."""
    log_tie: float = davidson.TIE_PRIOR.mean
    """Log of Davidson's v."""
    annotators: Mapping[str, AnnotatorQuality]
    pairs: int = 0
    """Pairs of completions that it was fitted on."""

    def quality(self, annotator: str) -> AnnotatorQuality:
        """Of an annotator; of one who was not met, the prior's."""
        return self.annotators.get(annotator, UNKNOWN)

    def weights(self) -> dict[str, float]:
        """A weight for each annotator's rankings, scaled to a mean of 1."""
        raw = {name: quality.weight for name, quality in self.annotators.items()}
        mean = sum(raw.values()) / max(len(raw), 1)
        return {name: weight / mean for name, weight in raw.items()}

    def to_json(self) -> dict[str, Any]:
        """Everything, for a run folder or a plan."""
        people = {
            name: {
                "votes": q.votes,
                "reliability": q.reliability,
                "logit": q.logit,
                "logit_se": q.logit_se,
                "bias": q.bias,
                "bias_se": q.bias_se,
            }
            for name, q in self.annotators.items()
        }
        return {
            "kind": self.kind,
            "spread": self.spread,
            "tie": float(np.exp(self.log_tie)),
            "pairs": self.pairs,
            "annotators": people,
        }


PRIOR_MODEL = LabelModel(kind="crowdbt", annotators={})
"""Before any label: what the priors say."""


def fit_label_model(comparisons: Iterable[Comparison], kind: str = "crowdbt", *, seed: int = 0) -> LabelModel:
    """The label model of rankings; adjudications and skips do not count. Without a vote it is the prior's."""
    return fit_label_model_to_votes(local_votes(comparisons), kind, seed=seed)


def fit_label_model_to_votes(votes: LocalVotes, kind: str = "crowdbt", *, seed: int = 0) -> LabelModel:
    """The same from columns, such as `votes_of_labels` gives.

    Past 200,000 pairs it is fitted on a seeded sample of comparisons of about that size, with all those on which an
    annotator voted who has fewer than 500 votes in the sample.
    """
    if kind not in LABEL_MODELS:
        raise ValueError(f"the label model must be one of {', '.join(LABEL_MODELS)}, got {kind!r}")
    people = len(votes.names)
    if not len(votes):
        return LabelModel(kind=kind, annotators={})
    table = _Table(votes, _sample(votes, people, seed), people, kind)
    start = table.priors[0].copy()
    found = minimize(
        table.loss, start[table.free], jac=True, method="L-BFGS-B", options={"maxiter": 200, "ftol": 1e-10}
    )
    parameters = table.full(found.x)
    errors = table.errors(parameters)
    counts = np.bincount(votes.annotator, minlength=people)
    annotators = {
        name: AnnotatorQuality(
            votes=int(counts[i]),
            logit=float(parameters[2 + i]),
            logit_se=float(errors[2 + i]),
            bias=float(parameters[2 + people + i]),
            bias_se=float(errors[2 + people + i]),
        )
        for i, name in enumerate(votes.names)
        if kind == "crowdbt"
    }
    return LabelModel(
        kind=kind,
        spread=float(np.exp(parameters[0])),
        log_tie=float(parameters[1]),
        annotators=annotators,
        pairs=table.pairs,
    )


class _Table:
    """The composite likelihood: sums over pairs through a table of log P by kind of vote and node."""

    def __init__(self, votes: LocalVotes, rows: Integers, people: int, kind: str) -> None:
        self.people, self.crowd = people, kind == "crowdbt"
        who = votes.annotator[rows] if self.crowd else np.zeros(len(rows), np.int64)
        shown = votes.first_shown[rows] if self.crowd else np.zeros(len(rows), np.int64)
        kinds, self.kind = np.unique((who * 3 + shown + 1) * 3 + votes.label[rows] + 1, return_inverse=True)
        self.label, self.shown, self.who = kinds % 3 - 1, kinds // 3 % 3 - 1, kinds // 9
        _, at, self.pair = np.unique(votes.unit[rows], return_index=True, return_inverse=True)
        self.pairs = len(at)
        self.comparison = np.unique(votes.comparison[rows[at]], return_inverse=True)[1]
        # Rankings of one comparison may differ in length: a pair weighs as its votes do on average.
        self.weight = np.bincount(self.pair, votes.weight[rows]) / np.bincount(self.pair)
        ones = np.ones(len(rows))
        self.cast = csr_matrix((ones, (self.pair, self.kind)), shape=(self.pairs, len(kinds)))
        self.parts = [
            (self.cast[begin : begin + PART], self.weight[begin : begin + PART])
            for begin in range(0, self.pairs, PART)
        ]
        self.log_node = -(NODES**2) / 2 - logsumexp(-(NODES**2) / 2)
        q = 2 + 2 * people
        means, spreads = np.empty(q), np.empty(q)
        groups = (slice(0, 1), slice(1, 2), slice(2, 2 + people), slice(2 + people, q))
        priors = (SPREAD_PRIOR, davidson.TIE_PRIOR, crowd_bt.RELIABILITY_PRIOR, crowd_bt.BIAS_PRIOR)
        for group, prior in zip(groups, priors, strict=True):
            means[group], spreads[group] = prior
        self.priors = (means, spreads)
        self.free = np.arange(q if self.crowd else 2)

    def full(self, free: Floats) -> Floats:
        """All parameters: log spread, log v, logits, biases."""
        out = self.priors[0].copy()
        out[self.free] = free
        return out

    def loss(self, free: Floats) -> tuple[float, Floats]:
        """Minus the log-posterior, and its gradient."""
        parameters = self.full(free)
        value, slopes = self._rows(parameters)
        likelihood, expected = 0.0, np.zeros_like(value)  # the latter (kinds, nodes)
        for cast, weight in self.parts:
            log_pair, share = _posterior(cast @ value + self.log_node)
            share *= weight[:, None]
            likelihood += float(weight @ log_pair)
            expected += cast.T @ share
        gradient = self._gather([(expected * slope).sum(1) for slope in slopes])
        means, spreads = self.priors
        distance = (parameters - means) / spreads
        total = -likelihood + float(distance[self.free] @ distance[self.free]) / 2
        return total, (-gradient + distance / spreads)[self.free]

    def errors(self, parameters: Floats) -> Floats:
        """Standard errors (q,) by the sandwich over comparisons, the prior counted as data; 0 for what is not free."""
        value, slopes = self._rows(parameters)
        _, share = _posterior(self.cast @ value + self.log_node)
        # Each vote's expected score by each of its parameters, then summed over pairs and over comparisons.
        each = [np.empty(len(self.pair)) for _ in slopes]
        for begin in range(0, len(self.pair), 50_000):
            part = slice(begin, begin + 50_000)
            around = share[self.pair[part]]
            for out, slope in zip(each, slopes, strict=True):
                out[part] = np.einsum("mg,mg->m", around, slope[self.kind[part]])
        columns = self._columns()[:, self.kind]
        q = len(parameters)
        shape = (self.pairs, q)
        rows = np.tile(self.pair, len(each))
        score = csr_matrix((np.concatenate(each), (rows, columns[: len(each)].ravel())), shape=shape)
        sums = csr_matrix((self.weight, (self.comparison, np.arange(self.pairs))))
        clustered = sums @ score
        bread = (score.multiply(self.weight[:, None]).T @ score).toarray()[np.ix_(self.free, self.free)]
        meat = (clustered.T @ clustered).toarray()[np.ix_(self.free, self.free)]
        prior = np.diag(self.priors[1][self.free] ** -2)
        inverse = np.linalg.inv(bread + prior)
        out = np.zeros(q)
        out[self.free] = np.sqrt(np.diag(inverse @ (meat + prior) @ inverse))
        return out

    def _rows(self, parameters: Floats) -> tuple[Floats, list[Floats]]:
        """Log P of each kind of vote at each node, and its slopes by spread, v and the annotator's two."""
        x = np.sqrt(2) * np.exp(parameters[0]) * np.tile(NODES, len(self.label))
        label = np.repeat(self.label, len(NODES))
        shape = (len(self.label), len(NODES))
        if not self.crowd:
            terms = davidson.link(x, label, float(parameters[1]))
            return terms.value.reshape(shape), [(terms.x * x).reshape(shape), terms.t.reshape(shape)]
        who = np.repeat(self.who, len(NODES))
        found = crowd_bt.mixture(
            x,
            label,
            float(parameters[1]),
            parameters[2 + who],
            parameters[2 + self.people + who],
            np.repeat(self.shown, len(NODES)),
        )
        slopes = [found.x * x, found.s[:, 0], found.s[:, 1], found.s[:, 2]]
        return found.value.reshape(shape), [slope.reshape(shape) for slope in slopes]

    def _columns(self) -> Integers:
        """(4, kinds): which parameters a kind of vote depends on."""
        zero = np.zeros_like(self.who)
        return np.stack([zero, zero + 1, 2 + self.who, 2 + self.people + self.who])

    def _gather(self, each: list[Floats]) -> Floats:
        out = np.zeros(2 + 2 * self.people)
        for column, values in zip(self._columns(), each, strict=False):
            out += np.bincount(column, values, len(out))
        return out


def _posterior(log_joint: Floats) -> tuple[Floats, Floats]:
    """Log of the sum over nodes, (pairs,), and each node's share of it; `log_joint` (pairs, nodes) is used up.

    scipy's logsumexp takes several times as long on many short rows.
    """
    top = log_joint.max(1)
    log_joint -= top[:, None]
    share = np.exp(log_joint, out=log_joint)
    total = share.sum(1)
    share /= total[:, None]
    return top + np.log(total), share


def _sample(votes: LocalVotes, people: int, seed: int) -> Integers:
    """Rows of the comparisons to fit on."""
    pairs = len(group_rows(votes.unit))
    if pairs <= MOST_PAIRS:
        return np.arange(len(votes))
    share = MOST_PAIRS / pairs
    chosen = numpy_generator(seed, "label model").random(len(votes.size)) < share
    heard = np.bincount(votes.annotator[chosen[votes.comparison]], minlength=people)
    rare = (heard < FEWEST_VOTES)[votes.annotator]
    chosen[votes.comparison[rare]] = True
    return np.flatnonzero(chosen[votes.comparison])
