"""Plans: which comparisons an optimiser step learns from, and in which micro-batches; a pure function of the seed."""

from collections.abc import Sequence

from workbench.seeds import numpy_generator


def epoch_steps(num_items: int, batch: int, *, seed: int, epoch: int) -> list[list[int]]:
    """Items 0 .. num_items - 1 in a random order, `batch` a step; the last step may be smaller.

    The same for every number of processes and every micro-batch size, and computed without walking earlier epochs: a
    run that resumes on other hardware goes on with the same comparisons.
    """
    order = numpy_generator(seed, "order", epoch).permutation(num_items)
    return [order[i : i + batch].tolist() for i in range(0, num_items, batch)]


def rank_share(step: Sequence[int], sizes: Sequence[int], rank: int, world: int) -> list[int]:
    """The items of a step that process `rank` of `world` takes: dealt by size, so that all have about as much."""
    ordered = sorted(step, key=lambda item: (-sizes[item], item))
    return ordered[rank::world]


def micro_batches(
    items: Sequence[int], sizes: Sequence[int], *, max_tokens: int, max_items: int | None = None
) -> list[list[int]]:
    """Items in their given order, in batches of at most `max_tokens` tokens (a larger item stands alone)."""
    batches: list[list[int]] = []
    tokens = 0
    for item in items:
        full = not batches or tokens + sizes[item] > max_tokens or len(batches[-1]) == max_items
        if full:
            batches.append([])
            tokens = 0
        batches[-1].append(item)
        tokens += sizes[item]
    return batches
