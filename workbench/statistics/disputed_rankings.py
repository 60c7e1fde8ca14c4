"""The rankings behind a dispute: what stood in them, and the rank that each annotator gave."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.statistics.pairs import PairLabels

MOST_RANKINGS = 8
MOST_COMPLETIONS = 12


@dataclass(frozen=True, kw_only=True)
class GivenRanks:
    """One annotator's ranks of a dispute's completions; None where they ranked it not, or never saw it."""

    annotator: str
    comparison: str
    ranks: tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class DisputedRankings:
    """The rankings that hold a prompt's most disputed pair of completions."""

    completions: Sequence[str]
    """Their beginnings; the disputed two come first. At most `MOST_COMPLETIONS`."""
    rankings: Sequence[GivenRanks]
    """In the order they were read; at most `MOST_RANKINGS`."""
    more: int
    """Rankings of the pair that are not listed."""


def rankings_of_unit(labels: PairLabels, unit: int) -> DisputedRankings:
    """The rankings that judge a unit, numbered as in `unit_items`, with all that they rank."""
    pair = labels.unit_items[unit]
    # An offset into the blocks, laid end to end, is a ranking's number.
    found, offset = [], 0
    judging = np.unique(labels.ranking[labels.unit == unit])
    for block in labels.blocks:
        own = judging[(judging >= offset) & (judging < offset + len(block.items))] - offset
        found += [(block, int(row)) for row in own]
        offset += len(block.items)
    items = list(dict.fromkeys(pair.tolist()))
    for block, row in found:
        items += [item for item in block.items[row].tolist() if item not in items]
    items = items[:MOST_COMPLETIONS]
    rankings = []
    for block, row in found[:MOST_RANKINGS]:
        ranks = dict(zip(block.items[row].tolist(), block.ranks[row].tolist(), strict=True))
        rankings.append(
            GivenRanks(
                annotator=labels.judges[int(block.annotator[row])].name,
                comparison=labels.comparison_ids[int(block.comparison[row])],
                ranks=tuple(ranks.get(item) or None for item in items),
            )
        )
    return DisputedRankings(
        completions=[labels.item_texts[item] for item in items],
        rankings=rankings,
        more=max(len(found) - MOST_RANKINGS, 0),
    )
