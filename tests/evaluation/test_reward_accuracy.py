"""Reward accuracy, the label ceiling and calibration."""

import numpy as np
import pytest

from evaluation.reward_accuracy import (
    accuracy,
    calibration_error,
    label_ceiling,
    pairs_of_labels,
    pairs_of_truth,
)
from workbench.records import Comparison, Completion, Ranking


def _comparison(number, *rank_lists, texts=("a", "b", "c")):
    rankings = tuple(Ranking(f"r{number}-{i}", f"annotator {i}", ranks) for i, ranks in enumerate(rank_lists))
    return Comparison(f"c{number}", f"prompt {number}", tuple(map(Completion, texts)), rankings)


def _rng():
    return np.random.default_rng(0)


def test_pairs_leave_out_ties_unranked_and_identical_texts():
    tied = _comparison(0, (1, 1, 2), (None, 1, 2))
    pairs = pairs_of_labels([tied], [[0.0, 5.0, 1.0]])
    # a over c (wrong by 1), b over c (right by 4), b over c again.
    assert sorted(pairs.margin.tolist()) == [-1.0, 4.0, 4.0]
    twins = _comparison(1, (1, 2, 3), texts=("a", "a", "b"))
    assert len(pairs_of_labels([twins], [[0, 0, 0]]).margin) == 2


def test_accuracy_by_hand_and_equal_scores_are_half():
    pairs = pairs_of_truth(np.array([[2.0, 1.0, 1.0]]), np.array([[1.0, 1.0, 0.0]]))
    # Truth tells (0,1) and (0,2) apart; the scores call the first equal, the second right.
    assert accuracy(pairs, draws=10, generator=_rng()).value == pytest.approx(0.75)


def test_the_ceiling_recovers_the_annotators_reliability():
    rng, reliability = np.random.default_rng(5), 0.8
    comparisons = []
    for number in range(1500):
        lists = [((1, 2) if rng.random() < reliability else (2, 1)) for _ in range(2)]
        comparisons.append(_comparison(number, *lists, texts=("a", "b")))
    found = label_ceiling(comparisons, draws=200, generator=_rng())
    assert found.low < reliability < found.high
    assert found.value == pytest.approx(reliability, abs=0.03)


def test_without_overlap_there_is_no_ceiling():
    assert label_ceiling([_comparison(0, (1, 2, 3))], draws=10, generator=_rng()).value is None


def test_calibration_error_sees_overconfidence():
    rng = np.random.default_rng(6)
    margin = np.abs(rng.normal(size=4000)) * 2
    right = rng.random(4000) < 1 / (1 + np.exp(-margin))
    pairs = pairs_of_truth(
        np.tile([1.0, 0.0], (4000, 1)), np.stack([np.where(right, margin, -margin), np.zeros(4000)], 1)
    )
    honest = calibration_error(pairs, temperature=1.0, draws=50, generator=_rng())
    boastful = calibration_error(pairs, temperature=0.25, draws=50, generator=_rng())
    assert honest.value < 0.03 < 0.1 < boastful.value
