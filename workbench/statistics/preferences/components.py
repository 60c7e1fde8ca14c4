"""Which items votes connect, and whether a finite maximum of the likelihood exists."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from workbench.statistics.preferences.votes import Integers, Votes


def components_of(votes: Votes) -> Integers:
    """(N,): a number for each set of items that votes connect; worths of different sets cannot be compared."""
    return _components(votes.first, votes.second, votes.num_items, "weak")


def check_maximum_exists(votes: Votes, names: Sequence[str] | None = None) -> None:
    """ValueError unless every connected set of items is connected by wins in both directions (Ford 1957).

    Otherwise some items beat all others of their set whenever they met, and their worth grows without end.
    """
    above = np.concatenate([votes.first[votes.label >= 0], votes.second[votes.label <= 0]])
    below = np.concatenate([votes.second[votes.label >= 0], votes.first[votes.label <= 0]])
    weak = components_of(votes)
    strong = _components(above, below, votes.num_items, "strong")
    # A weak set is fine just when it is one strong set.
    parts = np.unique(np.stack([weak, strong], axis=1), axis=0)[:, 0]
    split = np.flatnonzero(np.bincount(parts) > 1)
    if not len(split):
        return
    inside = weak == split[0]
    crossing = inside[above] & (strong[above] != strong[below])
    beaten = set(strong[below[crossing]].tolist())
    top = next(s for s in np.unique(strong[inside]).tolist() if s not in beaten)
    winners = [names[i] if names else f"item {i}" for i in np.flatnonzero(strong == top)[:5]]
    raise ValueError(
        f"the maximum of the likelihood is infinite: {', '.join(winners)} never lost or tied against the others of "
        "the set. Use a prior (spread=2.0) instead of spread=None"
    )


def _components(one: Integers, two: Integers, size: int, connection: str) -> Integers:
    graph = coo_matrix((np.ones(len(one)), (one, two)), shape=(size, size))
    _, label = connected_components(graph, directed=True, connection=connection)
    return np.asarray(label, np.int64)
