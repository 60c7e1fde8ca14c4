"""CrowdBT: worths and the reliability of each annotator together, with ties and a position bias per annotator.

Chen, Bennett, Collins-Thompson and Horvitz 2013, "Pairwise ranking aggregation in a crowdsourced setting", WSDM:
P_k(i over j) = r_k s(x) + (1 - r_k) s(-x), with x the difference of log-worths and r_k the probability that annotator k
follows the worths rather than their reverse; at 1/2 their votes say nothing of the worths. We differ in two ways:
Davidson's f (with ties) stands for the logistic s, and the completion shown first gains b_k,

    P_k(label) = r_k f(label | x + b_k p) + (1 - r_k) f(label | -x + b_k p),

with p = 1 where i was shown first, -1 where j was, 0 unknown. Exchanging i and j changes nothing. The priors:
worths Normal(0, spread^2), log v as in Davidson, logit r ~ Normal(2, 1), b ~ Normal(0, 1/2).
"""

from functools import partial

import numpy as np
from scipy.special import expit, log_expit

from workbench.statistics.preferences import davidson
from workbench.statistics.preferences.components import components_of
from workbench.statistics.preferences.newton import maximise
from workbench.statistics.preferences.pair_models import (
    Curvature,
    Normal,
    assemble,
    check_spread,
    worth_errors,
)
from workbench.statistics.preferences.result import Parameter, PreferenceFit
from workbench.statistics.preferences.votes import Floats, Integers, Votes

RELIABILITY_PRIOR = Normal(2.0, 1.0)
"""Of logit r: 0.88 in its middle, 95 % from 0.51 to 0.98."""
BIAS_PRIOR = Normal(0.0, 0.5)
"""Of b, in units of log-worth."""


def fit_crowd_bt(
    votes: Votes,
    *,
    spread: float = 2.0,
    tie_prior: Normal = davidson.TIE_PRIOR,
    reliability_prior: Normal = RELIABILITY_PRIOR,
    bias_prior: Normal = BIAS_PRIOR,
) -> PreferenceFit:
    """The parameters of greatest posterior, from Davidson's worths on. There is no fit without a prior.

    `shared` holds log_tie (1,), reliability (A,), as logits, and position_bias (A,). Annotators without a vote keep
    the prior's middle. `predict` is for a reliable annotator without bias.
    """
    people = votes.num_annotators
    check_spread(spread, votes, 2 * people + 1)
    priors = [tie_prior, *[reliability_prior] * people, *[bias_prior] * people]
    columns = np.stack(
        [np.zeros_like(votes.annotator), 1 + votes.annotator, 1 + people + votes.annotator], axis=1
    )
    component = components_of(votes)

    def curvature(x: Floats, shared: Floats) -> Curvature:
        logit, bias = shared[1 + votes.annotator], shared[1 + people + votes.annotator]
        return mixture(x, votes.label, float(shared[0]), logit, bias, votes.first_shown)

    posterior = partial(assemble, votes, curvature, columns, priors, spread, component)
    start = davidson.fit_davidson(votes, spread=spread, tie_prior=tie_prior)
    worth, shared, top = maximise(posterior, start.worth, np.array([prior.mean for prior in priors]))
    errors = np.sqrt(np.diag(top.information.shared_covariance))
    return PreferenceFit(
        model="crowd_bt",
        worth=worth,
        worth_se=worth_errors(top.information, component, spread),
        shared={
            "log_tie": Parameter(value=shared[:1], se=errors[:1]),
            "reliability": Parameter(value=shared[1 : 1 + people], se=errors[1 : 1 + people]),
            "position_bias": Parameter(value=shared[1 + people :], se=errors[1 + people :]),
        },
        component=component,
        log_likelihood=float(votes.count @ curvature(worth[votes.first] - worth[votes.second], shared).value),
        votes=votes.total,
        prior=True,
        information=top.information,
        outcomes=davidson.outcomes,
    )


def mixture(
    x: Floats, label: Integers, log_tie: float, logit: Floats, bias: Floats, first_shown: Integers
) -> Curvature:
    """Log P_k(label) and its derivatives by x and by (log v, logit r, b), all rows (M,)."""
    true = davidson.link(x + bias * first_shown, label, log_tie)
    false = davidson.link(-x + bias * first_shown, label, log_tie)
    log_true, log_false = log_expit(logit) + true.value, log_expit(-logit) + false.value
    value = np.logaddexp(log_true, log_false)
    share, other = np.exp(log_true - value), np.exp(log_false - value)
    r, p, none = expit(logit), first_shown, np.zeros_like(x)
    # Rows: x, log v, logit r, b; of the two ways in which the vote may have come about.
    one = np.stack([true.x, true.t, 1 - r, p * true.x])
    two = np.stack([-false.x, false.t, -r, p * false.x])
    mean, apart = share * one + other * two, one - two
    both = share * other * apart[:, None] * apart[None, :]
    flat = -r * (1 - r)
    xx, tt = share * true.xx + other * false.xx, share * true.tt + other * false.tt
    xt, xb = share * true.xt - other * false.xt, p * (share * true.xx - other * false.xx)
    tb = p * (share * true.xt + other * false.xt)
    inner = np.array(
        [
            [xx, xt, none, xb],
            [xt, tt, none, tb],
            [none, none, flat, none],
            [xb, tb, none, p * p * xx],
        ]
    )
    full = inner + both
    return Curvature(
        value=value,
        x=mean[0],
        xx=full[0, 0],
        s=mean[1:].T,
        xs=full[0, 1:].T,
        ss=np.moveaxis(full[1:, 1:], -1, 0),
    )
