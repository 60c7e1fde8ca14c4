"""Krippendorff's alpha against published tables, by hand, and against evalica on random tables."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.statistics.alpha import (
    LEVELS,
    alpha_of_coincidences,
    alpha_of_values,
    coincidences,
    krippendorff_alpha,
    symmetrised,
)

N = np.nan
# Krippendorff 2011, example C: four observers, twelve units.
KRIPPENDORFF_C = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
    [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
]
BINARY = [[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]
WIKIPEDIA = [
    [N, N, N, N, N, 3, 4, 1, 2, 1, 1, 3, 3, N, 3],
    [1, N, 2, 1, 3, 3, 4, 3, N, N, N, N, N, N, N],
    [N, N, 2, 1, 3, 4, 4, N, 2, 1, 1, 3, 3, N, 4],
]


@pytest.mark.parametrize(
    ("level", "expected"),
    [("nominal", 0.743421), ("ordinal", 0.815388), ("interval", 0.849107), ("ratio", 0.797403)],
)
def test_krippendorff_2011_example_c(level: str, expected: float) -> None:
    assert krippendorff_alpha(KRIPPENDORFF_C, level) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("level", "expected"),
    [("nominal", 0.691358), ("ordinal", 0.806721), ("interval", 0.810845), ("ratio", 0.808944)],
)
def test_wikipedia_example(level: str, expected: float) -> None:
    assert krippendorff_alpha(WIKIPEDIA, level) == pytest.approx(expected, abs=1e-6)


def test_two_observers() -> None:
    assert krippendorff_alpha(BINARY) == pytest.approx(0.095238, abs=1e-6)
    letters = [[ord(c) for c in row] for row in ("aabbdcccedda", "babbbccceddd")]
    assert krippendorff_alpha(letters) == pytest.approx(0.691964, abs=1e-6)


def test_by_hand() -> None:
    """Two units, values (1, 1) and (1, 2): o_11 = 2, o_12 = o_21 = 1; n = 4, n_1 = 3, n_2 = 1.

    D_o = 2 / 4; D_e = 2 * 3 * 1 / (4 * 3) = 1 / 2; alpha = 1 - 1 = 0.
    """
    assert krippendorff_alpha([[1, 1], [1, 2]]) == pytest.approx(0)


@pytest.mark.parametrize("level", LEVELS)
def test_undefined_is_none(level: str) -> None:
    assert krippendorff_alpha([[3, 3], [3, 3]], level) is None, "one value throughout"
    assert krippendorff_alpha([[1, N], [N, 2]], level) is None, "no unit judged twice"
    assert krippendorff_alpha(np.full((2, 3), N), level) is None
    assert alpha_of_values(np.array([5, 5, 9]), np.array([1.0, 1.0, 2.0]), level) is None


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="level must be one of nominal"):
        krippendorff_alpha([[1.0]], "rank")
    with pytest.raises(ValueError, match="annotators by units"):
        krippendorff_alpha([1, 2])
    with pytest.raises(ValueError, match="ratio values must be 0 or more"):
        krippendorff_alpha([[-1, 2], [1, 2]], "ratio")


def tables() -> st.SearchStrategy[np.ndarray]:
    shapes = st.tuples(st.integers(2, 5), st.integers(2, 12), st.integers(2, 5), st.integers(0, 2**32 - 1))

    def table(shape: tuple[int, int, int, int]) -> np.ndarray:
        annotators, units, values, seed = shape
        generator = np.random.default_rng(seed)
        out = generator.integers(1, values + 1, (annotators, units)).astype(float)
        out[generator.random(out.shape) < 0.25] = np.nan
        return out

    return shapes.map(table)


@settings(max_examples=60, deadline=None)
@given(table=tables(), level=st.sampled_from(LEVELS))
def test_equals_evalica_and_the_coincidence_matrix(table: np.ndarray, level: str) -> None:
    pandas = pytest.importorskip("pandas")
    evalica = pytest.importorskip("evalica")
    ours = krippendorff_alpha(table, level)
    annotator, unit = np.nonzero(np.isfinite(table))
    values = table[annotator, unit]
    levels, code = np.unique(values, return_inverse=True)
    theirs = alpha_of_coincidences(coincidences(unit, code, len(levels)), levels, level)
    if ours is None:
        assert not np.isfinite(theirs)
        return
    assert ours == pytest.approx(float(theirs), abs=1e-9)
    assert ours == pytest.approx(
        evalica.alpha(pandas.DataFrame(table), distance=level, solver="naive").alpha, abs=1e-9
    )


@settings(max_examples=40, deadline=None)
@given(table=tables(), seed=st.integers(0, 99))
def test_order_of_units_and_annotators_is_nothing(table: np.ndarray, seed: int) -> None:
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(generator.permutation(table), axis=1)
    for level in LEVELS:
        one, two = krippendorff_alpha(table, level), krippendorff_alpha(shuffled, level)
        assert one == two if one is None else two == pytest.approx(one, abs=1e-9)


def test_symmetrising_undoes_any_orientation() -> None:
    """Turning a unit's pair around swaps its labels -1 and 1; the symmetrised matrix does not move."""
    generator = np.random.default_rng(5)
    labels = generator.choice([-1, 0, 1], (3, 40), p=[0.1, 0.2, 0.7])
    turned = labels * generator.choice([-1, 1], 40)
    matrices = []
    for table in (labels, turned):
        unit = np.tile(np.arange(40), 3)
        matrices.append(symmetrised(coincidences(unit, table.ravel() + 1, 3)))
    assert matrices[0] == pytest.approx(matrices[1])
    assert matrices[0].sum() == pytest.approx(120)


def test_known_answers_file(shared: Path) -> None:
    known = json.loads((shared / "known_answers/agreement.json").read_text())
    for name in ("wikipedia_3coders", "krippendorff_2011_4observers"):
        table = np.array(known[name]["data"], float)
        for level, expected in known[name]["alpha"].items():
            assert krippendorff_alpha(table, level) == pytest.approx(expected, abs=1e-6)
