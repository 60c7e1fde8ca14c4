"""Agreement of single annotators: with all others and with themselves; and how they lean."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.statistics.agreement import NO_DECISIVE
from workbench.statistics.bootstrap import Resampled, column_sums, resample
from workbench.statistics.estimates import Estimate
from workbench.statistics.groups import group_rows
from workbench.statistics.pairs import Integers, Judge, PairLabels

Columns = Sequence[NDArray[np.generic]]
"""Columns (N,) of numbers that are added up by prompt."""

ONE_JUDGEMENT = "never judged the same pair twice"
NO_ORDER = "the order shown is not recorded"


@dataclass(frozen=True, kw_only=True)
class AnnotatorFigures:
    """One annotator."""

    judge: Judge
    judgements: int
    with_ties: Estimate
    """Share of this annotator's meetings with others that agree, ties as a label."""
    decisive: Estimate
    ties: Estimate
    """Share of judgements that are ties."""
    first_shown: Estimate
    """Share of decisive judgements won by the completion shown first; 0.5 is no leaning."""
    intra: Estimate
    """Share of agreement between two judgements of one unit by this annotator, ties as a label."""


def position_share(
    labels: PairLabels, *, draws: int, generator: np.random.Generator, method: str = "percentile"
) -> Estimate:
    """Share of all decisive judgements won by the completion that was shown first."""
    sums = column_sums(labels.prompt, first_shown_wins(labels), labels.num_prompts)
    reason = NO_ORDER if not np.any(labels.first_shown) else "no decisive judgement with a known order"
    return resample(sums, draws=draws, generator=generator, method=method).share(0, reason)


def tie_share(
    labels: PairLabels, *, draws: int, generator: np.random.Generator, method: str = "percentile"
) -> Estimate:
    """Share of judgements that are ties; one less this is the decisive rate."""
    sums = column_sums(labels.prompt, are_ties(labels), labels.num_prompts)
    return resample(sums, draws=draws, generator=generator, method=method).share(0, "no judgements")


def annotator_figures(
    labels: PairLabels, *, draws: int, generator: np.random.Generator, method: str = "percentile"
) -> list[AnnotatorFigures]:
    """One entry an annotator, in the order of `labels.judges`; those without a judgement included."""
    columns = [*against_others(labels), *are_ties(labels), *first_shown_wins(labels)]
    own = _own_pairs(labels)
    bounds = spans(labels.annotator, len(labels.judges))
    own_bounds = spans(own.annotator, len(labels.judges))
    overlapping = _any_overlap(labels)
    alone = "nobody else judged the same pairs" if overlapping else "nobody judged a pair twice"
    figures = []
    for index, judge in enumerate(labels.judges):
        rows, again = bounds(index), own_bounds(index)
        known = bool(np.any(labels.first_shown[rows]))
        found = resample_rows(
            labels.prompt[rows], [column[rows] for column in columns], draws, generator, method
        )
        intra = resample_rows(
            own.prompt[again], [column[again] for column in own.columns], draws, generator, method
        )
        figures.append(
            AnnotatorFigures(
                judge=judge,
                judgements=len(rows),
                with_ties=found.share(0, alone),
                decisive=found.share(2, alone if not found.totals[1] else NO_DECISIVE),
                ties=found.share(4, "no judgements"),
                first_shown=found.share(6, "no decisive judgement" if known else NO_ORDER),
                intra=intra.share(0, ONE_JUDGEMENT),
            )
        )
    return figures


def intra_agreement(
    labels: PairLabels, *, draws: int, generator: np.random.Generator, method: str = "percentile"
) -> Estimate:
    """Share of agreement between two judgements of one unit by the same annotator, over all annotators."""
    own = _own_pairs(labels)
    found = resample_rows(own.prompt, own.columns, draws, generator, method)
    return found.share(0, "nobody judged a pair of completions twice")


def resample_rows(
    prompt: Integers, columns: Columns, draws: int, generator: np.random.Generator, method: str
) -> Resampled:
    """Resamples of the prompts of N rows of S `columns`."""
    found = group_rows(prompt)
    sums = column_sums(found.group, columns, len(found))
    return resample(sums, draws=draws, generator=generator, method=method)


@dataclass(frozen=True, kw_only=True)
class _OwnPairs:
    """Two judgements of one unit by one annotator: whose, on which prompt, and (agreed, 1)."""

    annotator: Integers
    prompt: Integers
    columns: Columns


def _own_pairs(labels: PairLabels) -> _OwnPairs:
    """Counted for every unit and annotator with more than one judgement, without listing the pairs."""
    votes = labels.votes
    code = _codes(votes.group, labels.label, len(votes.size))
    agreed = (code * (code - 1) // 2).sum(1)
    twice = votes.size > 1
    columns = [agreed[twice], (votes.size * (votes.size - 1) // 2)[twice]]
    return _OwnPairs(
        annotator=votes.annotator[twice], prompt=labels.prompt[votes.row[twice]], columns=columns
    )


def against_others(labels: PairLabels) -> Columns:
    """For each judgement: others' that agree, others', and the same two among decisive ones."""
    others = labels.others
    return [others.same, others.met, others.same_side, others.met_side]


def _codes(group: Integers, label: Integers, size: int) -> Integers:
    """How often each group holds the labels -1, 0 and 1: (size, 3)."""
    return np.bincount(group * 3 + label + 1, minlength=3 * size).reshape(size, 3)


def are_ties(labels: PairLabels) -> Columns:
    """For each judgement: whether it is a tie, and 1."""
    return [labels.label == 0, np.ones(len(labels), bool)]


def first_shown_wins(labels: PairLabels) -> Columns:
    """For each judgement: whether the first shown won, and whether that could be told."""
    known = (labels.first_shown != 0) & (labels.label != 0)
    return [known & (labels.first_shown == labels.label), known]


def _any_overlap(labels: PairLabels) -> bool:
    return len(labels.votes.unit) > len(labels.judged[1])


def spans(index: Integers, size: int) -> Callable[[int], Integers]:
    """For each value 0 to size - 1 of `index`, the rows that hold it."""
    order = np.argsort(index, kind="stable")
    bounds = np.searchsorted(index[order], np.arange(size + 1))
    return lambda value: order[bounds[value] : bounds[value + 1]]
