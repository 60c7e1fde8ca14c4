"""Figures over seeds."""

import pytest

from workflow.demo_seeds import FIGURES, mean_over_seeds, over_seeds, seeds_text


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
            "installation_seconds": 64.0 if v == 0.6 else None,
        }
        for v in (0.6, 0.7, 0.8)
    ]
    merged = over_seeds(reports)
    assert merged["policies"]["dpo"]["win_rate"]["value"] == pytest.approx(0.7)
    assert merged["policies"]["dpo"]["win_rate"]["n"] == 3
    assert (merged["prompts"], merged["seeds"]) == (9, 3)
    assert merged["world"]["spread"]["value"] == pytest.approx(0.7)
    assert merged["installation_seconds"] == [64.0, None, None], "only the first came from `make demo`"


def test_the_text_shows_mean_interval_and_the_noise_floor():
    def estimate(value):
        return {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 9}

    def report(v):
        figures = {key: estimate(v) for key in FIGURES}
        no_win = {"value": None, "low": None, "high": None, "n": 0, "reason": "the start itself"}
        return {
            "policies": {
                "start": {**figures, "win_rate": no_win, "reward_model_win_rate": no_win},
                "dpo": figures,
            },
            "noise_floor": estimate(0.49),
            "reward_model_noise_floor": estimate(0.51),
            "reward_model": {"truth_accuracy": estimate(0.8)},
        }

    text = seeds_text(over_seeds([report(0.7), report(0.8)]))
    rows = {line.split("  ")[0]: line for line in text.splitlines()}
    assert "Means over 2 seeds" in text
    assert "49.0 %" in rows["SFT"] and "51.0 %" in rows["SFT"]
    # .75 with 12.706 standard errors of .05 on either side
    assert "75.0 %" in rows["DPO"] and "[11.5, 138.5]" in rows["DPO"]
