"""Votes within comparisons: each ranking as judgements on pairs of one comparison's completions, in columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from workbench.records import Comparison, Ranking
from workbench.statistics.groups import group_rows
from workbench.statistics.pairs import PairLabels
from workbench.statistics.preferences.votes import Floats, Integers


@dataclass(frozen=True, kw_only=True)
class LocalVotes:
    """M judgements on pairs of items of C comparisons; an item is a text of one comparison.

    The k (k - 1) / 2 pairs of a ranking of k texts repeat each other in part: a pair weighs 2 / k, so that they count
    as the k - 1 choices that a ranking is. benchmarks/overlap_planner shows how well probabilities are calibrated so.
    """

    comparison: Integers
    """(M,): 0 to C - 1, ascending."""
    first: Integers
    """(M,): an item of the comparison, counted from 0 within it."""
    second: Integers
    label: Integers
    """(M,): 1 where the first was put above the second, -1 below, 0 for a tie."""
    annotator: Integers
    """(M,): index into `names`; -1 for somebody who is not there."""
    first_shown: Integers
    """(M,): 1 where the first was shown before the second, -1 after, 0 unknown."""
    weight: Floats
    size: Integers
    """(C,): how many items each comparison has."""
    rankings: Integers
    """(C,): how many rankings speak of each comparison."""
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.label)

    @property
    def unit(self) -> Integers:
        """(M,): a number for each pair of items of a comparison."""
        k = int(self.size.max(initial=1))
        return (self.comparison * k + self.first) * k + self.second


def local_votes(comparisons: Iterable[Comparison], names: Sequence[str] | None = None) -> LocalVotes:
    """The votes of all rankings but skips and adjudications; annotators by `names`, or in order of appearance."""
    columns: list[list[int]] = []
    weights: list[float] = []
    known = {name: i for i, name in enumerate(names or ())}
    sizes, rankings = [], []
    for number, comparison in enumerate(comparisons):
        items = distinct_texts(comparison)
        counted = 0
        for ranking in comparison.rankings:
            if ranking.annotator_kind == "adjudicator" or ranking.outcome != "ranked":
                continue
            who = known.get(ranking.annotator, -1)
            if names is None and who < 0:
                who = known[ranking.annotator] = len(known)
            rows = _rows(ranking, items)
            counted += bool(rows)
            weights += [float(pair_weight(len(rows)))] * len(rows)
            columns += [[number, i, j, label, who, shown] for i, j, label, shown in rows]
        sizes.append(max(items) + 1)
        rankings.append(counted)
    table = np.array(columns, np.int64).reshape(-1, 6).T
    return LocalVotes(
        comparison=table[0],
        first=table[1],
        second=table[2],
        label=table[3],
        annotator=table[4],
        first_shown=table[5],
        weight=np.array(weights),
        size=np.array(sizes, np.int64),
        rankings=np.array(rankings, np.int64),
        names=list(known) if names is None else names,
    )


def votes_of_labels(labels: PairLabels) -> LocalVotes:
    """The votes of pair labels, a unit being a comparison of two items: what a label model is fitted on."""
    pairs = np.bincount(labels.ranking, minlength=1)[labels.ranking] if len(labels) else labels.ranking
    order = np.argsort(labels.unit, kind="stable")
    compact = group_rows(labels.unit[order]).group
    zeros = np.zeros(len(labels), np.int64)
    units = int(compact.max(initial=-1)) + 1
    return LocalVotes(
        comparison=compact,
        first=zeros,
        second=zeros + 1,
        label=labels.label[order],
        annotator=labels.annotator[order],
        first_shown=labels.first_shown[order],
        weight=pair_weight(pairs[order]),
        size=np.full(units, 2),
        rankings=np.bincount(compact, minlength=units),
        names=[judge.name for judge in labels.judges],
    )


def pair_weight(pairs: ArrayLike) -> Floats:
    """2 / k, where a ranking makes `pairs` = k (k - 1) / 2 judgements."""
    k = (1 + np.sqrt(1 + 8 * np.asarray(pairs, np.float64))) / 2
    return np.asarray(2 / k)


def distinct_texts(comparison: Comparison) -> list[int]:
    """The item of each completion: identical texts are one."""
    seen: dict[str, int] = {}
    return [seen.setdefault(completion.text, len(seen)) for completion in comparison.completions]


def _rows(ranking: Ranking, items: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """(first, second, label, first shown) of each pair of texts; the best rank of identical texts counts."""
    best: dict[int, int] = {}
    place: dict[int, int] = {}
    position = {completion: p for p, completion in enumerate(ranking.order or ())}
    for completion, rank in enumerate(ranking.ranks or ()):
        item = items[completion]
        if rank is not None and rank < best.get(item, rank + 1):
            best[item] = rank
            if completion in position:
                place[item] = position[completion]
    rows = []
    for i, j in combinations(sorted(best), 2):
        shown = 0 if i not in place or j not in place else 1 if place[i] < place[j] else -1
        label = (best[j] > best[i]) - (best[j] < best[i])
        rows.append((i, j, label, shown))
    return rows
