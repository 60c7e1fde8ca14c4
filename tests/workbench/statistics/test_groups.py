"""Groups of rows: the same as np.unique finds, on numbers that are counted, packed with their rows, or sorted."""

import numpy as np
import pytest

from workbench.statistics.groups import group_equal_rows, group_rows


@pytest.mark.parametrize("most", [0, 3, 10_000, 2**40, 2**62])
@pytest.mark.parametrize("n", [0, 1, 2000])
def test_the_same_as_numpy(n: int, most: int) -> None:
    """Few rows: 10,000 is sorted, 3 is counted; 2^62 leaves no room for the row."""
    generator = np.random.default_rng(n)
    few = generator.integers(0, most + 1, 500)
    keys = few[generator.integers(0, len(few), n)]
    found = group_rows(keys)
    expected = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    for ours, theirs in zip((found.keys, found.row, found.group, found.size), expected, strict=True):
        assert ours.dtype == np.int64 and np.array_equal(ours, theirs)
    assert len(found) == len(expected[0])


def test_equal_rows_by_hand() -> None:
    """Rows 0 and 2 are equal, and 1 and 3; what is in another column is another row."""
    rows = np.array([[1, 2], [2, 1], [1, 2], [2, 1], [3, 0]])
    found = group_equal_rows(rows)
    group = found.group
    assert len(found) == 3 and group[0] == group[2] and group[1] == group[3]
    assert len({int(group[0]), int(group[1]), int(group[4])}) == 3
    assert sorted(found.size.tolist()) == [1, 2, 2]
    assert sorted(found.row.tolist()) == [0, 1, 4]
