"""Chance-corrected agreement on categories: Cohen, Scott, Fleiss, Conger, Brennan-Prediger and Gwet's AC1 and AC2.

All are (p_a - p_e) / (1 - p_e) and differ in p_e, the agreement that chance would give. With weights, a near miss
counts in part. For more than two annotators and for missing values the definitions are those of Gwet 2014, "Handbook
of Inter-Rater Reliability", 4th ed., ch. 2 and 5, with standard errors by linearisation over subjects.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A coefficient with its parts; None where it is undefined (no subject judged twice, or p_e is 1)."""

    value: float | None
    observed: float | None
    expected: float | None
    error: float | None = None
    """Standard error over subjects."""


def agreement_weights(levels: ArrayLike, kind: str = "identity") -> Floats:
    """How much of an agreement each pair of categories counts, (q, q) from the categories' values (q,).

    identity, linear (1 - |c - k| / range), quadratic (1 - (c - k)^2 / range^2), or ordinal in Gwet's sense
    (1 - C(|i - j| + 1, 2) / C(q, 2) of the ranks i, j), which is not Krippendorff's.
    """
    x = np.asarray(levels, np.float64)
    if kind not in WEIGHTS:
        raise ValueError(f"weights must be one of {', '.join(WEIGHTS)}, got {kind!r}")
    return WEIGHTS[kind](x) if len(x) > 1 else np.ones((len(x), len(x)))


def _linear(x: Floats) -> Floats:
    return np.asarray(1 - np.abs(x[:, None] - x[None, :]) / (x.max() - x.min()))


def _quadratic(x: Floats) -> Floats:
    return np.asarray(1 - (x[:, None] - x[None, :]) ** 2 / (x.max() - x.min()) ** 2)


def _gwet_ordinal(x: Floats) -> Floats:
    rank = np.argsort(np.argsort(x))
    gap = np.abs(rank[:, None] - rank[None, :])
    return np.asarray(1 - gap * (gap + 1) / (len(x) * (len(x) - 1)))


WEIGHTS: dict[str, Callable[[Floats], Floats]] = {
    "identity": lambda x: np.eye(len(x)),
    "linear": _linear,
    "quadratic": _quadratic,
    "ordinal": _gwet_ordinal,
}


def cohen_kappa(table: ArrayLike, weights: str = "identity") -> Floats:
    """Cohen's kappa of two annotators' counts, first by second, (..., q, q) -> (...); NaN where undefined.

    p_e = sum over c, k of w_ck p_c. p_.k; Cohen 1960, EPM 20:37, and with weights 1968, Psych. Bull. 70:213. The
    categories are taken as equally spaced.
    """
    p, w = _shares(table), agreement_weights(np.arange(np.shape(table)[-1]), weights)
    chance = p.sum(-1)[..., :, None] * p.sum(-2)[..., None, :]
    return corrected((w * p).sum((-1, -2)), (w * chance).sum((-1, -2)))


def scott_pi(table: ArrayLike, weights: str = "identity") -> Floats:
    """Scott's pi: like Cohen's kappa with both annotators' marginals averaged; Scott 1955, POQ 19:321."""
    p, w = _shares(table), agreement_weights(np.arange(np.shape(table)[-1]), weights)
    mean = (p.sum(-1) + p.sum(-2)) / 2
    chance = mean[..., :, None] * mean[..., None, :]
    return corrected((w * p).sum((-1, -2)), (w * chance).sum((-1, -2)))


def corrected(observed: Floats, expected: Floats) -> Floats:
    """(p_a - p_e) / (1 - p_e), NaN where p_e is 1 (to rounding) or undefined."""
    room = 1 - expected
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((observed - expected) / np.where(np.abs(room) < 1e-12, np.nan, room))


def count_table(values: ArrayLike) -> tuple[Floats, Floats]:
    """From values of annotators by units (A, U), NaN missing: counts (U, q) and the categories (q,) in order."""
    table = np.asarray(values, np.float64)
    levels = np.unique(table[np.isfinite(table)])
    return (table[:, :, None] == levels).sum(0).astype(np.float64), levels


def fleiss_kappa(
    counts: ArrayLike, weights: str = "identity", levels: ArrayLike | None = None
) -> Coefficient:
    """Fleiss' kappa of counts by subject and category (U, q), any number of annotators a subject; Fleiss 1971.

    p_e = sum of w_ck pi_c pi_k with pi_k the mean over subjects of the share that chose k.
    """
    r, w = _counts(counts, weights, levels)
    share = _subject_shares(r)
    pi = share.mean(0)
    leverage = share @ ((w @ pi + w.T @ pi) / 2)
    return _coefficient(r, w, expected=float(pi @ w @ pi), leverage=leverage)


def gwet_ac(counts: ArrayLike, weights: str = "identity", levels: ArrayLike | None = None) -> Coefficient:
    """Gwet's AC1, and AC2 where `weights` are given; counts (U, q). Gwet 2008, BJMSP 61:29.

    p_e = T_w / (q (q - 1)) sum of pi_k (1 - pi_k) with T_w the sum of all weights. Less moved than kappa when one
    category takes nearly all.
    """
    r, w = _counts(counts, weights, levels)
    share = _subject_shares(r)
    q = r.shape[1]
    if q < 2:
        return Coefficient(None, 1.0 if len(r) else None, None)
    pi, scale = share.mean(0), float(w.sum()) / (q * (q - 1))
    return _coefficient(r, w, expected=scale * float(pi @ (1 - pi)), leverage=scale * (share @ (1 - pi)))


def brennan_prediger(
    counts: ArrayLike, weights: str = "identity", levels: ArrayLike | None = None
) -> Coefficient:
    """Chance as a uniform draw of categories: p_e = T_w / q^2; Brennan and Prediger 1981, EPM 41:687."""
    r, w = _counts(counts, weights, levels)
    expected = float(w.sum()) / r.shape[1] ** 2
    return _coefficient(r, w, expected=expected, leverage=np.full(len(r), expected))


def conger_kappa(values: ArrayLike, weights: str = "identity") -> Coefficient:
    """Conger's kappa: Cohen's for A annotators, each with marginals of their own; values (A, U), NaN missing.

    p_e = sum of w_ck (mean p_c mean p_k - s2_ck / A) with s2 the covariance of the annotators' marginals; Conger 1980.
    """
    table = np.asarray(values, np.float64)
    counts, levels = count_table(table)
    r, w = _counts(counts, weights, levels)
    chosen = (table[:, :, None] == levels).sum(1).astype(np.float64)
    judged = np.maximum(np.isfinite(table).sum(1), 1)
    p = chosen / judged[:, None]  # (A, q): each annotator's marginals
    a = len(p)
    mean = p.mean(0)
    spread = (p.T @ p - a * np.outer(mean, mean)) / (a - 1)
    expected = float((w * (np.outer(mean, mean) - spread / a)).sum())
    return _coefficient(r, w, expected=expected, leverage=None)


def _coefficient(r: Floats, w: Floats, *, expected: float, leverage: Floats | None) -> Coefficient:
    """The coefficient, and its standard error from each subject's pull on p_a and on p_e (`leverage`)."""
    size = r.sum(1)
    paired = size > 1
    if not paired.any():
        return Coefficient(None, None, expected)
    agreed = np.zeros(len(r))
    pairs = (r * (r @ w - 1)).sum(1)
    agreed[paired] = pairs[paired] / (size * (size - 1))[paired]
    observed = float(agreed[paired].mean())
    if abs(1 - expected) < 1e-12:
        return Coefficient(None, observed, expected)
    value = (observed - expected) / (1 - expected)
    n = len(r)
    if leverage is None or n < 2:
        return Coefficient(value, observed, expected)
    # A subject judged once has no agreement of its own, only a share in the marginals.
    pull = np.where(paired, agreed - expected, 0) * n / paired.sum() / (1 - expected)
    pull -= 2 * (1 - value) * (leverage - expected) / (1 - expected)
    error = float(np.sqrt(((pull - value) ** 2).sum() / (n * (n - 1))))
    return Coefficient(value, observed, expected, error)


def _counts(counts: ArrayLike, weights: str, levels: ArrayLike | None) -> tuple[Floats, Floats]:
    """Subjects that anyone judged, and the weights."""
    r = np.asarray(counts, np.float64)
    if r.ndim != 2:
        raise ValueError(f"counts must be subjects by categories, got shape {r.shape}")
    w = agreement_weights(np.arange(r.shape[1]) if levels is None else levels, weights)
    return r[r.sum(1) > 0], w


def _subject_shares(r: Floats) -> Floats:
    return np.asarray(r / r.sum(1, keepdims=True))


def _shares(table: ArrayLike) -> Floats:
    counts = np.asarray(table, np.float64)
    total = counts.sum((-1, -2), keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(counts / np.where(total == 0, np.nan, total))
