"""Rao and Kupper 1967: i wins if it seems better by more than a width; P(i over j) = w_i / (w_i + theta w_j).

"Ties in paired-comparison experiments: a generalization of the Bradley-Terry model", JASA 62. With log-worths s,
x = s_i - s_j and width h = log theta: P(i over j) = s(x - h), P(j over i) = s(-x - h),
P(tie) = (e^2h - 1) s(x - h) s(-x - h), with s the logistic function. The reward model's `rao_kupper` is the same.
"""

import numpy as np
from scipy.special import expit, log_expit

from workbench.statistics.preferences.links import Terms
from workbench.statistics.preferences.pair_models import Normal, fit_pairs
from workbench.statistics.preferences.result import PreferenceFit
from workbench.statistics.preferences.votes import Floats, Integers, Votes

TIE_PRIOR = Normal(-1.0, 1.0)
"""Of log h: a fifth of near pairs tie at its middle, 95 % from 3 % to 83 %."""


def fit_rao_kupper(
    votes: Votes, *, spread: float | None = 2.0, tie_prior: Normal = TIE_PRIOR
) -> PreferenceFit:
    """Worths and width of greatest posterior, or of greatest likelihood with spread=None.

    The prior: s ~ Normal(0, spread^2), log h ~ `tie_prior`. The fit's `tie` is h; theta = e^h.
    """
    return fit_pairs(votes.pooled(), link, "rao_kupper", outcomes, spread=spread, tie_prior=tie_prior)


def link(x: Floats, label: Integers, log_tie: float) -> Terms:
    """Log P(label) at x, and its derivatives by x and log h."""
    h = np.exp(log_tie)
    up, down = expit(x - h), expit(-x - h)
    curve_up, curve_down = -up * (1 - up), -down * (1 - down)
    # Of a tie: log(e^2h - 1) by h, once and twice.
    rise = -2 / np.expm1(-2 * h)
    bend = -4 * np.exp(-2 * h) / np.expm1(-2 * h) ** 2
    log_gap = 2 * h + np.log(-np.expm1(-2 * h))
    win, tied = label == 1, label == 0
    ups, downs = win | tied, ~win
    value = ups * log_expit(x - h) + downs * log_expit(-x - h) + tied * log_gap
    by_h = -(ups * (1 - up) + downs * (1 - down)) + tied * rise
    curve = ups * curve_up + downs * curve_down
    return Terms(
        value=value,
        x=ups * (1 - up) - downs * (1 - down),
        t=h * by_h,
        xx=curve,
        xt=h * (downs * curve_down - ups * curve_up),
        tt=h**2 * (curve + tied * bend) + h * by_h,
    )


def outcomes(x: Floats, log_tie: float) -> Floats:
    """P(first wins), P(tie), P(second wins), (..., 3)."""
    h = np.exp(log_tie)
    up, down = expit(x - h), expit(-x - h)
    return np.stack([up, np.expm1(2 * h) * up * down, down], axis=-1)
