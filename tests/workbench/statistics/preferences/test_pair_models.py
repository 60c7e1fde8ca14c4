"""Pair models: published worked examples, closed forms, and what must not change the fit."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from storage.importers.pandalm import read_pandalm
from workbench.records import Comparison, Completion, Ranking
from workbench.statistics.pair_reader import expand_pairs
from workbench.statistics.preferences import davidson, rao_kupper
from workbench.statistics.preferences.bradley_terry import fit_bradley_terry
from workbench.statistics.preferences.crowd_bt import fit_crowd_bt, mixture
from workbench.statistics.preferences.davidson import fit_davidson
from workbench.statistics.preferences.rao_kupper import fit_rao_kupper
from workbench.statistics.preferences.votes import gather_votes, source_votes

# American League baseball 1987 (Agresti, Categorical Data Analysis): row beat column. Mil Det Tor NY Bos Cle Bal.
BASEBALL = np.array(
    [
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ]
)
# Chocolate pudding (Davidson 1970, example 2): pair, wins of either, ties.
PUDDING = (
    "1 2 19 22 16,1 3 16 19 12,2 3 19 19 10,1 4 18 23 13,2 4 23 19 9,3 4 19 20 15,1 5 13 19 18,2 5 16 20 12,"
    "3 5 16 15 17,4 5 17 14 16,1 6 18 21 12,2 6 22 20 12,3 6 13 18 10,4 6 14 19 18,5 6 11 21 12"
)


def baseball():
    rows, columns = np.nonzero(BASEBALL)
    return gather_votes(rows, columns, np.ones(len(rows)), count=BASEBALL[rows, columns])


def pudding():
    rows = [[int(x) for x in line.split()] for line in PUDDING.split(",")]
    votes = [(a - 1, b - 1, label, n) for a, b, x, y, t in rows for label, n in ((1, x), (-1, y), (0, t))]
    first, second, label, count = zip(*votes, strict=True)
    return gather_votes(first, second, label, count=count)


def shares(fit):
    worth = np.exp(fit.worth)
    return worth / worth.sum()


def test_baseball_worths_and_errors_are_those_of_agresti():
    fit = fit_bradley_terry(baseball(), spread=None)
    expected = [1.581, 1.436, 1.294, 1.248, 1.108, 0.684, 0]
    assert fit.worth - fit.worth[6] == pytest.approx(expected, abs=5e-4)
    # Agresti prints the standard error of Milwaukee's worth against Baltimore's as 0.343.
    assert fit.difference(0, 6)[1] == pytest.approx(0.343, abs=5e-4)
    assert fit.predict(0, 6)[0] == pytest.approx(1 / (1 + np.exp(-1.5814)), abs=1e-4)


def test_pudding_by_davidson_and_by_rao_and_kupper():
    fit = fit_davidson(pudding(), spread=None)
    assert shares(fit) == pytest.approx([0.1388, 0.1730, 0.1617, 0.1654, 0.1587, 0.2024], abs=5e-5)
    assert fit.tie == pytest.approx(0.7468, abs=5e-5)
    assert fit.log_likelihood == pytest.approx(-809.7095, abs=5e-5)
    fit = fit_rao_kupper(pudding(), spread=None)
    assert shares(fit) == pytest.approx([0.1444, 0.1718, 0.1628, 0.1661, 0.1604, 0.1945], abs=1e-4)
    assert np.exp(fit.tie) == pytest.approx(1.7485, abs=5e-5)
    assert fit.log_likelihood == pytest.approx(-809.6971, abs=5e-5)


def test_two_items_by_hand():
    """30 wins, 20 losses, 10 ties. Davidson: ratio 30/20 = 1.5 and v = 10 / sqrt(30 * 20).

    Rao and Kupper with ratio r and theta t: P(1) = r / (r + t) = 1/2, so r = t; P(2) = 1 / (1 + t^2) = 1/3, so
    t = sqrt 2.
    """
    votes = gather_votes([0, 0, 0], [1, 1, 1], [1, -1, 0], count=[30, 20, 10])
    fit = fit_davidson(votes, spread=None)
    assert np.exp(fit.worth[0] - fit.worth[1]) == pytest.approx(1.5)
    assert fit.tie == pytest.approx(10 / np.sqrt(600))
    assert fit.predict(0, 1) == pytest.approx([30 / 60, 10 / 60, 20 / 60])
    fit = fit_rao_kupper(votes, spread=None)
    assert [np.exp(fit.worth[0] - fit.worth[1]), np.exp(fit.tie)] == pytest.approx([np.sqrt(2)] * 2)
    assert fit.predict(0, 1) == pytest.approx([30 / 60, 10 / 60, 20 / 60])


def test_choix_cases(shared):
    cases = json.loads((shared / "known_answers/agreement.json").read_text())["choix_cases"]["cases"]
    for name in ("pairwise-1", "pairwise-2"):
        winners, losers = np.array(cases[name]["data"]).T
        fit = fit_bradley_terry(gather_votes(winners, losers, np.ones(len(winners))), spread=None)
        assert fit.worth == pytest.approx(cases[name]["ml_est"], abs=1e-7)
    case = cases["pairwise-8random-l2"]
    winners, losers = np.array(case["data"]).T
    # A penalty of alpha times the sum of squares is a normal prior with variance 1 / (2 alpha).
    spread = (2 * case["l2_alpha"]) ** -0.5
    fit = fit_bradley_terry(gather_votes(winners, losers, np.ones(len(winners)), num_items=8), spread=spread)
    assert fit.worth == pytest.approx(case["penalised_ml_est"], abs=1e-6)


def test_pandalm(shared):
    known = json.loads((shared / "known_answers/agreement.json").read_text())["pandalm"]["bradley_terry"]
    votes, names = source_votes(expand_pairs(read_pandalm(shared / "pandalm/pandalm_3annotators.jsonl.gz")))
    fit = fit_bradley_terry(votes, spread=None, ties="drop")
    assert fit.votes == known["comparisons"]
    assert dict(zip(names, fit.worth, strict=True)) == pytest.approx(known["log_strength"], abs=1e-6)


COUNTS = arrays.arrays(np.int64, (5, 5, 3), elements=st.integers(0, 4)).filter(
    lambda c: np.triu(c.sum(2), 1).any()
)


def votes_of(counts):
    first, second, code = np.nonzero(counts * np.triu(np.ones((5, 5)), 1)[:, :, None].astype(int))
    return gather_votes(first, second, code - 1, count=counts[first, second, code], num_items=5)


FITS = {
    "bradley_terry": lambda votes: fit_bradley_terry(votes, ties="half"),
    "davidson": fit_davidson,
    "rao_kupper": fit_rao_kupper,
    "crowd_bt": fit_crowd_bt,
}


@pytest.mark.parametrize("name", FITS)
@settings(max_examples=15, deadline=None)
@given(counts=COUNTS, seed=st.integers(0, 1000))
def test_names_and_orientation_change_nothing(name, counts, seed):
    votes = votes_of(counts)
    rng = np.random.default_rng(seed)
    new, flip = rng.permutation(5), rng.choice([1, -1], len(votes))
    one, two = new[votes.first], new[votes.second]
    other = gather_votes(
        np.where(flip > 0, one, two),
        np.where(flip > 0, two, one),
        votes.label * flip,
        count=votes.count,
        num_items=5,
    )
    fit, again = FITS[name](votes), FITS[name](other)
    assert again.worth[new] == pytest.approx(fit.worth, abs=1e-5)
    assert again.worth_se[new] == pytest.approx(fit.worth_se, abs=1e-4)
    assert np.isfinite(fit.worth_se).all() and np.isfinite(fit.log_likelihood)
    for group in range(fit.num_components):
        assert fit.worth[fit.component == group].sum() == pytest.approx(0, abs=1e-6)
    assert fit.predict(np.arange(4), np.arange(1, 5)).sum(1) == pytest.approx(1)


@pytest.mark.parametrize("link", [davidson.link, rao_kupper.link])
def test_slopes_are_those_of_finite_differences(link):
    x, t, e = np.linspace(-3, 3, 7), -0.4, 1e-5
    for label in (-1, 0, 1):
        way = np.full(7, label)
        at = link(x, way, t)
        up, down, more, less = (
            link(x + e, way, t),
            link(x - e, way, t),
            link(x, way, t + e),
            link(x, way, t - e),
        )
        for found, high, low in ((at.x, up.value, down.value), (at.xx, up.x, down.x), (at.xt, up.t, down.t),
                                 (at.t, more.value, less.value), (at.tt, more.t, less.t)):  # fmt: skip
            assert found == pytest.approx((high - low) / (2 * e), abs=1e-7)


def test_crowd_slopes_are_those_of_finite_differences():
    rng = np.random.default_rng(0)
    label, shown = rng.integers(-1, 2, 30), rng.integers(-1, 2, 30)
    at = [rng.normal(size=30), -0.4, rng.normal(1, 1, 30), rng.normal(size=30)]

    def here(step):
        moved = [a + s for a, s in zip(at, step, strict=True)]
        return mixture(moved[0], label, moved[1], moved[2], moved[3], shown)

    e, found = 1e-5, here(np.zeros(4))
    for a in range(4):
        high, low = here(e * np.eye(4)[a]), here(-e * np.eye(4)[a])
        first = [found.x, *found.s.T][a]
        assert first == pytest.approx((high.value - low.value) / (2 * e), abs=1e-7)
        second = [found.xx, *found.xs.T] if a == 0 else [found.xs[:, a - 1], *found.ss[:, a - 1].T]
        for b, slopes in enumerate(zip([high.x, *high.s.T], [low.x, *low.s.T], strict=True)):
            assert second[b] == pytest.approx((slopes[0] - slopes[1]) / (2 * e), abs=1e-7)


def test_a_prior_keeps_who_always_wins_finite_and_likelihood_says_who_it_is():
    votes = gather_votes([0, 0, 1], [1, 2, 2], [1, 1, 1], count=[50, 50, 50])
    for fit in (fit_bradley_terry, fit_davidson, fit_rao_kupper, fit_crowd_bt):
        found = fit(votes)
        assert np.isfinite(found.worth).all() and np.argmax(found.worth) == 0
        assert np.isfinite(found.worth_se).all()
    with pytest.raises(ValueError, match="item 0 never lost or tied"):
        fit_bradley_terry(votes, spread=None)


def test_all_ties_and_no_ties():
    tied = gather_votes([0, 1], [1, 2], [0, 0], count=[9, 9])
    for fit in (fit_davidson, fit_rao_kupper, fit_crowd_bt):
        found = fit(tied)
        assert found.worth == pytest.approx(np.zeros(3), abs=1e-9)
        assert np.isfinite(found.tie) and found.predict(0, 1)[1] > 0.6
    with pytest.raises(ValueError, match="all 18 votes are ties"):
        fit_davidson(tied, spread=None)
    with pytest.raises(ValueError, match="18 of 18 votes are ties"):
        fit_bradley_terry(tied)
    with pytest.raises(ValueError, match="no vote is a tie"):
        fit_davidson(baseball(), spread=None)
    with pytest.raises(ValueError, match="no vote to fit"):
        fit_davidson(gather_votes([], [], [], num_items=3))


def test_sets_that_never_met():
    votes = gather_votes([0, 0, 2, 2], [1, 1, 3, 3], [1, -1, 1, -1], count=[3, 1, 1, 2])
    fit = fit_bradley_terry(votes, spread=None)
    assert fit.num_components == 2
    assert fit.worth[0] - fit.worth[1] == pytest.approx(np.log(3))
    with pytest.raises(ValueError, match="not connected"):
        fit.predict([0, 0], [1, 2])
    with pytest.raises(ValueError, match="not connected"):
        fit.difference(0, 3)
    prior = fit_bradley_terry(votes)
    # Nothing was seen of 0 against 2: about even, and as uncertain as the prior or more than within a set.
    assert prior.difference(0, 2)[1] > prior.difference(0, 1)[1]


def test_standard_errors_of_many_small_sets_are_those_of_each_alone():
    one = gather_votes([0, 0, 1], [1, 2, 2], [1, 0, 1], count=[5, 3, 4])
    copies = 40
    rows = np.repeat(np.arange(copies) * 3, 3)
    many = gather_votes(
        rows + np.tile(one.first, copies), rows + np.tile(one.second, copies), np.tile(one.label, copies),
        count=np.tile(one.count, copies),
    )  # fmt: skip
    alone, together = fit_bradley_terry(one, ties="half"), fit_bradley_terry(many, ties="half")
    assert together.worth_se.reshape(copies, 3) == pytest.approx(np.tile(alone.worth_se, (copies, 1)))


def test_an_adversary_and_a_leaner_are_found():
    """Ten annotators of known kind on eight items: 1 reverses everything, 2 leans to what is shown first."""
    rng = np.random.default_rng(0)
    size = 6000
    first = rng.integers(0, 8, size)
    second = (first + rng.integers(1, 8, size)) % 8
    who, shown = rng.integers(0, 10, size), rng.choice([-1, 1], size)
    x = np.linspace(-2, 2, 8)[first] - np.linspace(-2, 2, 8)[second]
    x = np.where(who == 1, -x, x) + np.where(who == 2, 1.2, 0) * shown
    p = davidson.outcomes(x, np.log(0.4))
    u = rng.random(size)
    label = np.where(u < p[:, 0], 1, np.where(u < p[:, 0] + p[:, 1], 0, -1))
    fit = fit_crowd_bt(gather_votes(first, second, label, annotator=who, first_shown=shown))
    assert list(np.argsort(fit.worth)) == list(range(8))
    assert np.argmin(fit.shared["reliability"].value) == 1
    assert fit.shared["reliability"].value[1] < -1
    assert np.argmax(fit.shared["position_bias"].value) == 2
    low, high = fit.shared["position_bias"].interval()
    assert low[2] < 1.2 < high[2]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (([0], [0], [1]), "compares item 0 with itself"),
        (([0], [1], [2]), "label must be 1, 0 or -1"),
        (([0, 1], [1], [1]), "of one length"),
        (([-1], [1], [1]), "numbered from 0"),
    ],
)
def test_votes_that_cannot_be(columns, words):
    with pytest.raises(ValueError, match=words):
        gather_votes(*columns)


@settings(max_examples=20, deadline=None)
@given(counts=COUNTS)
def test_the_gradient_is_zero_at_the_top(counts):
    """Davidson: wins and half ties, observed less expected, are what the prior pulls back: worth / spread^2."""
    votes = votes_of(counts)
    fit = fit_davidson(votes, spread=1.5)
    p = fit.predict(votes.first, votes.second)
    excess = votes.count * ((votes.label - p[:, 0] + p[:, 2]) / 2)
    pull = np.bincount(votes.first, excess, 5) - np.bincount(votes.second, excess, 5)
    assert pull == pytest.approx(fit.worth / 1.5**2, abs=1e-7)
    ties = (votes.count * ((votes.label == 0) - p[:, 1])).sum()
    assert ties == pytest.approx(
        (np.log(fit.tie) - davidson.TIE_PRIOR.mean) / davidson.TIE_PRIOR.spread**2, abs=1e-7
    )


def test_sources_of_completions():
    """Two systems that wrote one text stand for it both; texts without a source say nothing of systems."""
    made = Comparison(
        "c",
        "p",
        (Completion("a", ("x", "y")), Completion("b", ("z",)), Completion("c")),
        (Ranking("r", "one", (1, 2, 3), order=(1, 0, 2)),),
    )
    votes, names = source_votes(expand_pairs([made]))
    assert names == ["x", "y", "z"]
    assert list(zip(votes.first, votes.second, votes.label, votes.first_shown, strict=True)) == [
        (0, 2, 1, -1),
        (1, 2, 1, -1),
    ]
    bare = replace(made, completions=(Completion("a"), Completion("b"), Completion("c")))
    votes, names = source_votes(expand_pairs([bare]))
    assert names == [] and len(votes) == 0
    with pytest.raises(ValueError, match="no vote to fit"):
        fit_davidson(votes)
