"""Simulated annotators: what is known of them shows in what they make."""

from datetime import datetime

import numpy as np
import pytest

from workbench.records import Comparison, Completion
from workbench.statistics.simulated import SimulatedAnnotator, rank_all, tiers


def _comparisons(count, k=4):
    texts = tuple(Completion(f"text {i}") for i in range(k))
    return [Comparison(f"c{n}", f"prompt {n}", texts) for n in range(count)]


def _accuracy(annotator, count=400, gap=1.0):
    """How often a pair `gap` apart is put in the right order."""
    ranks = [annotator.rank([gap, 0.0], comparison=f"c{i}", seed=1).ranks for i in range(count)]
    return np.mean([a < b for a, b in ranks])


def test_tiers_by_hand():
    assert tiers([3.0, 2.9, 1.0], 0.2) == (1, 1, 2)
    # 2.9 is within .2 of 3.0, 2.75 is not: a tier is measured from its best, so it cannot creep.
    assert tiers([2.75, 3.0, 2.9], 0.2) == (2, 1, 1)
    assert tiers([1.0, 1.0], 0.0) == (1, 1)


def test_without_noise_the_ranking_is_the_truth():
    annotator = SimulatedAnnotator(name="a", noise=0.0, tie_width=0.0)
    ranking = annotator.rank([0.1, 3.0, 2.0], comparison="c", seed=0, guideline="v1")
    assert ranking.ranks == (3, 1, 2)
    assert (ranking.annotator_kind, ranking.guideline, sorted(ranking.order)) == (
        "simulated",
        "v1",
        [0, 1, 2],
    )


def test_noise_lowers_accuracy_as_theory_says():
    # Two noises of .5: the difference has deviation .707, so a gap of 1 is kept with probability Phi(1.414) = .921.
    annotator = SimulatedAnnotator(name="a", noise=0.5, tie_width=0.0)
    assert _accuracy(annotator, count=3000) == pytest.approx(0.921, abs=0.02)


def test_position_bias_prefers_what_is_shown_first():
    annotator = SimulatedAnnotator(name="a", noise=0.1, tie_width=0.0, position_bias=1.0)
    rankings = [annotator.rank([0.0, 0.0], comparison=f"c{i}", seed=0) for i in range(100)]
    assert all(r.ranks[r.order[0]] == 1 for r in rankings)
    assert {r.order for r in rankings} == {(0, 1), (1, 0)}


def test_spam_is_random_and_fast():
    spam, careful = (SimulatedAnnotator(name="a", noise=0.0, tie_width=0.0, spam=s) for s in (1.0, 0.0))
    assert 0.4 < _accuracy(spam, count=600) < 0.6
    seconds = [a.rank([0, 1], comparison="c", seed=0).seconds for a in (spam, careful)]
    assert seconds[0] < seconds[1] / 3


def test_drift_makes_later_rankings_worse():
    annotator = SimulatedAnnotator(name="a", noise=0.1, tie_width=0.0, drift=3.0)
    late = [annotator.rank([1.0, 0.0], comparison=f"c{i}", seed=1, number=1000).ranks for i in range(500)]
    assert np.mean([a < b for a, b in late]) < _accuracy(annotator) - 0.2


def test_fatigue_grows_over_a_sitting_and_is_slept_off():
    annotator = SimulatedAnnotator(
        name="a", noise=0.0, tie_width=0.0, fatigue=2.0, seconds_per_completion=30, sitting_minutes=60
    )
    ranked = rank_all(_comparisons(300, k=2), [[0.5, 0.0]] * 300, [annotator], seed=0)
    rankings = [c.rankings[0] for c in ranked]
    days = [datetime.fromisoformat(r.at).date() for r in rankings]
    assert len(set(days)) >= 4 and all(r.at[11:13] in ("09", "10") for r in rankings)
    right = {"fresh": [], "tired": []}
    for day in set(days):
        those = [r.ranks == (1, 2) for r, d in zip(rankings, days, strict=True) if d == day]
        right["fresh"] += those[:10]
        right["tired"] += those[-10:]
    assert np.mean(right["fresh"]) > np.mean(right["tired"]) + 0.15


def test_straight_lining_gives_places_and_is_fast():
    line, careful = (SimulatedAnnotator(name="a", straight_line=share) for share in (1.0, 0.0))
    rankings = [line.rank([3, 2, 1, 0], comparison=f"c{i}", seed=0) for i in range(20)]
    assert all([r.ranks[i] for i in r.order] == [1, 2, 3, 4] for r in rankings)
    assert len({r.ranks for r in rankings}) > 5
    assert rankings[0].seconds < careful.rank([3, 2, 1, 0], comparison="c0", seed=0).seconds / 3


def test_the_panel_shares_the_work_by_speed_and_repeats_exactly():
    panel = [
        SimulatedAnnotator(name="fast", seconds_per_completion=3),
        SimulatedAnnotator(name="slow", seconds_per_completion=12),
    ]
    utilities = np.random.default_rng(0).normal(size=(200, 4)).tolist()
    ranked = rank_all(_comparisons(200), utilities, panel, seed=3, overlap=2, overlap_share=0.2)
    again = rank_all(_comparisons(200), utilities, panel, seed=3, overlap=2, overlap_share=0.2)
    assert ranked == again
    by = {name: sum(r.annotator == name for c in ranked for r in c.rankings) for name in ("fast", "slow")}
    assert by["fast"] > 2 * by["slow"]
    twice = [c for c in ranked if len(c.rankings) == 2]
    assert 20 < len(twice) < 60
    assert all({r.annotator for r in c.rankings} == {"fast", "slow"} for c in twice)


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="spam"):
        SimulatedAnnotator(name="a", spam=1.5)
    with pytest.raises(ValueError, match="straight_line is a share"):
        SimulatedAnnotator(name="a", straight_line=-0.1)
    with pytest.raises(ValueError, match="sitting_minutes"):
        SimulatedAnnotator(name="a", sitting_minutes=0)
    with pytest.raises(ValueError, match="overlap is 3"):
        rank_all(_comparisons(1), [[1, 2, 3, 4]], [SimulatedAnnotator(name="a")], seed=0, overlap=3)
