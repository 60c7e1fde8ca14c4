import math

import numpy as np
import pytest

from reward.measure import (
    Judgements,
    annotator_weights,
    correct,
    fit_calibration,
    judgements,
    label_ceiling,
    measure,
)
from workbench.modeling.groups import Group
from workbench.modeling.rankings import RankedGroup


def group(ranks, annotators=None, twins=None):
    ranks = np.array(ranks)
    k = ranks.shape[1]
    return RankedGroup(
        Group("c", (1,), ((2,),) * k),
        ranks,
        np.full(len(ranks), 1 / len(ranks)),
        np.arange(k) if twins is None else np.array(twins),
        tuple(range(k)),
        tuple(annotators or (f"a{i}" for i in range(len(ranks)))),
    )


def simulated(count=4000, *, temperature=0.5, width=None, seed=0):
    """Judgements by annotators who follow scores divided by a temperature, with Rao-Kupper ties."""
    generator = np.random.default_rng(seed)
    margin = generator.normal(size=count)
    noisy = margin / temperature + generator.logistic(size=count)
    order = np.sign(noisy).astype(np.int64)
    if width is not None:
        order[np.abs(noisy) < width] = 0
    return Judgements(margin, order, np.arange(count) // 4)


def test_judgements_by_hand():
    """Two annotators of three completions, the third text the same as the second; the second annotator skips one."""
    found = judgements([np.array([2.0, 0.5, 0.5])], [group([[1, 2, 2], [2, 1, 0]], twins=[0, 1, 1])])
    assert found.margin.tolist() == [1.5, 1.5, 1.5]
    assert found.order.tolist() == [1, 1, -1]
    assert correct(found).tolist() == [1, 1, 0]


def test_the_temperature_of_the_annotators_is_found():
    calibration = fit_calibration(simulated(temperature=0.5), ties="half", log_width=0.0)
    assert calibration.temperature == pytest.approx(0.5, rel=0.07)


def test_the_width_of_ties_is_found():
    # Rao-Kupper's width is a shift of both thresholds, which is what the simulation draws.
    calibration = fit_calibration(simulated(width=0.8), ties="rao_kupper", log_width=0.0)
    assert math.exp(calibration.log_width) == pytest.approx(0.8, rel=0.1)
    assert calibration.temperature == pytest.approx(0.5, rel=0.1)
    assert calibration.tie_probability(np.zeros(1)) == pytest.approx(math.tanh(0.4), abs=0.03)


def test_calibration_lowers_error_and_loss_on_other_comparisons():
    measured = measure(simulated(temperature=0.3), ties="half", log_width=0.0, seed=0)
    assert measured["ece_uncalibrated"]["value"] > 0.08 > 0.03 > measured["ece"]["value"]
    # What the annotators' own noise allows: those who know the truth are right this often.
    assert measured["accuracy"]["value"] == pytest.approx(0.87, abs=0.02)
    assert measured["accuracy"]["low"] < measured["accuracy"]["value"] < measured["accuracy"]["high"]
    assert measured["accuracy"]["n"] == 4000


def test_few_judgements_are_not_fitted_on():
    few = simulated(10)
    assert fit_calibration(few, ties="half", log_width=0.3).temperature == 1
    measured = measure(few, ties="half", log_width=0.0, seed=0)
    assert measured["ece"]["value"] is None and "fewer than 20" in measured["ece"]["reason"]


def test_no_judgements_have_reasons_instead_of_numbers():
    measured = measure(judgements([], []), ties="half", log_width=0.0, seed=0)
    assert measured["accuracy"] == {
        "value": None,
        "low": None,
        "high": None,
        "n": 0,
        "reason": "no pair to judge",
    }


def test_the_ceiling_by_hand():
    """Annotators who side with the truth 9 times in 10 agree on 0.82 of pairs, and 0.9 is what comes back."""
    agreeing, against = group([[1, 2], [1, 2]]), group([[1, 2], [2, 1]])
    ceiling = label_ceiling([agreeing] * 82 + [against] * 18, seed=0)
    assert ceiling.value == pytest.approx(0.9) and ceiling.n == 100
    assert label_ceiling([group([[1, 2]])], seed=0).value is None
    assert label_ceiling([group([[1, 2], [1, 2]], annotators=["a", "a"])], seed=0).value is None


def test_annotators_who_answer_at_random_weigh_little():
    generator = np.random.default_rng(0)
    groups = []
    for _ in range(300):
        good = [1, 2, 3]
        groups.append(group([good, good, list(generator.permutation(3) + 1)], annotators=["a", "b", "noise"]))
    groups.append(group([[1, 2, 3]], annotators=["new"]))
    weights = annotator_weights(groups)
    assert weights["a"] == pytest.approx(weights["b"], rel=0.1)
    assert weights["noise"] < 0.35 * weights["a"]
    assert weights["noise"] < weights["new"] < weights["a"]
