"""How reliable each annotator is, by CrowdBT: the probability of following what the whole panel points to."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import expit

from workbench.statistics.estimates import Estimate
from workbench.statistics.pairs import PairLabels
from workbench.statistics.preferences.label_model import AnnotatorQuality, fit_label_model_to_votes
from workbench.statistics.preferences.local_votes import votes_of_labels


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Of one annotator; n counts judgements."""

    follows: Estimate
    """1/2: their votes say nothing; 1: they always follow, but for the ties and near pairs that anybody may turn."""
    bias: Estimate
    """Log-worth that being shown first adds."""


def measure_reliability(labels: PairLabels, *, seed: int, overlap: bool) -> Sequence[Reliability]:
    """In the order of the labels' judges; missing where no two annotators judged the same pair."""
    if not overlap:
        missing = Estimate.missing("no pair of completions was judged by two annotators")
        return [Reliability(follows=missing, bias=missing) for _ in labels.judges]
    model = fit_label_model_to_votes(votes_of_labels(labels), seed=seed)
    return [_of(model.quality(judge.name)) for judge in labels.judges]


def _of(quality: AnnotatorQuality) -> Reliability:
    if not quality.votes:
        missing = Estimate.missing("no judgements")
        return Reliability(follows=missing, bias=missing)
    low, high = (quality.logit + sign * 1.96 * quality.logit_se for sign in (-1, 1))
    follows = Estimate(quality.reliability, float(expit(low)), float(expit(high)), quality.votes)
    if not (math.isfinite(quality.bias_se) and quality.bias_se):
        return Reliability(follows=follows, bias=Estimate.missing("the order shown is not recorded"))
    low, high = (quality.bias + sign * 1.96 * quality.bias_se for sign in (-1, 1))
    return Reliability(follows=follows, bias=Estimate(quality.bias, low, high, quality.votes))
