"""Rankings of K completions as rows of numbers, and the judgements that a block of such rows makes."""

from array import array
from collections import Counter
from collections.abc import Sequence

import numpy as np

from workbench.statistics.pairs import Integers, RankBlock

COLUMNS = (
    "first",
    "second",
    "label",
    "annotator",
    "ranking",
    "prompt",
    "comparison",
    "criterion",
    "first_shown",
)


class Block:
    """The rankings of comparisons with K completions, flat: R rows of K items, ranks (0: none) and positions."""

    def __init__(self, k: int) -> None:
        self.k = k
        self.items = array("q")
        self.ranks = array("q")
        self.positions = array("q")
        self.meta = array("q")
        self.times = array("d")
        self._unknown = array("q", [-1] * k)

    def add(
        self,
        items: "array[int]",
        ranks: tuple[int | None, ...],
        order: tuple[int, ...] | None,
        meta: tuple[int, int, int, int, int],
        times: tuple[float, float],
    ) -> None:
        """One ranking; `meta` is comparison, prompt, annotator, criterion and guideline, `times` seconds and when."""
        self.items += items
        self.ranks.extend([rank or 0 for rank in ranks])
        if order is None:
            self.positions += self._unknown
        else:
            positions = [-1] * self.k
            for position, i in enumerate(order):
                positions[i] = position
            self.positions.extend(positions)
        self.meta.extend(meta)
        self.times.extend(times)

    def join(self, later: "Block", items: Integers, columns: Sequence[Integers]) -> None:
        """Add the rows of another block, whose items and whose columns of `meta` have these numbers here.

        The last entry of each array stands for -1, what is unknown.
        """
        meta = np.array(later.meta, np.int64).reshape(-1, len(columns))
        for column, numbers in zip(meta.T, columns, strict=True):
            column[:] = numbers[column]
        self.items.frombytes(items[np.array(later.items, np.int64)].tobytes())
        self.ranks += later.ranks
        self.positions += later.positions
        self.meta.frombytes(meta.tobytes())
        self.times += later.times

    def arrays(self) -> RankBlock:
        """The rows as columns of numpy."""
        items, ranks, positions = (
            np.array(values, np.int64).reshape(-1, self.k)
            for values in (self.items, self.ranks, self.positions)
        )
        comparison, prompt, annotator, criterion, guideline = np.array(self.meta, np.int64).reshape(-1, 5).T
        seconds, when = np.array(self.times, np.float64).reshape(-1, 2).T
        return RankBlock(
            items=items,
            ranks=ranks,
            positions=positions,
            comparison=comparison,
            prompt=prompt,
            annotator=annotator,
            criterion=criterion,
            guideline=guideline,
            seconds=seconds,
            when=when,
        )


def expand_block(
    block: RankBlock, words: Integers, offset: int, dropped: Counter[str]
) -> dict[str, Integers]:
    """The judgements of a block's rankings, which are numbered from `offset`; `words` are those of each item."""
    one, two = np.triu_indices(block.items.shape[1], 1)
    rank_one, rank_two = block.ranks[:, one], block.ranks[:, two]
    same = words[block.items[:, one]] == words[block.items[:, two]]
    unranked = ~same & ((rank_one == 0) | (rank_two == 0))
    keep = ~same & ~unranked
    dropped["pairs of completions with the same words"] += int(same.sum())
    # A completion that an annotator never saw was not left out by them.
    hidden = (block.positions < 0) & (block.positions >= 0).any(1, keepdims=True)
    seen = ~hidden[:, one] & ~hidden[:, two]
    dropped["pairs of which a completion was left unranked"] += int((unranked & seen).sum())
    row, _ = np.nonzero(keep)
    place_one, place_two = block.positions[:, one], block.positions[:, two]
    shown = np.where((place_one < 0) | (place_two < 0), 0, np.sign(place_two - place_one))
    return {
        "first": block.items[:, one][keep],
        "second": block.items[:, two][keep],
        "label": np.sign(rank_two - rank_one)[keep],
        "annotator": block.annotator[row],
        "ranking": row + offset,
        "prompt": block.prompt[row],
        "comparison": block.comparison[row],
        "criterion": block.criterion[row],
        "first_shown": shown[keep],
    }
