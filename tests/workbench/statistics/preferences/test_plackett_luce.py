"""Plackett-Luce: worked examples, the two-item case that is Davidson's, and partial rankings."""

import json
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.statistics.preferences.davidson import fit_davidson
from workbench.statistics.preferences.plackett_luce import fit_plackett_luce
from workbench.statistics.preferences.votes import gather_votes


def ballots(orders, names):
    items = np.array([[names.index(name) for name in order] for order in orders])
    return items, np.tile(np.arange(1, items.shape[1] + 1), (len(items), 1))


def test_the_example_of_turner_and_others():
    """A > B, C > A, B > A, B > C (the vignette of the R package): log-worths against A."""
    fit = fit_plackett_luce(*ballots(["AB", "CA", "BA", "BC"], "ABC"), spread=None)
    assert fit.worth - fit.worth[0] == pytest.approx([0, 0.8392, 0.4196], abs=5e-5)


def test_choix_rankings(shared):
    cases = json.loads((shared / "known_answers/agreement.json").read_text())["choix_cases"]["cases"]
    for name in ("rankings-1", "rankings-2"):
        orders = cases[name]["data"]
        width = max(len(order) for order in orders)
        items = [order + [0] * (width - len(order)) for order in orders]
        ranks = [[*range(1, len(order) + 1)] + [0] * (width - len(order)) for order in orders]
        fit = fit_plackett_luce(items, ranks, spread=None)
        # choix stops at a looser tolerance than we do.
        assert fit.worth == pytest.approx(cases[name]["ml_est"], abs=5e-5)


def test_tennessee():
    """42 % Memphis, 26 % Nashville, 15 % Chattanooga, 17 % Knoxville: Nashville, the Condorcet winner, comes first."""
    orders = ["MNCK"] * 42 + ["NCKM"] * 26 + ["CKNM"] * 15 + ["KCNM"] * 17
    fit = fit_plackett_luce(*ballots(orders, "MNCK"), spread=None)
    assert ["MNCK"[i] for i in np.argsort(-fit.worth)] == list("NCKM")


RANKINGS = st.lists(st.tuples(st.permutations(range(4)), st.lists(st.integers(0, 3), min_size=4, max_size=4)),
                    min_size=2, max_size=25).filter(lambda rows: any(sum(r > 0 for r in ranks) > 1 for _, ranks in rows))  # fmt: skip


def log_likelihood(items, ranks, worth, log_d):
    """Turner et al. 2020, eq. 4, tier by tier and subset by subset."""
    total = 0.0
    for row, tiers in zip(items, ranks, strict=True):
        left = [(r, i) for r, i in zip(tiers, row, strict=True) if r > 0]
        while len(left) > 1:
            best = min(r for r, _ in left)
            tier = [i for r, i in left if r == best]
            names = [i for _, i in left]
            f = {s: log_d[len(s) - 1] + np.mean(worth[list(s)])
                 for size in range(1, min(len(log_d), len(names)) + 1) for s in combinations(sorted(names), size)}  # fmt: skip
            total += f[tuple(sorted(tier))] - np.log(np.exp(list(f.values())).sum())
            left = [(r, i) for r, i in left if r != best]
    return total


@settings(max_examples=20, deadline=None)
@given(rows=RANKINGS, seed=st.integers(0, 99))
def test_likelihood_by_hand_gradient_zero_and_names_do_not_matter(rows, seed):
    items, ranks = np.array([row for row, _ in rows]), np.array([tiers for _, tiers in rows])
    fit = fit_plackett_luce(items, ranks, num_items=4, spread=1.5)
    log_d = np.concatenate([[0.0], fit.shared["log_tie"].value]) if fit.shared else np.zeros(1)
    assert fit.log_likelihood == pytest.approx(log_likelihood(items, ranks, fit.worth, log_d), abs=1e-8)
    assert np.isfinite(fit.worth_se).all()
    for a in range(4):
        step = 1e-4 * np.eye(4)[a]
        slope = (log_likelihood(items, ranks, fit.worth + step, log_d)
                 - log_likelihood(items, ranks, fit.worth - step, log_d)) / 2e-4  # fmt: skip
        assert slope == pytest.approx(fit.worth[a] / 1.5**2, abs=1e-5)
    rng = np.random.default_rng(seed)
    new, place = rng.permutation(4), rng.permutation(4)
    again = fit_plackett_luce(new[items][:, place], ranks[:, place] * 3, num_items=4, spread=1.5)
    assert again.worth[new] == pytest.approx(fit.worth, abs=1e-6)


def test_two_items_are_davidson():
    items = [[0, 1]] * 60
    ranks = [[1, 2]] * 30 + [[2, 1]] * 20 + [[1, 1]] * 10
    fit = fit_plackett_luce(items, ranks, spread=None)
    other = fit_davidson(gather_votes([0, 0, 0], [1, 1, 1], [1, -1, 0], count=[30, 20, 10]), spread=None)
    assert fit.worth == pytest.approx(other.worth)
    assert fit.tie == pytest.approx(10 / np.sqrt(600))
    assert fit.worth_se == pytest.approx(other.worth_se)
    assert fit.predict(0, 1) == pytest.approx([1 / 2, 1 / 6, 1 / 3])


@pytest.mark.parametrize(
    ("items", "ranks", "words"),
    [
        ([[0, 0]], [[1, 2]], "ranking 0 holds the same item twice"),
        ([[0, 1]], [[1, -2]], "ranks are 1 or more"),
        ([[0, 1]], [[1]], "must both be"),
        ([[0, 1]], [[1, 0]], "no vote to fit"),
        ([list(range(17))], [list(range(1, 18))], "up to 16 items"),
        (
            [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]],
            [[1, 1, 1], [1, 2, 3], [1, 2, 3], [1, 2, 3]],
            "none of 2",
        ),
    ],
)
def test_rankings_that_cannot_be_fitted(items, ranks, words):
    with pytest.raises(ValueError, match=words):
        fit_plackett_luce(items, ranks, spread=None)
