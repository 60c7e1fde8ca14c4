"""Kappas against published tables, statsmodels, scikit-learn, and irrCAC's figures for Gwet's tables."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.statistics.alpha import krippendorff_alpha
from workbench.statistics.kappa import (
    agreement_weights,
    brennan_prediger,
    cohen_kappa,
    conger_kappa,
    count_table,
    fleiss_kappa,
    gwet_ac,
    scott_pi,
)

N = np.nan
COHEN_1960 = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]
SAS = [[0, 4, 1], [0, 8, 0], [0, 1, 5]]
PARADOX = [[118, 5], [2, 0]]
FLEISS_1971 = (
    "444444 222555 233335 555555 222444 113333 333355 113334 114444 555555 144444 124444 222333 144444 224445 "
    "333335 111455 111112 224444 133555 555555 244444 224555 114444 144445 222224 111155 224444 133333 555555"
)
FLEISS_WIKIPEDIA = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]
GWET_4_RATERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
    [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
]


def test_cohen() -> None:
    assert cohen_kappa(COHEN_1960) == pytest.approx(0.491525, abs=1e-6)
    assert cohen_kappa(SAS) == pytest.approx(0.4842, abs=1e-4)
    assert cohen_kappa(SAS, "linear") == pytest.approx(0.4701, abs=1e-4)


def test_cohen_by_hand() -> None:
    """p_o = 0.7, p_e = 0.5 * 0.6 + 0.5 * 0.4 = 0.5, kappa = 0.2 / 0.5."""
    assert cohen_kappa([[40, 10], [20, 30]]) == pytest.approx(0.4)


def test_paradox_of_lopsided_marginals() -> None:
    """0.944 raw agreement, and yet kappa and pi are below 0; AC1 is not fooled."""
    values = np.repeat([[0, 0], [0, 1], [1, 0]], [118, 5, 2], axis=0).T
    counts, _ = count_table(values)
    assert cohen_kappa(PARADOX) == pytest.approx(-0.0234, abs=1e-4)
    assert scott_pi(PARADOX) == pytest.approx(-0.0288, abs=1e-4)
    assert gwet_ac(counts).value == pytest.approx(0.9408, abs=1e-4)
    assert gwet_ac(counts).observed == pytest.approx(0.944)


def test_fleiss() -> None:
    rows = np.array([[int(c) for c in row] for row in FLEISS_1971.split()])
    counts, levels = count_table(rows.T)
    assert list(levels) == [1, 2, 3, 4, 5]
    assert fleiss_kappa(counts).value == pytest.approx(0.430245, abs=1e-6)
    assert brennan_prediger(counts).value == pytest.approx(0.444444, abs=1e-6)
    assert krippendorff_alpha(rows.T) == pytest.approx(0.433410, abs=1e-6)
    assert fleiss_kappa(FLEISS_WIKIPEDIA).value == pytest.approx(0.209931, abs=1e-6)


def test_gwet_with_missing_values() -> None:
    counts, _ = count_table(GWET_4_RATERS)
    ac1 = gwet_ac(counts)
    assert ac1.value == pytest.approx(0.77544, abs=1e-5)
    assert ac1.error == pytest.approx(0.14295, abs=1e-5)
    assert (ac1.observed, ac1.expected) == (
        pytest.approx(0.81818, abs=1e-5),
        pytest.approx(0.19032, abs=1e-5),
    )
    fleiss = fleiss_kappa(counts)
    assert (fleiss.value, fleiss.error) == (
        pytest.approx(0.76117, abs=1e-5),
        pytest.approx(0.15302, abs=1e-5),
    )
    assert brennan_prediger(counts).value == pytest.approx(0.77273, abs=1e-5)


@pytest.mark.parametrize("table", ["gwet_raw_4raters", "gwet_raw_5observers"])
def test_every_coefficient_of_gwets_tables(shared: Path, table: str) -> None:
    known = json.loads((shared / "known_answers/agreement.json").read_text())[table]
    values = np.array(known["data"], float).T
    counts, levels = count_table(values)
    for weights, expected in known["estimates"].items():
        for name, measure in (("fleiss", fleiss_kappa), ("gwet", gwet_ac), ("bp", brennan_prediger)):
            found = measure(counts, weights, levels)
            row = expected[name]
            assert found.value == pytest.approx(row["coef"], abs=1e-6)
            assert found.error == pytest.approx(row["se"], abs=1e-6)
            assert found.observed == pytest.approx(row["pa"], abs=1e-6)
            assert found.expected == pytest.approx(row["pe"], abs=1e-6)
        conger = conger_kappa(values, weights)
        assert conger.value == pytest.approx(expected["conger"]["coef"], abs=1e-6)
        assert conger.expected == pytest.approx(expected["conger"]["pe"], abs=1e-6)


def test_fleiss_of_the_known_answers(shared: Path) -> None:
    known = json.loads((shared / "known_answers/agreement.json").read_text())["fleiss_wikipedia_14raters"]
    assert fleiss_kappa(known["data"]).value == pytest.approx(known["fleiss_kappa"], abs=1e-6)


def test_undefined_is_none_and_nan() -> None:
    assert np.isnan(cohen_kappa([[5, 0], [0, 0]])), "both always said the same one thing"
    assert np.isnan(cohen_kappa(np.zeros((2, 2))))
    assert fleiss_kappa([[1, 0], [0, 1]]).value is None, "nobody was judged twice"
    assert fleiss_kappa([[2, 0], [3, 0]]).value is None, "chance is 1"
    assert gwet_ac([[2], [3]]).value is None, "a single category"


def test_bad_weights_are_named() -> None:
    with pytest.raises(ValueError, match="identity, linear, quadratic, ordinal"):
        agreement_weights([1, 2], "cubic")


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), q=st.integers(2, 5), n=st.integers(2, 60))
def test_equals_statsmodels_and_scikit_learn(seed: int, q: int, n: int) -> None:
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(seed)
    one, two = generator.integers(0, q, (2, n))
    table = np.zeros((q, q))
    np.add.at(table, (one, two), 1)
    for ours, theirs in (("identity", None), ("linear", "linear"), ("quadratic", "quadratic")):
        kappa = float(cohen_kappa(table, ours))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn divides by zero where kappa is undefined
            oracle = metrics.cohen_kappa_score(one, two, labels=list(range(q)), weights=theirs)
        assert (np.isnan(kappa) and np.isnan(oracle)) or kappa == pytest.approx(oracle, abs=1e-9)
    counts = generator.multinomial(6, np.ones(q) / q, size=n).astype(float)
    fleiss = fleiss_kappa(counts).value
    if fleiss is not None:
        assert fleiss == pytest.approx(inter_rater.fleiss_kappa(counts), abs=1e-9)
        assert brennan_prediger(counts).value == pytest.approx(
            inter_rater.fleiss_kappa(counts, method="randolph"), abs=1e-9
        )


def test_many_tables_at_once() -> None:
    tables = np.array([COHEN_1960, SAS])
    assert cohen_kappa(tables) == pytest.approx([float(cohen_kappa(table)) for table in tables])
    assert scott_pi(tables) == pytest.approx([float(scott_pi(table)) for table in tables])


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    q=st.integers(2, 4),
    n=st.integers(2, 12),
    weights=st.sampled_from(["identity", "linear"]),
)
def test_gwets_coefficient_equals_plain_loops(seed: int, q: int, n: int, weights: str) -> None:
    """AC1 and AC2 of tables with 0 to 5 annotators a subject, as Gwet 2014 writes them, one sum at a time."""
    counts = np.random.default_rng(seed).integers(0, 3, (n, q))
    counts[0] = 1
    weigh = [
        [1 - abs(c - k) / (q - 1) if weights == "linear" else float(c == k) for k in range(q)]
        for c in range(q)
    ]
    agreed, units, shares = 0.0, 0, [0.0] * q
    rated = [row for row in counts.tolist() if sum(row)]
    for row in rated:
        m = sum(row)
        for k in range(q):
            shares[k] += row[k] / m / len(rated)
        if m > 1:
            units += 1
            for k in range(q):
                star = sum(weigh[k][c] * row[c] for c in range(q))
                agreed += row[k] * (star - 1) / (m * (m - 1))
    chance = sum(map(sum, weigh)) / (q * (q - 1)) * sum(share * (1 - share) for share in shares)
    observed = agreed / units
    assert gwet_ac(counts, weights).value == pytest.approx((observed - chance) / (1 - chance), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), q=st.integers(2, 4), n=st.integers(2, 60))
def test_scotts_pi_is_nominal_alpha_without_the_small_sample_term(seed: int, q: int, n: int) -> None:
    """Of two annotators without gaps 1 - alpha = (1 - pi) (2 n - 1) / (2 n); alpha by evalica."""
    pandas, evalica = pytest.importorskip("pandas"), pytest.importorskip("evalica")
    values = np.random.default_rng(seed).integers(0, q, (2, n))
    if len(set(values.ravel().tolist())) < 2:
        return
    table = np.zeros((q, q))
    np.add.at(table, (values[0], values[1]), 1)
    alpha = evalica.alpha(pandas.DataFrame(values), distance="nominal", solver="naive").alpha
    assert 1 - alpha == pytest.approx((1 - float(scott_pi(table))) * (2 * n - 1) / (2 * n), abs=1e-9)
