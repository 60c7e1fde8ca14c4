import math

import pytest
import torch

from dpo.config import DPOConfig
from dpo.loss import LOSSES, best_and_worst, implicit_accuracy
from workbench.errors import ConfigError

WIDTH = torch.tensor(math.log(0.5))


def s(x):
    return 1 / (1 + math.exp(-x))


def loss(name, ratios, ranks, *, lengths=None, **settings):
    ratios, ranks = torch.tensor([ratios]), torch.tensor([ranks])
    lengths = torch.ones_like(ratios) if lengths is None else torch.tensor([lengths])
    twins = torch.arange(ranks.shape[1])[None]
    defaults = {"beta": 0.1, "ties": "drop", "label_smoothing": 0.0, "log_width": WIDTH}
    return float(LOSSES[name](ratios, lengths, ranks, twins, **{**defaults, **settings}))


def test_sigmoid_by_hand():
    """Log-ratios 3 and 1, beta 1/2: -log s(1). A third completion in the middle: the mean of three pairs."""
    assert loss("sigmoid", [3.0, 1.0], [1, 2], beta=0.5) == pytest.approx(-math.log(s(1)))
    three = loss("sigmoid", [3.0, 2.0, 1.0], [1, 2, 3], beta=0.5)
    assert three == pytest.approx(-(2 * math.log(s(0.5)) + math.log(s(1))) / 3)


def test_label_smoothing_changes_the_loss():
    """With e = 0.1: -0.9 log s(1) - 0.1 log s(-1)."""
    smooth = loss("sigmoid", [3.0, 1.0], [1, 2], beta=0.5, label_smoothing=0.1)
    assert smooth == pytest.approx(-0.9 * math.log(s(1)) - 0.1 * math.log(s(-1)))


@pytest.mark.parametrize("ties", ["rao_kupper", "davidson", "half"])
def test_label_smoothing_leaves_ties_alone(ties):
    plain = loss("sigmoid", [3.0, 1.0], [1, 1], ties=ties)
    assert loss("sigmoid", [3.0, 1.0], [1, 1], ties=ties, label_smoothing=0.2) == pytest.approx(
        plain, rel=1e-6
    )


def test_ipo_by_hand():
    """Log-ratios 6 over 3 tokens and 1 over 1, beta 1/4: (2 - 1 - 2)^2."""
    assert loss("ipo", [6.0, 1.0], [1, 2], lengths=[3.0, 1.0], beta=0.25) == pytest.approx(1.0)
    assert loss("ipo", [6.0, 1.0], [2, 1], lengths=[3.0, 1.0], beta=0.25) == pytest.approx(9.0)
    assert loss("ipo", [6.0, 1.0], [1, 1], lengths=[3.0, 1.0], beta=0.25, ties="half") == pytest.approx(1.0)


def test_plackett_luce_by_hand():
    """Implicit rewards ln 4, ln 2, 0: 4/7 * 2/3 over two choices; two completions give the sigmoid loss."""
    ratios = [10 * math.log(4), 10 * math.log(2), 0.0]
    assert loss("plackett_luce", ratios, [1, 2, 3]) == pytest.approx(-math.log(4 / 7 * 2 / 3) / 2, rel=1e-5)
    assert loss("plackett_luce", [3.0, 1.0], [1, 2]) == pytest.approx(loss("sigmoid", [3.0, 1.0], [1, 2]))


def test_figures_by_hand():
    ratios, ranks = torch.tensor([[2.0, 0.0, 0.0, 9.0]]), torch.tensor([[2, 1, 3, 0]])
    right, margins, count = implicit_accuracy(ratios, ranks, torch.arange(4)[None], torch.ones(1))
    # Pairs: 1 over 0 (wrong, -2), 0 over 2 (right, 2), 1 over 2 (equal, 0).
    assert (float(right), float(margins), int(count)) == (1.5, 0.0, 3)
    best, worst = best_and_worst(torch.tensor([[2, 1, 3, 0], [2, 2, 0, 0]]))
    assert best.tolist() == [[False, True, False, False], [False] * 4]
    assert worst.tolist() == [[False, False, True, False], [False] * 4]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"beta": 0}, "beta must be positive, got 0"),
        ({"loss": "ipo", "label_smoothing": 0.1}, "label_smoothing has no effect on loss 'ipo'"),
        ({"loss": "ipo", "ties": "davidson"}, "needs a likelihood"),
        ({"policy": None}, "policy is needed"),
        ({"label_smoothing": 0.5}, "label_smoothing must be"),
    ],
)
def test_settings_that_cannot_be_meant(settings, problem):
    with pytest.raises((ValueError, ConfigError), match=problem):
        DPOConfig(**{"policy": "b", "comparisons": "c", **settings})
