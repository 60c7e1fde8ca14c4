"""Agreement on pair labels: raw and chance-corrected, of a whole panel, with intervals over prompts.

A meeting is a unit together with two judgements on it by two different annotators. Raw agreement is the share of all
meetings that agree (micro: a unit judged by many weighs more). Two judgements of one annotator never meet; where an
annotator judged a unit twice, both judgements meet those of the others. Everything is symmetrised over which
completion is called first, so no number depends on storage order.
"""

from dataclasses import dataclass

import numpy as np

from workbench.statistics.alpha import alpha_of_coincidences
from workbench.statistics.bootstrap import (
    Floats,
    Statistic,
    cluster_sums,
    ratio,
    resample,
)
from workbench.statistics.estimates import Estimate
from workbench.statistics.kappa import corrected
from workbench.statistics.pairs import Integers, PairLabels

LABELS = np.array([-1.0, 0.0, 1.0])


@dataclass(frozen=True, kw_only=True)
class UnitCounts:
    """What was said of each of U units."""

    counts: Floats
    """Judgements -1, 0 and 1: (U, 3)."""
    met: Floats
    """Ordered pairs of judgements c, k by different annotators: (U, 3, 3)."""
    prompt: Integers
    """(U,)"""

    @property
    def coincidences(self) -> Floats:
        """Krippendorff's coincidences, (U, 3, 3): `met` scaled so that a unit of m judgements counts m.

        With one judgement an annotator this is his division by m - 1. Repeats by one annotator, which he does not
        foresee, then count without ever being compared with each other.
        """
        pairs = self.met.sum((1, 2))
        scale = self.counts.sum(1) / np.where(pairs > 0, pairs, 1)
        return np.asarray(self.met * scale[:, None, None])


def count_units(labels: PairLabels) -> UnitCounts:
    """Judgements and meetings of the units that `labels` judges, in order of their numbers."""
    unit, first = labels.judged
    u, code = len(first), labels.label + 1
    counts = np.bincount(unit * 3 + code, minlength=u * 3).reshape(u, 3).astype(np.float64)
    met = counts[:, :, None] * counts[:, None, :]
    # Take away what each annotator's judgements would make with themselves and with one another.
    votes = labels.votes
    if len(votes.unit) == len(labels):
        met[:, [0, 1, 2], [0, 1, 2]] -= counts
    else:
        size = len(votes.unit) * 3
        own = np.bincount(votes.group * 3 + code, minlength=size).reshape(-1, 3).astype(np.float64)
        for c in range(3):
            for k in range(3):
                met[:, c, k] -= np.bincount(votes.unit, weights=own[:, c] * own[:, k], minlength=u)
    return UnitCounts(counts=counts, met=met, prompt=labels.prompt[first])


def raw_agreement(counts: UnitCounts) -> tuple[float | None, float | None]:
    """Shares of meetings that agree: with ties as a label of their own, and of those where both are decisive."""
    totals = fold(counts.met).sum(0) / 2
    both = (float(_with_ties(totals)), float(_decisive(totals)))
    with_ties, decisive = (value if np.isfinite(value) else None for value in both)
    return with_ties, decisive


def pair_label_alpha(counts: UnitCounts, level: str = "nominal", *, symmetrise: bool = True) -> float | None:
    """Krippendorff's alpha of pair labels; `symmetrise=False` takes the orientation as it was stored."""
    total = counts.coincidences.sum(0)
    if symmetrise:
        total = unfold(fold(total))
    value = float(alpha_of_coincidences(total, LABELS, level))
    return value if np.isfinite(value) else None


@dataclass(frozen=True, kw_only=True)
class PanelAgreement:
    """How far a panel agrees."""

    with_ties: Estimate
    """Share of meetings that agree, a tie being a label of its own; n counts meetings."""
    decisive: Estimate
    """Share of agreement among meetings where both judgements are decisive."""
    chance_with_ties: Estimate
    """What `with_ties` would be if judgements were drawn from the pooled ones."""
    by_prompt: Estimate
    """Mean over prompts of the share with ties, so that every prompt weighs the same; n counts prompts."""
    by_prompt_decisive: Estimate
    alpha_nominal: Estimate
    """n counts judgements on units that two annotators judged."""
    alpha_ordinal: Estimate
    ac1: Estimate
    """Gwet's AC1; n counts units that two annotators judged."""


NO_OVERLAP = "no pair of completions was judged by two annotators"
NO_DECISIVE = "no pair of completions has decisive judgements by two annotators"
NO_VARIATION = "all judgements are the same, so chance would agree fully as well"


def panel_agreement(
    labels: PairLabels, *, draws: int, generator: np.random.Generator, method: str = "percentile"
) -> PanelAgreement:
    """All agreement figures of a panel from the same `draws` resamples of its prompts; 0 draws, no intervals."""
    counts = count_units(labels)
    found = resample(
        _prompt_sums(counts, labels.num_prompts), draws=draws, generator=generator, method=method
    )
    totals = found.totals
    meetings, decisive_meetings = totals[MET].sum(), totals[0] + totals[2]

    def estimate(statistic: Statistic, n: float, reason: str) -> Estimate:
        return found.estimate(statistic, n=n, reason=reason)

    judged, paired = totals[COINCIDENT].sum(), totals[9]
    no_spread = NO_VARIATION if meetings else NO_OVERLAP
    return PanelAgreement(
        with_ties=estimate(lambda t: _with_ties(t[..., MET]), meetings, NO_OVERLAP),
        decisive=estimate(lambda t: _decisive(t[..., MET]), decisive_meetings, NO_DECISIVE),
        chance_with_ties=estimate(lambda t: _chance(t[..., COINCIDENT]), judged, NO_OVERLAP),
        by_prompt=estimate(lambda t: ratio(t[..., 12:14]), totals[13], NO_OVERLAP),
        by_prompt_decisive=estimate(lambda t: ratio(t[..., 14:16]), totals[15], NO_DECISIVE),
        alpha_nominal=estimate(lambda t: _alpha(t[..., COINCIDENT], "nominal"), judged, no_spread),
        alpha_ordinal=estimate(lambda t: _alpha(t[..., COINCIDENT], "ordinal"), judged, no_spread),
        ac1=estimate(lambda t: _ac1(t[..., 8:12]), paired, NO_OVERLAP),
    )


# The sums of a prompt: its meetings and its coincidences by kind (decisive and the same, both ties, opposite, one tie),
# then what AC1 needs (agreement of units met, their number, tie share of units judged, their number), then the prompt's
# own share of agreement with ties (and 1, if it has one) and the same for decisive meetings.
MET, COINCIDENT = slice(0, 4), slice(4, 8)


def _prompt_sums(counts: UnitCounts, num_prompts: int) -> Floats:
    met = fold(counts.met) / 2
    pairs, judged = met.sum(1), counts.counts.sum(1)
    gwet = np.stack(
        [
            (met[:, 0] + met[:, 1]) / np.where(pairs > 0, pairs, 1),
            pairs > 0,
            counts.counts[:, 1] / np.where(judged > 0, judged, 1),
            judged > 0,
        ],
        axis=1,
    )
    units = np.concatenate([met, fold(counts.coincidences), gwet], axis=1)
    sums = cluster_sums(counts.prompt, units, num_prompts)
    share, decisive = _with_ties(sums[:, MET]), _decisive(sums[:, MET])
    own = [np.nan_to_num(share), np.isfinite(share), np.nan_to_num(decisive), np.isfinite(decisive)]
    # Units judged once weigh in AC1's chance alone; a prompt without any meeting is kept out of every draw.
    out = np.concatenate([sums, np.stack(own, axis=1)], axis=1)
    return np.asarray(np.where(sums[:, MET].sum(1, keepdims=True) > 0, out, 0))


def fold(cells: Floats) -> Floats:
    """Ordered pairs of labels (..., 3, 3) by kind, blind to orientation: (..., 4)."""
    c = cells
    return np.stack(
        [
            c[..., 0, 0] + c[..., 2, 2],
            c[..., 1, 1],
            c[..., 0, 2] + c[..., 2, 0],
            c[..., 0, 1] + c[..., 1, 0] + c[..., 1, 2] + c[..., 2, 1],
        ],
        axis=-1,
    )


def unfold(kinds: Floats) -> Floats:
    """The symmetrised (..., 3, 3) of ordered pairs by kind (..., 4)."""
    same, tie, opposite, mixed = np.moveaxis(kinds, -1, 0)
    rows = [
        [same / 2, mixed / 4, opposite / 2],
        [mixed / 4, tie, mixed / 4],
        [opposite / 2, mixed / 4, same / 2],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def _with_ties(kinds: Floats) -> Floats:
    return ratio(np.stack([kinds[..., 0] + kinds[..., 1], kinds.sum(-1)], axis=-1))


def _decisive(kinds: Floats) -> Floats:
    return ratio(np.stack([kinds[..., 0], kinds[..., 0] + kinds[..., 2]], axis=-1))


def _chance(kinds: Floats) -> Floats:
    """Probability that two judgements drawn from the pooled, symmetrised ones agree."""
    tie = ratio(np.stack([kinds[..., 1] + kinds[..., 3] / 2, kinds.sum(-1)], axis=-1))
    return np.asarray(tie**2 + (1 - tie) ** 2 / 2)


def _alpha(kinds: Floats, level: str) -> Floats:
    return alpha_of_coincidences(unfold(kinds), LABELS, level)


def _ac1(parts: Floats) -> Floats:
    """Gwet's AC1 over the three labels, the decisive ones symmetrised: p_e = sum of pi_k (1 - pi_k) / 2."""
    observed, tie = ratio(parts[..., 0:2]), ratio(parts[..., 2:4])
    side = (1 - tie) / 2
    return corrected(observed, (tie * (1 - tie) + 2 * side * (1 - side)) / 2)
