"""On what annotators disagree: the prompts that drive it, how unlike two completions are in length, and guidelines."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from workbench.statistics.agreement import count_units, fold
from workbench.statistics.annotators import against_others, are_ties, resample_rows
from workbench.statistics.bootstrap import Floats, cluster_sums, ratio
from workbench.statistics.disputed_rankings import DisputedRankings, rankings_of_unit
from workbench.statistics.estimates import Estimate
from workbench.statistics.pairs import Integers, PairLabels

SHOWN = 20
"""Prompts that are listed."""
LENGTHS = (0.0, 0.1, 0.25, 0.5)
"""Where the classes of length difference begin: the difference over the longer one's length."""


@dataclass(frozen=True, kw_only=True)
class DisputedPrompt:
    """A prompt on which annotators disagree more than the panel does."""

    text: str
    comparisons: Sequence[str]
    """Ids of its comparisons that more than one annotator ranked, or of all where they met across comparisons."""
    meetings: int
    same: int
    opposite: int
    one_tie: int
    votes: tuple[int, int, int]
    """Of its most disputed pair of completions: votes for the one with more, for the other, and ties."""
    rankings: DisputedRankings
    """Those that hold this pair."""

    @property
    def disagreements(self) -> int:
        """Meetings that disagree."""
        return self.opposite + self.one_tie


@dataclass(frozen=True, kw_only=True)
class Disputes:
    """Where the disagreement lies."""

    prompts: Sequence[DisputedPrompt]
    """At most `SHOWN`, the greatest excess of disagreement over the panel's rate first."""
    disagreements: int
    """Meetings that disagree, of the whole panel, and those of the listed prompts."""
    listed: int
    prompts_met: int
    prompts_agreed: int
    """Prompts on which every meeting agrees."""
    with_tie: Estimate
    """Share of the disagreements in which one of the two called it a tie; n counts disagreements."""


@dataclass(frozen=True, kw_only=True)
class LengthClass:
    """Pairs of completions with a certain difference in length."""

    name: str
    with_ties: Estimate
    decisive: Estimate
    ties: Estimate
    longer_wins: Estimate
    """Share of decisive judgements won by the longer completion."""


@dataclass(frozen=True, kw_only=True)
class GuidelineChange:
    """Agreement under one version of the guideline and under the next one, by the time of first use."""

    before: str
    after: str
    decisive_before: Estimate
    decisive_after: Estimate
    change: Estimate
    """Decisive agreement after less before; judgements under different versions are not compared."""
    old_rankings: int
    """Rankings that count and were made under the older version."""


def find_disputes(labels: PairLabels) -> Disputes:
    """The prompts that drive disagreement."""
    counts = count_units(labels)
    kinds = fold(counts.met) / 2  # (U, 4): the same side, both ties, opposite, one tie
    prompts = cluster_sums(counts.prompt, kinds, labels.num_prompts)
    meetings = prompts.sum(1)
    disagreed = prompts[:, 2] + prompts[:, 3]
    total, met = float(disagreed.sum()), float(meetings.sum())
    excess = disagreed - meetings * (total / met if met else 0)
    # A tie against a side is half as far apart as two sides.
    excess = np.where(disagreed > 0, excess - prompts[:, 3] / 2, -np.inf)
    chosen = np.argsort(-excess, kind="stable")[:SHOWN]
    chosen = chosen[np.isfinite(excess[chosen])]
    ids = _overlapping_comparisons(labels, chosen)
    disputed = counts.met[:, 0, 2] + counts.met[:, 2, 0] + kinds[:, 3] / 2
    order = np.lexsort((-disputed, counts.prompt))
    prompts_at, first = np.unique(counts.prompt[order], return_index=True)
    worst = dict(zip(prompts_at.tolist(), order[first].tolist(), strict=True)) if len(chosen) else {}
    listed = []
    for prompt in chosen.tolist():
        minus, tie, plus = (int(count) for count in counts.counts[worst[prompt]])
        same, both_tie, opposite, one_tie = (round(float(count)) for count in prompts[prompt])
        listed.append(
            DisputedPrompt(
                text=labels.prompt_texts[prompt],
                comparisons=ids[prompt],
                meetings=same + both_tie + opposite + one_tie,
                same=same + both_tie,
                opposite=opposite,
                one_tie=one_tie,
                votes=(max(plus, minus), min(plus, minus), tie),
                rankings=rankings_of_unit(labels, int(labels.unit[labels.judged[1][worst[prompt]]])),
            )
        )
    ties = float(prompts[:, 3].sum())
    return Disputes(
        prompts=listed,
        disagreements=round(total),
        listed=sum(prompt.disagreements for prompt in listed),
        prompts_met=int((meetings > 0).sum()),
        prompts_agreed=int(((meetings > 0) & (disagreed == 0)).sum()),
        with_tie=Estimate(ties / total, n=round(total))
        if total
        else Estimate.missing(
            "nobody disagrees" if met else "no pair of completions was judged by two annotators"
        ),
    )


def _overlapping_comparisons(labels: PairLabels, prompts: Integers) -> dict[int, list[str]]:
    """The comparisons of each prompt that two annotators or more ranked; all of them where there is none."""
    judges = max(len(labels.judges), 1)
    rows = np.flatnonzero(np.isin(labels.prompt, prompts))
    keys = np.unique(labels.comparison[rows] * judges + labels.annotator[rows])
    comparisons, size = np.unique(keys // judges, return_counts=True)
    prompt_of = dict(zip(labels.comparison[rows].tolist(), labels.prompt[rows].tolist(), strict=True))
    several: dict[int, list[str]] = {int(prompt): [] for prompt in prompts}
    single: dict[int, list[str]] = {int(prompt): [] for prompt in prompts}
    for comparison, n in zip(comparisons.tolist(), size.tolist(), strict=True):
        kept = several if n > 1 else single
        kept[prompt_of[comparison]].append(labels.comparison_ids[comparison])
    return {prompt: several[prompt] or single[prompt] for prompt in several}


def by_length(
    labels: PairLabels, *, draws: int, generator: np.random.Generator, method: str = "percentile"
) -> list[LengthClass]:
    """Agreement by how unlike two completions are in length; a list without classes that nobody judged."""
    lengths = labels.item_length[labels.unit_items]  # (U, 2)
    longer = np.maximum(lengths.max(1), 1)
    difference = (lengths.max(1) - lengths.min(1)) / longer
    group = (np.searchsorted(LENGTHS, difference, side="right") - 1)[labels.unit]
    side = np.sign(lengths[:, 0] - lengths[:, 1])[labels.unit]
    decided = (labels.label != 0) & (side != 0)
    # Halved, because a meeting is seen from both of its judgements, and so counted once.
    met = [np.asarray(column, np.float64) / 2 for column in against_others(labels)]
    columns = [*met, *are_ties(labels), decided & (labels.label == side), decided]
    out = []
    for i in range(len(LENGTHS)):
        rows = np.flatnonzero(group == i)
        if not len(rows):
            continue
        found = resample_rows(
            labels.prompt[rows], [column[rows] for column in columns], draws, generator, method
        )
        out.append(
            LengthClass(
                name=_length_name(i),
                with_ties=found.share(0, "no two annotators judged such a pair"),
                decisive=found.share(2, "no two annotators took a side on such a pair"),
                ties=found.share(4, "no judgements"),
                longer_wins=found.share(6, "no decisive judgement of completions of unequal length"),
            )
        )
    return out


def _length_name(i: int) -> str:
    low = f"{LENGTHS[i]:.0%}"
    return f"{low} to {LENGTHS[i + 1]:.0%}" if i + 1 < len(LENGTHS) else f"{low} and more"


def guideline_changes(
    labels: PairLabels, *, draws: int, generator: np.random.Generator, method: str = "percentile"
) -> list[GuidelineChange]:
    """Agreement before and after each change of the guideline; versions in the order of their first use."""
    rankings = labels.by_ranking
    versions = list(range(len(labels.guidelines)))
    if len(versions) < 2:
        return []
    if np.isfinite(rankings.when).any():
        begun = [_begun(rankings.when[rankings.guideline == version]) for version in versions]
        versions.sort(key=lambda version: begun[version])
    own = rankings.guideline[labels.ranking]
    met = {}
    for version in versions:
        rows = own == version
        part = labels.where(rows)
        met[version] = (
            part.prompt,
            [np.asarray(column, np.float64) / 2 for column in against_others(part)[2:4]],
        )
    changes = []
    for before, after in pairwise(versions):
        (prompt_one, one), (prompt_two, two) = met[before], met[after]
        columns = [
            *(np.pad(column, (0, len(prompt_two))) for column in one),
            *(np.pad(column, (len(prompt_one), 0)) for column in two),
        ]
        found = resample_rows(np.concatenate([prompt_one, prompt_two]), columns, draws, generator, method)
        why = "no two annotators took a side on the same pair under this version"
        changes.append(
            GuidelineChange(
                before=labels.guidelines[before],
                after=labels.guidelines[after],
                decisive_before=found.share(0, why),
                decisive_after=found.share(2, why),
                change=found.estimate(
                    _difference,
                    n=found.totals.sum() - found.totals[0] - found.totals[2],
                    reason="one of the two versions has no decisive judgements that met",
                ),
                old_rankings=int((rankings.guideline == before).sum()),
            )
        )
    return changes


def _difference(totals: Floats) -> Floats:
    return np.asarray(ratio(totals[..., 2:4]) - ratio(totals[..., 0:2]))


def _begun(when: Floats) -> float:
    known = when[np.isfinite(when)]
    return float(known.min()) if len(known) else np.inf
