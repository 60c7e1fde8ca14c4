"""Figures over seeds."""

import pytest

from workflow.demo_seeds import mean_over_seeds, over_seeds


def test_the_interval_is_students():
    # Two values .1 apart: standard error .05, and t(.975, 1) = 12.706.
    found = mean_over_seeds([0.7, 0.8])
    assert found.value == pytest.approx(0.75)
    assert found.high - found.value == pytest.approx(12.706 * 0.05, rel=1e-3)
    assert mean_over_seeds([0.7]).low is None


def test_estimates_are_merged_where_they_stand():
    reports = [
        {
            "policies": {"dpo": {"win_rate": {"value": v, "low": 0, "high": 1, "n": 9}}},
            "prompts": 9,
            "world": {"spread": v},
        }
        for v in (0.6, 0.7, 0.8)
    ]
    merged = over_seeds(reports)
    assert merged["policies"]["dpo"]["win_rate"]["value"] == pytest.approx(0.7)
    assert merged["policies"]["dpo"]["win_rate"]["n"] == 3
    assert (merged["prompts"], merged["seeds"]) == (9, 3)
    assert merged["world"]["spread"]["value"] == pytest.approx(0.7)
