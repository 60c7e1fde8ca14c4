"""Schedules at the points where they can be read off."""

import itertools

import pytest

from workbench.modeling.schedules import SCHEDULES, constant, cosine, linear, wsd


def test_wsd():
    points = [wsd(p, warmup=0.1, decay=0.4, final=0.2) for p in (0, 0.05, 0.1, 0.5, 0.6, 0.8, 1.0)]
    assert points == pytest.approx([0, 0.5, 1, 1, 1, 0.6, 0.2])


def test_linear_and_constant():
    assert [linear(p, warmup=0.2) for p in (0.1, 0.2, 0.6, 1.0)] == pytest.approx([0.5, 1, 0.5, 0])
    assert [linear(p, warmup=0.2, decay=0.5) for p in (0.5, 0.75, 1.0)] == pytest.approx([1, 0.5, 0])
    assert [constant(p, warmup=0.5) for p in (0.25, 0.5, 1.0)] == pytest.approx([0.5, 1, 1])


def test_cosine():
    points = [cosine(p, warmup=0.0, final=0.1) for p in (0, 0.5, 1.0)]
    assert points == pytest.approx([1, 0.55, 0.1])


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_all_stay_in_range_and_never_rise_after_the_warm_up(schedule):
    points = [schedule(i / 200, warmup=0.1, decay=0.5, final=0.02) for i in range(201)]
    assert all(0 <= point <= 1 for point in points)
    assert max(points) == 1
    after = points[20:]
    assert all(b <= a + 1e-12 for a, b in itertools.pairwise(after))
