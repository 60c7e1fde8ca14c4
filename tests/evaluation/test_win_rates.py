"""Win rates, best-of-n and their intervals, against answers worked out by hand."""

import math
from itertools import combinations

import numpy as np
import pytest

from evaluation.win_rates import (
    best_of_n,
    best_of_n_kl,
    best_of_n_wins,
    ratio_over_prompts,
    win_rate,
    wins_by_prompt,
)


def _rng():
    return np.random.default_rng(0)


def test_wins_by_prompt_by_hand():
    # 3 > 2, 3 > 1, 1 < 2, 1 = 1: two and a half of four.
    assert wins_by_prompt(np.array([[3.0, 1.0]]), np.array([[2.0, 1.0]])).tolist() == [0.625]
    with pytest.raises(ValueError, match="same prompts"):
        wins_by_prompt(np.zeros((2, 1)), np.zeros((3, 1)))


def test_a_policy_against_itself_is_the_noise_floor():
    scores = np.random.default_rng(1).normal(size=(300, 2, 4))
    floor = win_rate(scores[:, 0], scores[:, 1], draws=500, generator=_rng())
    assert floor.low < 0.5 < floor.high
    assert floor.n == 300


def test_the_interval_counts_prompts_and_not_samples():
    # Samples of one prompt are copies: eight of them tell no more than one.
    one = np.random.default_rng(2).normal(size=(100, 1))
    start = np.zeros((100, 1))
    narrow = win_rate(np.repeat(one, 8, axis=1), start, draws=1000, generator=_rng())
    wide = win_rate(one, start, draws=1000, generator=_rng())
    assert narrow.high - narrow.low == pytest.approx(wide.high - wide.low, rel=0.1)


def test_ratio_over_prompts_weighs_prompts_by_their_denominator():
    found = ratio_over_prompts(np.array([1.0, 9.0]), np.array([1.0, 3.0]), draws=50, generator=_rng())
    assert found.value == pytest.approx(2.5)
    assert ratio_over_prompts(np.zeros(2), np.zeros(2), draws=5, generator=_rng()).value is None


def test_best_of_n_equals_all_subsets():
    rng = np.random.default_rng(3)
    chooser, scores = rng.normal(size=(2, 1, 6))
    for n in (1, 2, 4, 6):
        subsets = [max(s, key=lambda i: chooser[0, i]) for s in combinations(range(6), n)]
        assert best_of_n(chooser, scores, n)[0] == pytest.approx(np.mean([scores[0, i] for i in subsets]))
    with pytest.raises(ValueError, match="between 1 and the 6"):
        best_of_n(chooser, scores, 7)


def test_an_oracle_best_of_four_wins_four_fifths():
    scores = np.random.default_rng(4).normal(size=(2000, 2, 4))
    wins = best_of_n_wins(scores[:, 0], scores[:, 0], scores[:, 1], 4)
    assert wins.mean() == pytest.approx(0.8, abs=0.015)


def test_best_of_n_kl_by_hand():
    assert best_of_n_kl(1) == 0
    assert best_of_n_kl(4) == pytest.approx(math.log(4) - 0.75)
