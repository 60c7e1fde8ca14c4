"""Davidson 1970: P(i over j) : P(j over i) : P(tie) = w_i : w_j : v sqrt(w_i w_j).

"On extending the Bradley-Terry model to accommodate ties in paired comparison experiments", JASA 65. With log-worths
s and x = s_i - s_j: e^(x/2) : e^(-x/2) : v. A tie is likelier the nearer the worths, and counts as half a win for each.
"""

import numpy as np

from workbench.statistics.preferences.links import Terms
from workbench.statistics.preferences.pair_models import Normal, fit_pairs
from workbench.statistics.preferences.result import PreferenceFit
from workbench.statistics.preferences.votes import Floats, Integers, Votes

TIE_PRIOR = Normal(-0.7, 1.5)
"""Of log v: as many ties as a fifth of near pairs at its middle, 95 % from 1 % to 83 %."""


def fit_davidson(votes: Votes, *, spread: float | None = 2.0, tie_prior: Normal = TIE_PRIOR) -> PreferenceFit:
    """Worths and tie parameter of greatest posterior, or of greatest likelihood with spread=None.

    The prior: s ~ Normal(0, spread^2), log v ~ `tie_prior`.
    """
    return fit_pairs(votes.pooled(), link, "davidson", outcomes, spread=spread, tie_prior=tie_prior)


def link(x: Floats, label: Integers, log_tie: float) -> Terms:
    """Log P(label) at x, and its derivatives by x and log v."""
    win, tie, lose, log_total = _parts(x, log_tie)
    lead, tied = win - lose, label == 0
    return Terms(
        value=np.where(tied, log_tie, label * x / 2) - log_total,
        x=(label - lead) / 2,
        t=tied - tie,
        xx=-(win + lose - lead**2) / 4,
        xt=lead * tie / 2,
        tt=-tie * (1 - tie),
    )


def outcomes(x: Floats, log_tie: float) -> Floats:
    """P(first wins), P(tie), P(second wins), (..., 3)."""
    return np.stack(_parts(x, log_tie)[:3], axis=-1)


def _parts(x: Floats, log_tie: float) -> tuple[Floats, Floats, Floats, Floats]:
    """The three probabilities, and the log of e^(x/2) + e^(-x/2) + v; from the larger side, so nothing overflows."""
    half = np.abs(x) / 2
    lower, middle = np.exp(-2 * half), np.exp(log_tie - half)
    total = 1 + lower + middle
    upper, lower = 1 / total, lower / total
    above = x >= 0
    win, lose = np.where(above, upper, lower), np.where(above, lower, upper)
    return win, middle / total, lose, half + np.log(total)
