"""Votes: judgements on pairs of items in columns, equal ones counted together; what every pair model is fitted on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.statistics.groups import group_rows
from workbench.statistics.pairs import PairLabels

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Votes:
    """M kinds of vote on pairs of N items, each with how often it was cast."""

    first: Integers
    """(M,): an item, the lower number of the pair."""
    second: Integers
    """(M,): the other."""
    label: Integers
    """(M,): 1 where the first was put above the second, -1 below, 0 for a tie."""
    annotator: Integers
    """(M,): 0 to num_annotators - 1."""
    first_shown: Integers
    """(M,): 1 where the first item was shown before the second, -1 after, 0 unknown."""
    count: Floats
    """(M,): how many such votes."""
    num_items: int
    num_annotators: int

    def __len__(self) -> int:
        return len(self.first)

    @property
    def total(self) -> float:
        """Votes in all."""
        return float(self.count.sum())

    def pooled(self) -> "Votes":
        """The same votes without who cast them and in which order the pair was shown."""
        nobody = np.zeros_like(self.annotator)
        return gather_votes(
            self.first, self.second, self.label, count=self.count, num_items=self.num_items, annotator=nobody
        )

    def decisive(self) -> "Votes":
        """Those that are not ties."""
        return self._where(self.label != 0)

    def ties_as_halves(self) -> "Votes":
        """Each tie as half a vote for either side."""
        tie = self.label == 0
        doubled = np.concatenate([np.flatnonzero(~tie), np.flatnonzero(tie), np.flatnonzero(tie)])
        sides = np.concatenate([self.label[~tie], np.ones(tie.sum()), -np.ones(tie.sum())]).astype(np.int64)
        halves = np.where(tie, 0.5, 1.0) * self.count
        out = self._where(doubled)
        return replace(out, label=sides, count=halves[doubled])

    def _where(self, rows: NDArray[np.bool_] | Integers) -> "Votes":
        columns = ("first", "second", "label", "annotator", "first_shown", "count")
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})


def gather_votes(
    first: ArrayLike,
    second: ArrayLike,
    label: ArrayLike,
    *,
    annotator: ArrayLike | None = None,
    first_shown: ArrayLike | None = None,
    count: ArrayLike | None = None,
    num_items: int | None = None,
    num_annotators: int | None = None,
) -> Votes:
    """Columns (M,) of votes, in any order and orientation, with equal ones counted together.

    `label` is 1 where `first` was put above `second`, -1 below, 0 for a tie. A column that is left out: one
    annotator, order unknown, each vote once.
    """
    one, two, way = (np.asarray(column, np.int64) for column in (first, second, label))
    who = np.zeros_like(one) if annotator is None else np.asarray(annotator, np.int64)
    shown = np.zeros_like(one) if first_shown is None else np.asarray(first_shown, np.int64)
    times = np.ones(len(one)) if count is None else np.asarray(count, np.float64)
    _check(one, two, way, shown, times)
    items = int(max(one.max(initial=-1), two.max(initial=-1)) + 1) if num_items is None else num_items
    people = int(who.max(initial=-1) + 1) if num_annotators is None else num_annotators
    if len(one) and max(one.max(), two.max()) >= items:
        raise ValueError(f"a vote names item {max(one.max(), two.max())}, but there are {items} items")
    flip = np.where(one > two, -1, 1)
    low, high, way, shown = np.minimum(one, two), np.maximum(one, two), way * flip, shown * flip
    key = (((low * max(items, 1) + high) * max(people, 1) + who) * 3 + way + 1) * 3 + shown + 1
    found = group_rows(key)
    at = found.row
    return Votes(
        first=low[at],
        second=high[at],
        label=way[at],
        annotator=who[at],
        first_shown=shown[at],
        count=np.asarray(np.bincount(found.group, weights=times, minlength=len(found)), np.float64),
        num_items=items,
        num_annotators=people,
    )


def source_votes(labels: PairLabels) -> tuple[Votes, list[str]]:
    """The votes on sources (policies or systems) that judgements on their completions make, and the sources' names.

    A completion of several sources stands for each of them. Judgements on completions without a source, or of the
    same source, say nothing here. The annotators keep their numbers.
    """
    names = sorted({name for sources in labels.sources for name in sources})
    number = {name: i for i, name in enumerate(names)}
    width = max((len(sources) for sources in labels.sources), default=0)
    table = np.full((len(labels.sources), max(width, 1)), -1, np.int64)
    for item, sources in enumerate(labels.sources):
        table[item, : len(sources)] = [number[name] for name in sources]
    one, two = labels.unit_items[labels.unit].T if len(labels) else np.zeros((2, 0), np.int64)
    rows, firsts, seconds = [], [], []
    for a in range(table.shape[1]):
        for b in range(table.shape[1]):
            i, j = table[one, a], table[two, b]
            there = np.flatnonzero((i >= 0) & (j >= 0) & (i != j))
            rows.append(there)
            firsts.append(i[there])
            seconds.append(j[there])
    at = np.concatenate(rows)
    votes = gather_votes(
        np.concatenate(firsts),
        np.concatenate(seconds),
        labels.label[at],
        annotator=labels.annotator[at],
        first_shown=labels.first_shown[at],
        num_items=len(names),
        num_annotators=len(labels.judges),
    )
    return votes, names


def _check(one: Integers, two: Integers, way: Integers, shown: Integers, times: Floats) -> None:
    columns: Sequence[NDArray[np.int64] | Floats] = (one, two, way, shown, times)
    if any(column.ndim != 1 or len(column) != len(one) for column in columns):
        raise ValueError(
            f"columns of votes must be one-dimensional and of one length, got {[c.shape for c in columns]}"
        )
    if (one == two).any():
        raise ValueError(f"a vote compares item {one[one == two][0]} with itself; leave it out")
    for name, column in (("label", way), ("first_shown", shown)):
        if len(column) and np.abs(column).max() > 1:
            raise ValueError(f"{name} must be 1, 0 or -1, got {column[np.abs(column) > 1][0]}")
    if (one < 0).any() or (two < 0).any():
        raise ValueError("items are numbered from 0")
    if not (np.isfinite(times).all() and (times >= 0).all()):
        raise ValueError("counts must be finite and 0 or more")
