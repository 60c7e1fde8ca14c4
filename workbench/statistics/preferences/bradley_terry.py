"""Bradley and Terry 1952: P(i over j) = w_i / (w_i + w_j), without ties.

With log-worths s: P(i over j) = 1 / (1 + exp(s_j - s_i)). "Rank analysis of incomplete block designs: I. The method
of paired comparisons", Biometrika 39. Ties are not in the model: they count half for either side, or not at all.
"""

import numpy as np
from scipy.special import expit, log_expit

from workbench.statistics.preferences.links import Terms
from workbench.statistics.preferences.pair_models import fit_pairs
from workbench.statistics.preferences.result import PreferenceFit
from workbench.statistics.preferences.votes import Floats, Integers, Votes

TIES = ("half", "drop", "error")


def fit_bradley_terry(votes: Votes, *, spread: float | None = 2.0, ties: str = "error") -> PreferenceFit:
    """The worths of greatest posterior under s ~ Normal(0, spread^2), or of greatest likelihood with spread=None.

    `ties`: half a win for each side, dropped, or refused.
    """
    if ties not in TIES:
        raise ValueError(f"ties must be one of {', '.join(TIES)}, got {ties!r}")
    tied = float(votes.count[votes.label == 0].sum())
    if tied and ties == "error":
        raise ValueError(
            f"{tied:g} of {votes.total:g} votes are ties, which Bradley-Terry does not know. "
            'Use fit_davidson, or ties="half" or ties="drop"'
        )
    used = votes.decisive() if ties == "drop" else votes.ties_as_halves()
    return fit_pairs(used, link, "bradley_terry", outcomes, spread=spread, tie_prior=None)


def link(x: Floats, label: Integers, log_tie: float) -> Terms:
    """The log of s(label * x), with s the logistic function; `log_tie` plays no part."""
    p, none = expit(x), np.zeros_like(x)
    return Terms(log_expit(label * x), label * expit(-label * x), none, -p * (1 - p), none, none)


def outcomes(x: Floats, log_tie: float) -> Floats:
    """P(first wins), P(tie) = 0, P(second wins), (..., 3)."""
    return np.stack([expit(x), np.zeros_like(x), expit(-x)], axis=-1)
