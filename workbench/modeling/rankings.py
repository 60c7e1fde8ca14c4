"""Rankings as training data: comparisons become groups of tokens with ranks, and batches of both."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from workbench.errors import DataError
from workbench.modeling.chat import preflight
from workbench.modeling.groups import Group, GroupedBatch, collate_groups, encode_group
from workbench.records import Comparison, Ranking
from workbench.statistics.preferences.consensus import Consensus, consensuses
from workbench.statistics.preferences.label_model import LabelModel

TooLong = Literal["error", "drop"]


@dataclass(frozen=True, slots=True)
class RankedGroup:
    """One comparison, ready to train on: K completions that somebody ranked, and the rankings of R annotators."""

    group: Group
    ranks: NDArray[np.int64]
    """(R, K): tiers, 1 is best; 0 where a completion was unranked or not shown."""
    weights: NDArray[np.float64]
    """(R,): the weight of each ranking; they sum to 1."""
    twins: NDArray[np.int64]
    """(K,): equal numbers are the same words."""
    kept: tuple[int, ...]
    """Which completions of the comparison these are."""
    annotators: tuple[str, ...]
    """Who made each ranking."""
    counts: NDArray[np.float64] | None = None
    """(R,): how often each ranking was made, for measures; None: once each. A soft label's are probabilities."""


@dataclass(frozen=True, slots=True)
class RankedBatch:
    """G comparisons with N completions and R rankings of at most K completions."""

    grouped: GroupedBatch
    items: Tensor
    """(R, K) long: which of the N completions; 0 where absent."""
    ranks: Tensor
    """(R, K) long; 0 where absent."""
    twins: Tensor
    """(R, K) long."""
    weights: Tensor
    """(R,): the weight of each ranking; those of one comparison sum to 1."""
    counts: Tensor
    """(R,): how often each ranking was made, for measures."""
    comparison: Tensor
    """(R,) long: which of the G comparisons."""
    members: tuple[int, ...]
    """The number of each comparison in the data."""
    ids: tuple[str, ...]
    """The id of each comparison."""

    def to(self, device: torch.device | str) -> "RankedBatch":
        """The same batch on another device."""
        return replace(
            self,
            grouped=self.grouped.to(device),
            items=self.items.to(device),
            ranks=self.ranks.to(device),
            twins=self.twins.to(device),
            weights=self.weights.to(device),
            counts=self.counts.to(device),
            comparison=self.comparison.to(device),
        )


def prepare_rankings(
    comparisons: Iterable[Comparison],
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int,
    too_long: TooLong = "error",
    ties: str = "rao_kupper",
    annotator_weights: Mapping[str, float] | None = None,
    label_model: LabelModel | None = None,
) -> tuple[list[RankedGroup], dict[str, int]]:
    """The comparisons that say something, in the given order, and counts of what was used and left out.

    Completions that nobody ranked are not encoded. A ranking without a pair (fewer than two different completions
    ranked; under `drop`, all in one tier) is left out and counted. Where an adjudicator ranked, that ranking alone
    counts. An annotator without a weight has weight 1. With `label_model` the rankings of a comparison become its
    consensus: soft labels of the pairs that somebody judged. DataError where more than one criterion is left.
    """
    groups: list[RankedGroup] = []
    counts: Counter[str] = Counter(
        comparisons=0, comparisons_used=0, rankings=0, rankings_without_pair=0, skips=0, too_long=0
    )
    criteria: set[str] = set()
    comparisons = list(comparisons)
    agreed = consensuses(comparisons, label_model) if label_model else repeat(None)
    for comparison, consensus in zip(comparisons, agreed, strict=False):
        preflight(tokenizer, [comparison.prompt])
        counts["comparisons"] += 1
        rankings = _counted(comparison.rankings, counts)
        criteria.update(ranking.criterion for ranking in rankings)
        twins = _twins(comparison)
        used = [r for r in rankings if _says_something(r.ranks or (), twins, ties)]
        counts["rankings_without_pair"] += len(rankings) - len(used)
        weights = np.array([(annotator_weights or {}).get(r.annotator, 1.0) for r in used])
        if not weights.sum() > 0:
            continue
        group = _ranked_group(comparison, used, twins, weights, tokenizer, max_length, too_long)
        if group is None:
            counts["too_long"] += 1
            continue
        if consensus and not any(r.annotator_kind == "adjudicator" for r in used):
            group = soften(group, consensus, ties)
        counts["comparisons_used"] += 1
        counts["rankings"] += len(used)
        groups.append(group)
    if len(criteria) > 1:
        raise DataError(
            f"the rankings have several criteria ({', '.join(sorted(criteria))}), and one model learns one. "
            "Make a snapshot of one of them: accord snapshot create --criterion NAME"
        )
    return groups, dict(counts)


def collate_rankings(groups: Sequence[RankedGroup], members: Sequence[int], pad_id: int) -> RankedBatch:
    """One batch of the groups with the numbers `members`."""
    chosen = [groups[m] for m in members]
    width = max(len(g.twins) for g in chosen)
    count = sum(len(g.ranks) for g in chosen)
    items, ranks, twins = (np.zeros((count, width), dtype=np.int64) for _ in range(3))
    row = first = 0
    for g in chosen:
        size, k = g.ranks.shape
        rows = slice(row, row := row + size)
        items[rows, :k], ranks[rows, :k], twins[rows, :k] = first + np.arange(k), g.ranks, g.twins
        first += k
    return RankedBatch(
        grouped=collate_groups([g.group for g in chosen], pad_id),
        items=torch.from_numpy(items),
        ranks=torch.from_numpy(ranks),
        twins=torch.from_numpy(twins),
        weights=torch.from_numpy(np.concatenate([g.weights for g in chosen])).float(),
        counts=torch.from_numpy(np.concatenate([_counts(g) for g in chosen])).float(),
        comparison=torch.from_numpy(np.repeat(np.arange(len(chosen)), [len(g.ranks) for g in chosen])),
        members=tuple(members),
        ids=tuple(g.group.id for g in chosen),
    )


def soften(group: RankedGroup, consensus: Consensus, ties: str) -> RankedGroup:
    """The group with soft labels: for each pair that somebody judged, P(i over j), P(tie) and P(j over i).

    Each of the three is a ranking of the two completions alone, and weighs its probability over the number of pairs, so
    that the loss is the mean over pairs of the cross-entropy with the consensus. Under `drop` only the decisive two are
    left, scaled to sum to 1.
    """
    i, j = np.triu_indices(len(group.twins), 1)
    judged = ((group.ranks[:, i] > 0) & (group.ranks[:, j] > 0)).any(0) & (group.twins[i] != group.twins[j])
    i, j = i[judged], j[judged]
    kept = np.array(group.kept)
    better = consensus.better[np.ix_(kept, kept)]
    outcomes = [(better[i, j], 1, 2), (better[j, i], 2, 1)]
    if ties != "drop":
        outcomes.append((consensus.tied[np.ix_(kept, kept)][i, j], 1, 1))
    probability = np.stack([p for p, _, _ in outcomes])  # (outcomes, pairs)
    probability /= probability.sum(0)
    ranks = np.zeros((len(outcomes), len(i), len(kept)), np.int64)
    for outcome, (_, first, second) in enumerate(outcomes):
        ranks[outcome, np.arange(len(i)), i], ranks[outcome, np.arange(len(i)), j] = first, second
    return replace(
        group,
        ranks=ranks.reshape(-1, len(kept)),
        weights=probability.ravel() / len(i),
        counts=probability.ravel(),
        annotators=("consensus",) * probability.size,
    )


def count_pairs(groups: Iterable[RankedGroup]) -> tuple[float, float]:
    """Ties and pairs over all rankings; pairs of identical texts are none."""
    ties = pairs = 0.0
    for g in groups:
        i, j = np.triu_indices(len(g.twins), 1)
        a, b = g.ranks[:, i], g.ranks[:, j]
        valid = (a > 0) & (b > 0) & (g.twins[i] != g.twins[j])
        times = _counts(g)[:, None]
        pairs += float((valid * times).sum())
        ties += float(((valid & (a == b)) * times).sum())
    return ties, pairs


def _counts(group: RankedGroup) -> NDArray[np.float64]:
    return np.ones(len(group.ranks)) if group.counts is None else group.counts


def _counted(rankings: Sequence[Ranking], counts: Counter[str]) -> list[Ranking]:
    """The rankings that count: not skips, and an adjudicator's alone where there is one."""
    ranked = [r for r in rankings if r.outcome == "ranked" and r.ranks is not None]
    counts["skips"] += len(rankings) - len(ranked)
    return [r for r in ranked if r.annotator_kind == "adjudicator"] or ranked


def _twins(comparison: Comparison) -> list[int]:
    texts: dict[str, int] = {}
    return [texts.setdefault(completion.text, len(texts)) for completion in comparison.completions]


def _says_something(ranks: Sequence[int | None], twins: Sequence[int], ties: str) -> bool:
    seen = {(twin, rank) for twin, rank in zip(twins, ranks, strict=True) if rank is not None}
    if len({twin for twin, _ in seen}) < 2:
        return False
    # Two different texts in different tiers: not so if all are in one tier.
    return ties != "drop" or any(a[0] != b[0] and a[1] != b[1] for a in seen for b in seen)


def _ranked_group(
    comparison: Comparison,
    rankings: Sequence[Ranking],
    twins: Sequence[int],
    weights: NDArray[np.float64],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    too_long: TooLong,
) -> RankedGroup | None:
    """None if it is too long and such comparisons are dropped."""
    ranks = np.array([[rank or 0 for rank in r.ranks or ()] for r in rankings], dtype=np.int64)
    kept = np.flatnonzero(ranks.any(axis=0))
    completions = tuple(comparison.completions[i] for i in kept)
    try:
        group = encode_group(tokenizer, replace(comparison, completions=completions, rankings=()), max_length)
    except DataError as error:
        if too_long == "drop":
            return None
        raise DataError(f"{error}, as too_long: drop does with all such") from error
    return RankedGroup(
        group=group,
        ranks=ranks[:, kept],
        weights=weights / weights.sum(),
        twins=np.array(twins, dtype=np.int64)[kept],
        kept=tuple(int(i) for i in kept),
        annotators=tuple(r.annotator for r in rankings),
    )
