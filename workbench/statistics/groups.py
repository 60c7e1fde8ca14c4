"""Rows with equal numbers, in groups: what np.unique finds, at a third of its time on millions of rows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Groups:
    """G groups of N rows, in ascending order of their numbers."""

    keys: Integers
    """The number of each group, (G,)."""
    row: Integers
    """Its first row, (G,)."""
    size: Integers
    """How many rows it has, (G,)."""
    group: Integers
    """The group of each row, (N,)."""

    def __len__(self) -> int:
        return len(self.keys)


def group_rows(keys: Integers) -> Groups:
    """The rows of `keys` (N,), whole numbers of 0 or more, by their number.

    Numbers that are small beside N are counted. Others are sorted with the row in the lower bits of each, so that
    plain sorting, which is vectorised, gives the rows as well; numbers that leave no room for that are sorted stably.
    """
    n = len(keys)
    most = int(keys.max(initial=0))
    if most <= 4 * n + 1000:
        count = np.bincount(keys, minlength=1)
        present = np.flatnonzero(count)
        place = np.empty(len(count), np.int64)
        place[present] = np.arange(len(present))
        group = place[keys]
        row = np.empty(len(present), np.int64)
        row[group[::-1]] = np.arange(n)[::-1]
        return Groups(keys=present, row=row, size=count[present], group=group)
    bits = n.bit_length()
    if most.bit_length() + bits <= 63:
        packed = (keys << bits) | np.arange(n)
        packed.sort()
        order = packed & ((1 << bits) - 1)
        ordered = np.right_shift(packed, bits, out=packed)
    else:
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
    new = np.ones(n, bool)
    new[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(new)
    group = np.empty(n, np.int64)
    group[order] = np.cumsum(new) - 1
    return Groups(
        keys=ordered[starts], row=order[starts], size=np.diff(starts, append=n).astype(np.int64), group=group
    )


def group_equal_rows(rows: Integers) -> Groups:
    """The same for rows of S whole numbers, (N, S); groups are in no order that means anything."""
    # Rows are told apart by one random combination of their numbers, modulo 2^61, which sorts far faster than rows do.
    mark = rows @ np.random.default_rng(0).integers(1, 2**61, rows.shape[1])
    found = group_rows(mark & (2**61 - 1))
    if np.array_equal(rows[found.row][found.group], rows):
        return found
    return group_rows(np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1))
