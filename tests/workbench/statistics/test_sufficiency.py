"""How many more rankings, and what noise leaves to reach: by hand and by simulation."""

import numpy as np
import pytest

from workbench.statistics.estimates import Estimate
from workbench.statistics.sufficiency import majority_accuracy, needed, reward_model_ceiling


def test_half_the_width_takes_four_times_the_prompts() -> None:
    now = Estimate(0.75, 0.71, 0.79, 400)
    need = needed(now, 0.02, prompts=100, rankings_a_prompt=3, seconds=60)
    assert need is not None
    assert (need.prompts, need.rankings, need.hours) == (300, 900, 15.0)
    enough = needed(now, 0.05, prompts=100, rankings_a_prompt=3)
    assert enough is not None and (enough.prompts, enough.hours) == (0, None)
    assert needed(Estimate(0.75, n=3), 0.02, prompts=100, rankings_a_prompt=3) is None


def test_ceiling_by_hand() -> None:
    """a = 0.82 = 0.9^2 + 0.1^2: if all pairs are alike, the better-liked one wins 0.9 of the time."""
    found = reward_model_ceiling(Estimate(0.82, 0.8, 0.84, 50))
    assert found.low.value == 0.82
    assert found.high.value == pytest.approx(0.9)
    assert found.high.low == pytest.approx((1 + np.sqrt(0.6)) / 2)
    assert reward_model_ceiling(Estimate(0.45, n=9)).high.value is None
    assert reward_model_ceiling(Estimate.missing("no overlap")).low.reason == "no overlap"


@pytest.mark.parametrize("shape", [(20.0, 2.0), (1.0, 1.0), (0.3, 0.3)])
def test_the_best_model_lies_between_the_bounds(shape: tuple[float, float]) -> None:
    """Whatever the probabilities of pairs are like, E[q] of the better-liked one is within the two bounds."""
    p = np.random.default_rng(0).beta(*shape, 200_000)
    q = np.maximum(p, 1 - p)
    agreement = float((q**2 + (1 - q) ** 2).mean())
    found = reward_model_ceiling(Estimate(agreement, n=200_000))
    assert found.low.value is not None and found.high.value is not None
    assert found.low.value <= q.mean() <= found.high.value


def test_majority_by_hand() -> None:
    """With q = 0.9: one vote 0.9; of three, 0.9^3 + 3 * 0.9^2 * 0.1 = 0.972."""
    assert majority_accuracy(0.82, 1) == pytest.approx(0.9)
    assert majority_accuracy(0.82, 3) == pytest.approx(0.972)
    with pytest.raises(ValueError, match="odd"):
        majority_accuracy(0.8, 2)
