import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.modeling.ranking_losses import (
    TIES,
    all_pairs_loss,
    has_pairs,
    initial_log_width,
    plackett_luce_loss,
    ranking_pairs,
)

W = torch.tensor(math.log(0.5), dtype=torch.float64)


def s(x):
    return 1 / (1 + math.exp(-x))


def loss(values, ranks, twins=None, **settings):
    values = torch.tensor([values], dtype=torch.float64)
    ranks = torch.tensor([ranks])
    twins = torch.arange(ranks.shape[1])[None] if twins is None else torch.tensor([twins])
    return float(all_pairs_loss(values, ranks, twins, **{"ties": "rao_kupper", "log_width": W, **settings}))


def pl(values, ranks, twins=None):
    ranks = torch.tensor([ranks])
    twins = torch.arange(ranks.shape[1])[None] if twins is None else torch.tensor([twins])
    return float(plackett_luce_loss(torch.tensor([values], dtype=torch.float64), ranks, twins))


def test_pairs_by_hand():
    """Four completions: the first is best, the next two tie, the fourth is unranked; the third repeats the second."""
    pairs = ranking_pairs(torch.tensor([[1, 2, 2, 0]]), torch.tensor([[0, 1, 1, 3]]))
    ordered = list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert ordered == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert pairs.valid.tolist() == [[True, True, False, False, False, False]]
    assert pairs.order[0, :2].tolist() == [1, 1]


def test_rao_kupper_by_hand():
    """Margin 1, width 1/2: wins s(1/2), loses s(-3/2), ties (e - 1) s(1/2) s(-3/2); they sum to 1."""
    win, lose = s(0.5), s(-1.5)
    tie = (math.e - 1) * win * lose
    assert win + lose + tie == pytest.approx(1)
    assert loss([1.0, 0.0], [1, 2]) == pytest.approx(-math.log(win))
    assert loss([1.0, 0.0], [2, 1]) == pytest.approx(-math.log(lose))
    assert loss([1.0, 0.0], [3, 3]) == pytest.approx(-math.log(tie))


def test_davidson_by_hand():
    """Margin 2, v = 1/2: e : 1/e : 1/2."""
    z = math.e + 1 / math.e + 0.5
    for ranks, part in ([1, 2], math.e), ([2, 1], 1 / math.e), ([1, 1], 0.5):
        assert loss([2.0, 0.0], ranks, ties="davidson") == pytest.approx(-math.log(part / z))


@given(
    margin=st.floats(-30, 30), log_width=st.floats(-6, 2), ties=st.sampled_from(["rao_kupper", "davidson"])
)
@settings(max_examples=60, deadline=None)
def test_the_three_outcomes_are_a_distribution(margin, log_width, ties):
    m = torch.full((3,), margin, dtype=torch.float64)
    order = torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64)
    nll = TIES[ties](m, order, torch.tensor(log_width, dtype=torch.float64))
    assert float(torch.exp(-nll).sum()) == pytest.approx(1)


def test_instructgpt_is_the_mean_over_all_pairs():
    values = [0.3, -1.0, 2.0, 0.1]
    ranks = [2, 4, 1, 3]
    better = [(i, j) for i, j in itertools.permutations(range(4), 2) if ranks[i] < ranks[j]]
    by_hand = -sum(math.log(s(values[i] - values[j])) for i, j in better) / 6
    assert loss(values, ranks, ties="drop") == pytest.approx(by_hand)
    assert loss(values, [20, 40, 11, 30], ties="drop") == pytest.approx(
        by_hand
    )  # only the order of tiers counts


def test_what_is_absent_or_identical_makes_no_pair():
    assert loss([1.0, 0.0, 7.0], [1, 2, 0], ties="half") == loss([1.0, 0.0], [1, 2], ties="half")
    three = loss([1.0, 0.0, 0.5], [1, 3, 2], twins=[0, 1, 0], ties="half")
    assert three == pytest.approx(-(math.log(s(1)) + math.log(s(0.5))) / 2)
    ranks, twins = torch.tensor([[1, 1], [1, 2], [1, 0]]), torch.tensor([[0, 1], [0, 0], [0, 1]])
    assert has_pairs(ranks, twins, ties="drop").tolist() == [False, False, False]
    assert has_pairs(ranks, twins, ties="half").tolist() == [True, False, False]
    nothing = all_pairs_loss(torch.ones(3, 2), ranks, twins, ties="drop", log_width=W)
    assert nothing.tolist() == [0, 0, 0]


def test_plackett_luce_by_hand():
    """Strengths 4, 2, 1, drawn in that order: 4/7 * 2/3; two choices are made."""
    values = [math.log(4), math.log(2), 0.0]
    assert pl(values, [1, 2, 3]) == pytest.approx(-math.log(4 / 7 * 2 / 3) / 2)
    assert pl(values, [3, 2, 1]) == pytest.approx(-math.log(1 / 7 * 2 / 6) / 2)
    assert pl([1.0, 0.0], [1, 2]) == pytest.approx(-math.log(s(1)))


def test_plackett_luce_ties_are_efrons():
    """Strengths 4, 2, 1; the first two tie: 4 * 2 / (7 * (7 - 6/2)), then 1/1."""
    values = [math.log(4), math.log(2), 0.0]
    assert pl(values, [1, 1, 2]) == pytest.approx(-math.log(4 * 2 / (7 * 4)) / 2)


def test_plackett_luce_leaves_out_absent_and_repeated_texts():
    values = [math.log(4), math.log(2), 0.0]
    assert pl([*values, 9.0], [1, 2, 3, 0]) == pytest.approx(pl(values, [1, 2, 3]))
    # The second copy of the first text stands behind it and is left out.
    assert pl([*values, math.log(4)], [1, 2, 3, 4], [0, 1, 2, 0]) == pytest.approx(pl(values, [1, 2, 3]))
    assert pl([0.0, 1.0], [1, 2], [0, 0]) == pytest.approx(0)


@pytest.mark.parametrize("name", ["pairs", "pl"])
def test_gradients_are_finite_with_padding(name):
    values = torch.tensor([[50.0, -50.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    ranks, twins = torch.tensor([[2, 1, 0], [0, 0, 0]]), torch.tensor([[0, 1, 2], [0, 1, 2]])
    out = (
        all_pairs_loss(values, ranks, twins, ties="rao_kupper", log_width=torch.tensor(-1.0))
        if name == "pairs"
        else plackett_luce_loss(values, ranks, twins)
    )
    out.sum().backward()
    assert torch.isfinite(out).all() and torch.isfinite(values.grad).all()
    assert (values.grad[1] == 0).all()


@pytest.mark.parametrize("ties", ["rao_kupper", "davidson"])
def test_the_first_tie_parameter_gives_the_observed_share(ties):
    width = torch.tensor(initial_log_width(200, 999, ties), dtype=torch.float64)
    tie = torch.exp(-TIES[ties](torch.zeros(1), torch.zeros(1), width))
    assert float(tie) == pytest.approx(200.5 / 1000)
