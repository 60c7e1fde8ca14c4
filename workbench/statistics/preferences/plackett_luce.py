"""Plackett-Luce with ties and partial rankings: a ranking is drawn tier by tier from what is left.

Turner, van Etten, Firth and Kosmidis 2020, "Modelling rankings in R: the PlackettLuce package", eq. 4: the tier C is
drawn from the alternatives A with probability f(C) / (sum of f(S) over S in A with |S| <= D), where
f(S) = d_|S| (product of the worths in S)^(1 / |S|), d_1 = 1 and D is the largest tie that was seen. For two items this
is Davidson's model with v = d_2; without ties it is Plackett 1975 and Luce 1959. Their prior is two half-rankings
against an imagined item; ours is the one of all models here: log-worths Normal(0, spread^2), log d Normal(-0.7, 1.5^2).
"""

from collections.abc import Sequence
from functools import partial
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_matrix
from scipy.special import logsumexp

from workbench.statistics.preferences import davidson
from workbench.statistics.preferences.components import check_maximum_exists, components_of
from workbench.statistics.preferences.newton import Point, maximise
from workbench.statistics.preferences.pair_models import (
    Normal,
    add_priors,
    check_spread,
    worth_errors,
)
from workbench.statistics.preferences.result import Parameter, PreferenceFit
from workbench.statistics.preferences.votes import Floats, Integers, Votes, gather_votes

MOST_CELLS = 2_000_000


def fit_plackett_luce(
    items: ArrayLike,
    ranks: ArrayLike,
    *,
    num_items: int | None = None,
    spread: float | None = 2.0,
    tie_prior: Normal = davidson.TIE_PRIOR,
) -> PreferenceFit:
    """Worths and tie parameters of greatest posterior, or of greatest likelihood with spread=None.

    `items` (R, K) are numbers of items, `ranks` (R, K) their tiers: 1 is best, equal numbers tie, 0 is absent, so that
    shorter rankings are padded with 0. `shared["log_tie"]` holds log d_2 to log d_D, and is missing without ties.
    """
    which, tiers = np.asarray(items, np.int64), np.asarray(ranks, np.int64)
    n = int(which.max(initial=-1)) + 1 if num_items is None else num_items
    _check(which, tiers)
    votes = _pairs(which, tiers, n)
    check_spread(spread, votes)
    draws = _draws(which, tiers)
    most = max(draw.size for draw in draws)
    component = components_of(votes)
    if spread is None:
        check_maximum_exists(votes)
        _check_tie_sizes(draws, most)
    groups = [_grouped([draw for draw in draws if draw.left == left], most) for left in _lefts(draws)]
    priors = [tie_prior if spread else None] * (most - 1)
    posterior = partial(_posterior, groups, priors, spread, component)
    worth, shared, top = maximise(posterior, np.zeros(n), np.full(most - 1, tie_prior.mean))
    errors = np.sqrt(np.diag(top.information.shared_covariance))
    return PreferenceFit(
        model="plackett_luce",
        worth=worth,
        worth_se=worth_errors(top.information, component, spread),
        shared={"log_tie": Parameter(value=shared, se=errors)} if most > 1 else {},
        component=component,
        log_likelihood=_posterior(groups, [None] * (most - 1), None, component, worth, shared).value,
        votes=float(len(which)),
        prior=spread is not None,
        information=top.information,
        outcomes=davidson.outcomes,
    )


class _Draw(NamedTuple):
    """E draws of a tier of `size` from `left` alternatives, (E, left): the tier's items first."""

    size: int
    left: int
    items: Integers
    times: Floats


class _Group(NamedTuple):
    """All draws from the same number of alternatives, and the tiers that could have been drawn."""

    items: Integers
    """(E, n)"""
    size: Integers
    """(E,): of the tier drawn, the first ones."""
    times: Floats
    share: Floats
    """(n, S): 1 / |S| for the alternatives in tier S."""
    sizes: Integers
    """(S,): |S|."""


def _posterior(
    groups: Sequence[_Group],
    priors: Sequence[Normal | None],
    spread: float | None,
    component: Integers,
    worth: Floats,
    shared: Floats,
) -> Point:
    n, q = len(worth), len(shared)
    log_d = np.concatenate([[0.0], shared])
    value, gradient, shared_gradient = 0.0, np.zeros(n), np.zeros(q)
    cross, inner = np.zeros((n, q)), np.zeros((q, q))
    parts: list[tuple[Integers, Integers, Floats]] = []
    for group in groups:
        k = group.items.shape[1]
        each = (group.share[:, None] * group.share[None, :]).reshape(k * k, -1)
        is_size = (group.sizes == np.arange(2, q + 2)[:, None]).astype(np.float64)  # (q, S)
        step = max(1, MOST_CELLS // len(group.sizes))
        for begin in range(0, len(group.items), step):
            part = slice(begin, begin + step)
            at, size, count = group.items[part], group.size[part], group.times[part]
            theta = worth[at]
            drawn = (np.arange(k) < size[:, None]) / size[:, None]
            log_f = theta @ group.share + log_d[group.sizes - 1]
            log_all = logsumexp(log_f, axis=1)
            p = np.exp(log_f - log_all[:, None])  # (E, S)
            mean, tied = p @ group.share.T, p @ is_size.T  # (E, n), (E, q)
            value += float(count @ ((drawn * theta).sum(1) + log_d[size - 1] - log_all))
            gradient += np.bincount(at.ravel(), (count[:, None] * (drawn - mean)).ravel(), n)
            was = (size[:, None] == np.arange(2, q + 2)).astype(np.float64)
            shared_gradient += count @ (was - tied)
            bend = (p @ each.T).reshape(-1, k, k) - mean[:, :, None] * mean[:, None, :]
            shape = (len(at), k, k)
            rows, columns = np.broadcast_to(at[:, :, None], shape), np.broadcast_to(at[:, None, :], shape)
            parts.append((rows.ravel(), columns.ravel(), (count[:, None, None] * bend).ravel()))
            for s in range(q):
                mixed = (p * is_size[s]) @ group.share.T - mean * tied[:, s : s + 1]
                cross[:, s] += np.bincount(at.ravel(), (count[:, None] * mixed).ravel(), n)
            inner += np.diag(count @ tied) - (tied * count[:, None]).T @ tied
    row, column, bends = (np.concatenate(column) for column in zip(*parts, strict=True))
    items = coo_matrix((bends, (row, column)), shape=(n, n))
    return add_priors(
        value, gradient, shared_gradient, items, cross, inner, worth, shared, priors, spread, component
    )


def _draws(items: Integers, ranks: Integers) -> list[_Draw]:
    """Every draw of every ranking but the last of one item, which is certain; equal ones counted together."""
    present = ranks > 0
    order = np.argsort(np.where(present, ranks, np.iinfo(np.int64).max), axis=1, kind="stable")
    items, ranks = np.take_along_axis(items, order, 1), np.take_along_axis(ranks, order, 1)
    length = present.sum(1)
    draws = []
    for start in range(items.shape[1]):
        opens = (start < length - 1) & ((start == 0) | (ranks[:, start] != ranks[:, start - 1]))
        size = (ranks == ranks[:, start : start + 1])[:, start:].sum(1)
        for left, tier in np.unique(np.stack([length - start, size], axis=1)[opens], axis=0).tolist():
            rows = opens & (length - start == left) & (size == tier)
            chosen = items[rows, start : start + left]
            chosen = np.concatenate([np.sort(chosen[:, :tier], 1), np.sort(chosen[:, tier:], 1)], axis=1)
            unique, count = np.unique(chosen, axis=0, return_counts=True)
            draws.append(_Draw(tier, left, unique, count.astype(np.float64)))
    return draws


def _grouped(draws: Sequence[_Draw], most: int) -> _Group:
    left = draws[0].left
    tiers = [tier for size in range(1, min(most, left) + 1) for tier in combinations(range(left), size)]
    share = np.zeros((left, len(tiers)))
    for s, tier in enumerate(tiers):
        share[list(tier), s] = 1 / len(tier)
    return _Group(
        items=np.concatenate([draw.items for draw in draws]),
        size=np.concatenate([np.full(len(draw.items), draw.size) for draw in draws]),
        times=np.concatenate([draw.times for draw in draws]),
        share=share,
        sizes=np.array([len(tier) for tier in tiers]),
    )


def _lefts(draws: Sequence[_Draw]) -> list[int]:
    return sorted({draw.left for draw in draws})


def _pairs(items: Integers, ranks: Integers, n: int) -> Votes:
    one, two = np.triu_indices(items.shape[1], 1)
    both = (ranks[:, one] > 0) & (ranks[:, two] > 0)
    label = np.sign(ranks[:, two] - ranks[:, one])
    return gather_votes(items[:, one][both], items[:, two][both], label[both], num_items=n)


def _check(items: Integers, ranks: Integers) -> None:
    if items.ndim != 2 or items.shape != ranks.shape:
        raise ValueError(f"items {items.shape} and ranks {ranks.shape} must both be (R, K)")
    if (ranks < 0).any():
        raise ValueError(f"ranks are 1 or more, 0 where absent; got {ranks.min()}")
    if items.shape[1] > 16:
        raise ValueError(
            f"rankings of up to 16 items can be fitted, got {items.shape[1]}; use pairs (fit_davidson)"
        )
    # Absent places get numbers of their own below 0.
    shown = np.sort(np.where(ranks > 0, items, -1 - np.arange(items.shape[1])), axis=1)
    twice = (shown[:, 1:] == shown[:, :-1]).any(1)
    if twice.any():
        raise ValueError(f"ranking {int(np.flatnonzero(twice)[0])} holds the same item twice")


def _check_tie_sizes(draws: Sequence[_Draw], most: int) -> None:
    missing = sorted(set(range(2, most + 1)) - {draw.size for draw in draws})
    if missing:
        raise ValueError(
            f"ties of {most} were seen but none of {missing[0]}, so its parameter has its maximum at 0. Use a prior"
        )
