"""Krippendorff's alpha: agreement corrected for chance, for any number of annotators and missing values.

alpha = 1 - D_o / D_e, with D_o the mean squared distance between two values of one unit and D_e the same between any
two values (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability"). The levels differ in the distance only:
nominal (0 or 1), ordinal (how many values lie between), interval (the difference), ratio (difference over sum).
Gwet's "ordinal" weights are another thing and give other numbers.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

LEVELS = ("nominal", "ordinal", "interval", "ratio")


def krippendorff_alpha(values: ArrayLike, level: str = "nominal") -> float | None:
    """Alpha of a table of annotators by units, (A, U), NaN where an annotator did not judge a unit.

    None where it is undefined: no unit has two values, or all values are the same.
    """
    table = np.asarray(values, np.float64)
    if table.ndim != 2:
        raise ValueError(f"values must be annotators by units, got shape {table.shape}")
    flat = table.ravel()
    at = np.flatnonzero(flat == flat)  # NaN alone differs from itself; half the time of isfinite and nonzero
    return alpha_of_values(at % table.shape[1], flat[at], level)


def alpha_of_values(unit: NDArray[np.int64], value: Floats, level: str = "nominal") -> float | None:
    """Alpha of N values in long form, `unit` and `value` both (N,); each from another annotator within its unit.

    Takes time and memory of order N for nominal, ordinal and interval values; ratio needs all pairs of distinct values.
    """
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(LEVELS)}, got {level!r}")
    if not len(value):
        return None
    low, high = float(value.min()), float(value.max())
    if not (math.isfinite(low) and math.isfinite(high)):  # a NaN anywhere is the least and the greatest
        raise ValueError("values must be finite; leave a missing judgement out")
    unit, size = _compact(unit)
    levels, code = _levels(value, low, high)
    if level != "ratio" and len(levels) * size <= 4 * len(unit) + 1000:
        return _alpha_of_counts(_count_cells(unit, code, len(levels), size), levels, level)
    return _alpha_of_many_levels(unit, code, levels, level)


def _count_cells(unit: NDArray[np.int64], code: NDArray[np.int64], num_codes: int, size: int) -> Floats:
    """How often each unit holds each code: (num_codes, units), which adds up over the codes faster than transposed."""
    cell = code * size
    cell += unit
    return np.bincount(cell, minlength=num_codes * size).reshape(num_codes, size).astype(np.float64)


def _alpha_of_counts(counts: Floats, levels: Floats, level: str) -> float | None:
    """Alpha from the counts (V, U) of the values `levels` (V,), of which each unit has few."""
    m = counts.sum(0)
    alone = m < 2
    if alone.any():
        counts, m = counts * ~alone, m * ~alone
    pooled = counts.sum(1)  # (V,), of units with two values or more
    n = float(pooled.sum())
    if np.count_nonzero(pooled) < 2:
        return None
    others = np.maximum(m - 1, 1)
    # No matrix products over units: on arrays of this size the threads of BLAS cost more than they save.
    if level == "nominal":
        agreed = float((((counts * counts).sum(0) - m) / others).sum())
        return 1 - (n - 1) * (n - agreed) / (n**2 - float(pooled @ pooled))
    if level == "ordinal":
        levels = np.cumsum(pooled) - pooled / 2
    levels = levels - float(pooled @ levels) / n  # Keeps the sums of squares small against rounding.
    total, square = ((power[:, None] * counts).sum(0) for power in (levels, levels**2))
    observed = float((2 * (m * square - total * total) / others).sum()) / n
    expected = 2 * float(pooled @ levels**2) / (n - 1)
    return 1 - observed / expected


def _alpha_of_many_levels(
    unit: NDArray[np.int64], code: NDArray[np.int64], levels: Floats, level: str
) -> float | None:
    """The same where there are too many values to count them by unit."""
    size = np.bincount(unit)
    paired = size[unit] > 1
    unit = unit[paired]
    levels, code = _levels_in_use(levels, code[paired])
    if len(levels) < 2:
        return None
    if level == "ratio":
        return _ratio_alpha(unit, code, levels, size)
    if level == "nominal":
        return _nominal_alpha(unit, code, size)
    if level == "ordinal":
        # The ordinal distance is the difference of the values' mid-ranks in the pooled values.
        pooled = np.bincount(code)
        levels = np.cumsum(pooled) - pooled / 2
    return _interval_alpha(unit, levels[code], size)


def _compact(unit: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Unit numbers that are small enough to count by, as given where they are; and how many there may be."""
    most = int(unit.max())
    if unit.min() < 0 or most > 8 * len(unit) + 1000:
        numbers, unit = np.unique(unit, return_inverse=True)
        return unit, len(numbers)
    return unit, most + 1


def _levels(value: Floats, low: float, high: float) -> tuple[Floats, NDArray[np.int64]]:
    """Values in order, and the place of each value among them: the distinct ones, or all small whole numbers."""
    if high - low < 1000 and low.is_integer():
        code = value.astype(np.int64)
        if (code == value).all():
            code -= int(low)
            return np.arange(low, high + 1, dtype=np.float64), code
    levels, code = np.unique(value, return_inverse=True)
    return levels, code


def _levels_in_use(levels: Floats, code: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """The same without levels that no code names."""
    seen = np.bincount(code, minlength=len(levels)) > 0
    return (levels, code) if seen.all() else (levels[seen], (np.cumsum(seen) - 1)[code])


def _nominal_alpha(unit: NDArray[np.int64], code: NDArray[np.int64], size: NDArray[np.int64]) -> float:
    n, q = len(code), int(code.max()) + 1
    cells, count = np.unique(unit * q + code, return_counts=True)
    agreed = float((count * (count - 1) / (size[cells // q] - 1)).sum())
    pooled = np.bincount(code).astype(np.float64)
    return 1 - (n - 1) * (n - agreed) / (n**2 - float(pooled @ pooled))


def _interval_alpha(unit: NDArray[np.int64], value: Floats, size: NDArray[np.int64]) -> float:
    n = len(value)
    value = value - value.mean()  # Keeps the sums of squares small against rounding.
    total, square = np.bincount(unit, weights=value), np.bincount(unit, weights=value**2)
    m = size[: len(total)].astype(np.float64)
    used = np.bincount(unit, minlength=len(total)) > 0
    observed = float((2 * (m * square - total**2)[used] / (m[used] - 1)).sum()) / n
    expected = float(2 * (n * (value**2).sum() - value.sum() ** 2)) / (n * (n - 1))
    return 1 - observed / expected


def _ratio_alpha(
    unit: NDArray[np.int64], code: NDArray[np.int64], levels: Floats, size: NDArray[np.int64]
) -> float:
    if levels[0] < 0:
        raise ValueError(f"ratio values must be 0 or more, got {levels[0]}")
    return float(alpha_of_coincidences(coincidences(unit, code, len(levels)), levels, "ratio"))


def coincidences(unit: NDArray[np.int64], code: NDArray[np.int64], num_codes: int) -> Floats:
    """How often values c and k meet in a unit, each unit of m values counting m: (num_codes, num_codes).

    o_ck = sum over units of (ordered pairs of a c and a k by two annotators) / (m - 1).
    """
    _, unit = np.unique(unit, return_inverse=True)
    size = np.bincount(unit)
    out = np.zeros((num_codes, num_codes))
    order = np.argsort(unit, kind="stable")
    code, starts = code[order], np.cumsum(size) - size
    for m in np.unique(size[size > 1]):
        block = code[starts[size == m][:, None] + np.arange(m)]  # (units of m values, m)
        for i in range(m):
            for j in range(m):
                if i != j:
                    np.add.at(out, (block[:, i], block[:, j]), 1 / (m - 1))
    return out


def alpha_of_coincidences(observed: Floats, levels: Floats, level: str) -> Floats:
    """Alpha from coincidence matrices (..., V, V) of the values `levels` (V,): (...), NaN where undefined."""
    pooled = observed.sum(-1)  # (..., V)
    n = pooled.sum(-1)
    distance = DISTANCES[level](levels, pooled)  # (..., V, V)
    seen = (observed * distance).sum((-1, -2))
    chance = (pooled[..., :, None] * pooled[..., None, :] * distance).sum((-1, -2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1 - (n - 1) * seen / np.where(chance == 0, np.nan, chance))


def symmetrised(observed: Floats) -> Floats:
    """Coincidences of pair labels (-1, 0, 1), averaged with the same under exchange of the two completions.

    Which completion of a pair is called first is arbitrary, yet where storage order goes with quality the labels'
    marginals lean to one side and alpha falls for no reason in the judgements. (..., V, V) -> (..., V, V).
    """
    return np.asarray((observed + observed[..., ::-1, ::-1]) / 2)


def _nominal(levels: Floats, pooled: Floats) -> Floats:
    return np.asarray(levels[:, None] != levels[None, :], np.float64)


def _ordinal(levels: Floats, pooled: Floats) -> Floats:
    place = np.cumsum(pooled, -1) - pooled / 2
    return np.asarray((place[..., :, None] - place[..., None, :]) ** 2)


def _interval(levels: Floats, pooled: Floats) -> Floats:
    return np.asarray((levels[:, None] - levels[None, :]) ** 2, np.float64)


def _ratio(levels: Floats, pooled: Floats) -> Floats:
    total = levels[:, None] + levels[None, :]
    return np.asarray(((levels[:, None] - levels[None, :]) / np.where(total == 0, 1, total)) ** 2, np.float64)


DISTANCES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "nominal": _nominal,
    "ordinal": _ordinal,
    "interval": _interval,
    "ratio": _ratio,
}
