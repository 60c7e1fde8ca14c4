"""Krippendorff's alpha: agreement corrected for chance, for any number of annotators and missing values.

alpha = 1 - D_o / D_e, with D_o the mean squared distance between two values of one unit and D_e the same between any
two values (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability"). The levels differ in the distance only:
nominal (0 or 1), ordinal (how many values lie between), interval (the difference), ratio (difference over sum).
Gwet's "ordinal" weights are another thing and give other numbers.
"""

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
    if not np.isfinite(value).all():
        raise ValueError("values must be finite; leave a missing judgement out")
    unit = _compact(unit)
    size = np.bincount(unit)
    paired = size[unit] > 1
    unit, value = unit[paired], value[paired]
    if not len(value):
        return None
    levels, code = _levels(value)
    if len(levels) == 1:
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


def _compact(unit: NDArray[np.int64]) -> NDArray[np.int64]:
    """Unit numbers that are small enough to count by; as given where they are."""
    if len(unit) and (unit.min() < 0 or unit.max() > 8 * len(unit) + 1000):
        return np.asarray(np.unique(unit, return_inverse=True)[1])
    return unit


def _levels(value: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The distinct values in order and the place of each value among them; small whole numbers need no sorting."""
    low = value.min()
    offset = value - low
    if offset.max() < 1000:
        code = offset.astype(np.int64)
        if (code == offset).all():
            seen = np.bincount(code) > 0
            return np.flatnonzero(seen) + low, (np.cumsum(seen) - 1)[code]
    levels, code = np.unique(value, return_inverse=True)
    return levels, code


def _nominal_alpha(unit: NDArray[np.int64], code: NDArray[np.int64], size: NDArray[np.int64]) -> float:
    n, q = len(code), int(code.max()) + 1
    cell = unit * q + code
    if len(size) * q <= 8 * n + 1000:
        count = np.bincount(cell, minlength=len(size) * q).reshape(-1, q)
        agreed = float(((count * (count - 1)).sum(1) / np.maximum(size - 1, 1)).sum())
    else:
        cells, count = np.unique(cell, return_counts=True)
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
