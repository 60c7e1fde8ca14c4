"""Rank correlation against published examples and scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import friedmanchisquare, kendalltau, rankdata, spearmanr

from workbench.statistics.ranks import kendall_tau_b, kendall_w, mid_ranks, spearman_rho, tie_term

SIEGEL = [[1, 6, 3, 2, 5, 4], [1, 5, 6, 4, 2, 3], [6, 3, 2, 5, 4, 1]]
SIEGEL_TIES = [
    [1, 4.5, 2, 4.5, 3, 7.5, 6, 9, 7.5, 10],
    [2.5, 1, 2.5, 4.5, 4.5, 8, 9, 6.5, 10, 6.5],
    [2, 1, 4.5, 4.5, 4.5, 4.5, 8, 8, 8, 10],
]
# R's irr package, data set "anxiety": 20 subjects by three raters, as in statsmodels' tests.
ANXIETY = [
    [3, 3, 3, 4, 5, 5, 2, 3, 5, 2, 2, 6, 1, 5, 2, 2, 1, 2, 4, 3],
    [3, 6, 4, 6, 2, 4, 2, 4, 3, 3, 2, 3, 3, 3, 2, 2, 1, 3, 3, 4],
    [2, 1, 4, 4, 3, 2, 1, 6, 1, 1, 1, 2, 3, 3, 1, 1, 3, 3, 2, 2],
]


def test_siegel() -> None:
    """S = 25.5 over m^2 (K^3 - K) / 12 = 9 * 210 / 12 = 157.5."""
    assert kendall_w(SIEGEL) == pytest.approx(25.5 / 157.5)
    assert kendall_w(SIEGEL) == pytest.approx(0.161905, abs=1e-6)


def test_siegel_with_ties() -> None:
    assert kendall_w(SIEGEL_TIES, correct_ties=False) == pytest.approx(0.795960, abs=1e-6)
    assert kendall_w(SIEGEL_TIES) == pytest.approx(0.827731, abs=1e-6)


def test_anxiety() -> None:
    assert kendall_w(ANXIETY) == pytest.approx(0.539657, abs=1e-6)


def test_tau_b_and_rho() -> None:
    assert kendall_tau_b([12, 2, 1, 12, 2], [1, 4, 7, 1, 0]) == pytest.approx(-0.471405, abs=1e-6)
    assert kendall_tau_b([1, 2, 2, 4], [1, 3, 2, 4]) == pytest.approx(5 / np.sqrt(30))
    assert spearman_rho([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]) == pytest.approx(0.820783, abs=1e-6)


def test_all_ties_order_nothing() -> None:
    assert kendall_tau_b([1, 1, 1], [1, 2, 3]) is None
    assert spearman_rho([1, 2, 3], [2, 2, 2]) is None
    assert kendall_w([[1, 1, 1], [2, 2, 2]]) is None
    with pytest.raises(ValueError, match="two rankers and two items"):
        kendall_w([[1, 2, 3]])


def test_mid_ranks_and_tie_term() -> None:
    assert list(mid_ranks([30, 10, 10, 20])) == [4, 1.5, 1.5, 3]
    assert float(tie_term([1, 1, 1, 2, 3, 3])) == (27 - 3) + (8 - 2)


@settings(max_examples=40, deadline=None)
@given(pair=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=15))
def test_equals_scipy(pair: list[tuple[int, int]]) -> None:
    x, y = map(list, zip(*pair, strict=True))
    assert list(mid_ranks(x)) == list(rankdata(x))
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert kendall_tau_b(x, y) is None and spearman_rho(x, y) is None
        return
    assert kendall_tau_b(x, y) == pytest.approx(kendalltau(x, y).statistic, abs=1e-12)
    assert spearman_rho(x, y) == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), m=st.integers(3, 6), k=st.integers(3, 7))
def test_w_is_friedmans_statistic(seed: int, m: int, k: int) -> None:
    """chi2 = m (K - 1) W, ties corrected in both (Friedman 1937, Kendall and Babington Smith 1939)."""
    ranks = np.random.default_rng(seed).integers(1, 4, (m, k))
    found = kendall_w(ranks)
    if all(len(set(row)) == 1 for row in ranks.tolist()):
        assert found is None
        return
    assert found == pytest.approx(friedmanchisquare(*ranks.T).statistic / (m * (k - 1)), abs=1e-9)
