"""Ranking by keyboard: how many keys it takes, and which keys count when."""

import pytest


def count_keys(page):
    page.evaluate("window.keys = 0; addEventListener('keydown', () => (window.keys += 1), true)")


@pytest.mark.parametrize("k", [2, 3, 4, 5, 6, 7, 8, 9])
def test_k_completions_take_k_plus_one_keys(bench, k):
    b = bench(k)
    page = b.open()
    if k > 4:
        b.read_all()
    count_keys(page)
    b.press(*[str(tier + 1) for tier in range(k)], "Enter")
    (found,) = b.submissions(1)
    assert page.evaluate("window.keys") == k + 1
    assert b.shown_tiers(found) == list(range(1, k + 1))
    assert found.timings["input"] == "keyboard"
