"""Pair labels: every ranking as the judgements it makes on pairs of completions, in columns of numpy.

The unit of agreement is a prompt, an unordered pair of its completions and a criterion. Completions are matched by
their words and their source, so the same pair met in another comparison of the same prompt is the same unit, while
two systems that happened to write the same words stay two completions. Within one comparison, completions with the
same words are never a pair. A judgement is 1 (the
unit's first completion is better), -1 (its second is) or 0 (a tie). Which completion of a unit is called first is
arbitrary: the order in the comparison that first held the pair.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workbench.statistics.excerpts import Excerpts
from workbench.statistics.groups import group_rows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

COUNTED_KINDS = ("ordinary", "repeat", "evaluation")
"""Kinds of comparison that agreement counts: gold and qualification have a known answer and were chosen for it."""


@dataclass(frozen=True, kw_only=True)
class Judge:
    """One annotator of the labels: name (a pseudonym), kind, and how many rankings and skips."""

    name: str
    kind: str
    rankings: int = 0
    skips: int = 0
    seconds: float | None = None
    """Median seconds a ranking, where times are known."""


@dataclass(frozen=True, kw_only=True)
class PairLabels:
    """N judgements in columns, all of shape (N,), with the names behind the numbers."""

    unit: Integers
    """Prompt, completion pair and criterion: 0 to num_units - 1."""
    label: Integers
    """1, 0 or -1; see the module."""
    annotator: Integers
    """Index into `judges`."""
    ranking: Integers
    """The ranking that made the judgement; judgements of one ranking hang together."""
    prompt: Integers
    """The prompt: the cluster that is resampled."""
    comparison: Integers
    """The comparison, for slices by its tags."""
    first_shown: Integers
    """1 where the unit's first completion was shown before its second, -1 after, 0 where the order is unknown."""
    unit_criterion: Integers
    """Of each unit, shape (num_units,)."""
    judges: Sequence[Judge]
    criteria: Sequence[str]
    tags: Sequence[Mapping[str, str]]
    """Of each comparison."""
    item_length: Integers
    """Characters of each completion."""
    item_texts: Excerpts = field(default_factory=Excerpts)
    """The beginning of each completion, for showing."""
    comparison_ids: Sequence[str]
    prompt_texts: Sequence[str]
    """The beginning of each prompt, for showing."""
    guidelines: Sequence[str]
    """Versions that rankings name."""
    num_prompts: int
    blocks: Sequence["RankBlock"] = ()
    """The same rankings as rows of ranks, for statistics of whole rankings."""
    unit_items: Integers = field(default_factory=lambda: np.empty((0, 2), np.int64))
    """First and second completion of each unit, (num_units, 2): indices into `sources` and `item_length`."""
    sources: Sequence[tuple[str, ...]] = ()
    """Which policies or systems wrote each completion."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """What was read: comparisons, rankings, skips and so on."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """What agreement does not count, by reason."""

    @cached_property
    def judged(self) -> tuple[Integers, Integers]:
        """Each judgement's unit among those that anyone judged, numbered 0, 1, ... in order; and a row of each."""
        present = np.bincount(self.unit, minlength=self.num_units) > 0
        unit = (np.cumsum(present) - 1)[self.unit]
        row = np.empty(int(present.sum()), np.int64)
        row[unit[::-1]] = np.arange(len(unit))[::-1]
        return unit, row

    @cached_property
    def votes(self) -> "GroupedVotes":
        """The judgements by unit and annotator: one group, unless an annotator judged a unit again."""
        unit, _ = self.judged
        judges = max(len(self.judges), 1)
        found = group_rows(unit * judges + self.annotator)
        return GroupedVotes(
            group=found.group,
            unit=found.keys // judges,
            annotator=found.keys % judges,
            row=found.row,
            size=found.size,
        )

    @cached_property
    def others(self) -> "Others":
        """How each judgement stands to those of other annotators on its unit."""
        (unit, first), votes = self.judged, self.votes
        code = self.label + 1
        counts = np.bincount(unit * 3 + code, minlength=len(first) * 3).reshape(-1, 3)
        sides = counts[:, 0] + counts[:, 2]
        decisive = self.label != 0
        same, met, met_sides = counts.ravel()[unit * 3 + code], counts.sum(1)[unit], sides[unit]
        if len(votes.unit) == len(self):
            # Nobody judged a unit twice, so only the judgement itself is taken away.
            same, met, met_sides = same - 1, met - 1, met_sides - 1
        else:
            size = len(votes.unit) * 3
            own = np.bincount(votes.group * 3 + code, minlength=size).reshape(-1, 3)
            same = same - own.ravel()[votes.group * 3 + code]
            met = met - votes.size[votes.group]
            met_sides = met_sides - (own[:, 0] + own[:, 2])[votes.group]
        return Others(
            same=same.astype(np.int32),
            met=met.astype(np.int32),
            same_side=(same * decisive).astype(np.int32),
            met_side=(met_sides * decisive).astype(np.int32),
        )

    @cached_property
    def by_ranking(self) -> "RankingColumns":
        """What is known of each ranking, by its number."""
        empty = RankingColumns(
            annotator=np.empty(0, np.int64),
            comparison=np.empty(0, np.int64),
            guideline=np.empty(0, np.int64),
            seconds=np.empty(0),
            when=np.empty(0),
        )
        columns = [empty, *self.blocks]
        return RankingColumns(
            **{name: np.concatenate([getattr(part, name) for part in columns]) for name in vars(empty)}
        )

    @property
    def num_units(self) -> int:
        """Units that anyone judged."""
        return len(self.unit_criterion)

    def __len__(self) -> int:
        return len(self.unit)

    def where(self, mask: Bools) -> "PairLabels":
        """The judgements of `mask`, shape (N,); units and names keep their numbers."""
        columns = ("unit", "label", "annotator", "ranking", "prompt", "comparison", "first_shown")
        return replace(self, **{name: getattr(self, name)[mask] for name in columns})


@dataclass(frozen=True, kw_only=True)
class GroupedVotes:
    """G groups of judgements of one unit by one annotator."""

    group: Integers
    """Of each judgement, (N,)."""
    unit: Integers
    """As `PairLabels.judged` numbers it, (G,)."""
    annotator: Integers
    row: Integers
    """The first judgement of the group."""
    size: Integers


@dataclass(frozen=True, kw_only=True)
class Others:
    """Of each judgement, (N,) each."""

    same: NDArray[np.int32]
    """Others' judgements of its unit that agree with it, ties being a label."""
    met: NDArray[np.int32]
    """Others' judgements of its unit."""
    same_side: NDArray[np.int32]
    """The same two among decisive judgements; 0 where it is a tie."""
    met_side: NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class RankingColumns:
    """R rankings in columns."""

    annotator: Integers
    comparison: Integers
    guideline: Integers
    """Index into `guidelines`; -1 where none is named."""
    seconds: Floats
    """Time on the page; NaN unknown."""
    when: Floats
    """When it was made, in seconds since 1970; NaN unknown."""


@dataclass(frozen=True, kw_only=True)
class RankBlock:
    """R rankings of comparisons with K completions."""

    items: Integers
    """The completion in each place, (R, K): equal numbers are the same completion."""
    ranks: Integers
    """(R, K); 0 where it was left unranked."""
    positions: Integers
    """Where it was shown, (R, K); -1 unknown."""
    comparison: Integers
    prompt: Integers
    annotator: Integers
    criterion: Integers
    guideline: Integers
    """-1 where none is named."""
    seconds: Floats
    """NaN where unknown."""
    when: Floats
    """Seconds since 1970; NaN where unknown."""
