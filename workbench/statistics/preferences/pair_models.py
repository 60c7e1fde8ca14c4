"""Fitting worths and a tie parameter to votes on pairs, under any link."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix, csc_matrix

from workbench.statistics.preferences.components import check_maximum_exists, components_of
from workbench.statistics.preferences.information import Information
from workbench.statistics.preferences.links import Link
from workbench.statistics.preferences.newton import Point, maximise
from workbench.statistics.preferences.result import Outcomes, Parameter, PreferenceFit
from workbench.statistics.preferences.votes import Floats, Integers, Votes

MOST_ITEMS_WITHOUT_PRIOR = 3000
MOST_CROSS = 100_000_000


class Normal(NamedTuple):
    """A normal prior."""

    mean: float
    spread: float


class Curvature(NamedTuple):
    """First and second derivatives of each row of votes by its difference of worths and its shared parameters.

    `x`, `xx` (M,); `s`, `xs` (M, p) and `ss` (M, p, p) by the p shared parameters that play a part in a row.
    """

    value: Floats
    x: Floats
    xx: Floats
    s: Floats
    xs: Floats
    ss: Floats


CurvatureOf = Callable[[Floats, Floats], Curvature]
"""Differences of worth (M,) and shared parameters (q,) -> the curvature of each row."""


def fit_pairs(
    votes: Votes,
    link: Link,
    model: str,
    outcomes: Outcomes,
    *,
    spread: float | None,
    tie_prior: Normal | None,
) -> PreferenceFit:
    """Worths of greatest posterior, or likelihood without a spread; with a tie parameter where that has a prior."""
    check_spread(spread, votes)
    component = components_of(votes)
    if spread is None:
        check_maximum_exists(votes)
        if tie_prior:
            _check_ties(votes, model)
    priors = [tie_prior] if tie_prior else []
    columns = np.zeros((len(votes), len(priors)), np.int64)

    def curvature(x: Floats, shared: Floats) -> Curvature:
        terms = link(x, votes.label, float(shared[0]) if priors else 0.0)
        if not priors:
            none = np.zeros((len(x), 0))
            return Curvature(terms.value, terms.x, terms.xx, none, none, none[:, :, None])
        return Curvature(
            terms.value, terms.x, terms.xx, terms.t[:, None], terms.xt[:, None], terms.tt[:, None, None]
        )

    start = np.array([prior.mean for prior in priors])
    posterior = partial(
        assemble, votes, curvature, columns, priors if spread else [None] * len(priors), spread, component
    )
    worth, shared, top = maximise(posterior, np.zeros(votes.num_items), start)
    covariance = top.information.shared_covariance
    named = {"log_tie": Parameter(value=shared, se=np.sqrt(np.diag(covariance)))} if priors else {}
    return PreferenceFit(
        model=model,
        worth=worth,
        worth_se=worth_errors(top.information, component, spread),
        shared=named,
        component=component,
        log_likelihood=float(votes.count @ curvature(worth[votes.first] - worth[votes.second], shared).value),
        votes=votes.total,
        prior=spread is not None,
        information=top.information,
        outcomes=outcomes,
    )


def assemble(
    votes: Votes,
    curvature: CurvatureOf,
    columns: Integers,
    priors: Sequence[Normal | None],
    spread: float | None,
    component: Integers,
    worth: Floats,
    shared: Floats,
) -> Point:
    """The log-posterior at worths (N,) and shared parameters (q,); `columns` (M, p) says which of these a row uses."""
    n, q, c = votes.num_items, len(shared), votes.count
    i, j = votes.first, votes.second
    d = curvature(worth[i] - worth[j], shared)
    slope, bend = c * d.x, -c * d.xx
    gradient: Floats = np.asarray(np.bincount(i, slope, n) - np.bincount(j, slope, n), np.float64)
    shared_gradient = np.zeros(q)
    cross, inner = np.zeros((n, q)), np.zeros((q, q))
    for a in range(columns.shape[1]):
        at = columns[:, a]
        shared_gradient += np.bincount(at, c * d.s[:, a], q)
        mixed = -c * d.xs[:, a]
        cross += (np.bincount(i * q + at, mixed, n * q) - np.bincount(j * q + at, mixed, n * q)).reshape(n, q)
        for b in range(columns.shape[1]):
            inner += np.bincount(at * q + columns[:, b], -c * d.ss[:, a, b], q * q).reshape(q, q)
    items = _laplacian(i, j, bend, n)
    return add_priors(
        float(c @ d.value),
        gradient,
        shared_gradient,
        items,
        cross,
        inner,
        worth,
        shared,
        priors,
        spread,
        component,
    )


def add_priors(
    value: float,
    gradient: Floats,
    shared_gradient: Floats,
    items: coo_matrix,
    cross: Floats,
    inner: Floats,
    worth: Floats,
    shared: Floats,
    priors: Sequence[Normal | None],
    spread: float | None,
    component: Integers,
) -> Point:
    """The point of a log-likelihood with its derivatives, once the priors are added; without spread, none of worths."""
    n = len(worth)
    if spread is None:
        items = items + _level(component)
    else:
        items = items + csc_matrix((np.full(n, spread**-2), (np.arange(n), np.arange(n))), shape=(n, n))
        gradient = gradient - worth / spread**2
        value -= float(worth @ worth) / (2 * spread**2)
    for k, prior in enumerate(priors):
        if prior is not None:
            distance = shared[k] - prior.mean
            value -= distance**2 / (2 * prior.spread**2)
            shared_gradient[k] -= distance / prior.spread**2
            inner[k, k] += prior.spread**-2
    information = Information(items=items.tocsc(), cross=cross, shared=inner)
    return Point(value=value, items=gradient, shared=shared_gradient, information=information)


def worth_errors(information: Information, component: Integers, spread: float | None) -> Floats:
    """(N,): standard errors of worths less the mean of their set.

    The mean of a set of n is known by its prior alone, with variance spread^2 / n, and is taken away; without a prior
    `assemble` gives it variance 1 / n.
    """
    size = np.bincount(component, minlength=1)[component] if len(component) else component
    level = (spread or 1.0) ** 2 / np.maximum(size, 1)
    return np.asarray(np.sqrt(np.maximum(information.item_variances(component) - level, 0.0)))


def check_spread(spread: float | None, votes: Votes, shared: int = 1) -> None:
    """ValueError for a spread that is not positive, no votes, or more than memory holds."""
    if spread is not None and not spread > 0:
        raise ValueError(f"spread must be positive, or None for plain maximum likelihood, got {spread}")
    if not votes.total > 0:
        raise ValueError("there is no vote to fit: no ranking puts two different completions in order")
    if spread is None and votes.num_items > MOST_ITEMS_WITHOUT_PRIOR:
        raise ValueError(
            f"maximum likelihood without a prior is for up to {MOST_ITEMS_WITHOUT_PRIOR:,} items, got "
            f"{votes.num_items:,}; use a prior (spread=2.0), which keeps the equations sparse"
        )
    if votes.num_items * shared > MOST_CROSS:
        raise ValueError(
            f"{votes.num_items:,} items with {shared:,} shared parameters do not fit in memory. For the completions "
            "of many prompts use fit_label_model, which takes each comparison by itself"
        )


def _check_ties(votes: Votes, model: str) -> None:
    tied = float(votes.count[votes.label == 0].sum())
    if tied == 0:
        raise ValueError(
            f"no vote is a tie, so the tie parameter of {model} has its maximum at 0. Use fit_bradley_terry, or a prior"
        )
    if tied == votes.total:
        raise ValueError(
            f"all {tied:g} votes are ties, so the tie parameter of {model} is infinite. Use a prior"
        )


def _laplacian(i: Integers, j: Integers, weight: Floats, n: int) -> coo_matrix:
    rows, columns = np.concatenate([i, j, i, j]), np.concatenate([i, j, j, i])
    return coo_matrix((np.concatenate([weight, weight, -weight, -weight]), (rows, columns)), shape=(n, n))


def _level(component: Integers) -> csc_matrix:
    """(N, N): 1 / n within each set of n items, which fixes the level that votes leave open."""
    n = len(component)
    sets = csc_matrix((np.ones(n), (np.arange(n), component)), shape=(n, int(component.max(initial=-1)) + 1))
    size = np.maximum(np.asarray(sets.sum(0)).ravel(), 1)
    return (sets.multiply(1 / size)) @ sets.T
