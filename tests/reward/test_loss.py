import math

import pytest
import torch

from reward.config import RewardConfig
from reward.loss import center_loss, ranking_accuracy, ranking_loss

WIDTH = torch.tensor(0.0)


def s(x):
    return 1 / (1 + math.exp(-x))


def test_two_comparisons_and_two_heads_by_hand():
    """Comparison 0: items 0, 1, ranked by two annotators who disagree; comparison 1: items 2, 3, ranked once.

    Head 0 has margins 1 and 2, head 1 has 0 and -1. Each annotator of comparison 0 counts a half.
    """
    scores = torch.tensor([[1.0, 5.0], [0.0, 5.0], [2.0, 0.0], [0.0, 1.0]])
    items = torch.tensor([[0, 1], [0, 1], [2, 3]])
    ranks = torch.tensor([[1, 2], [2, 1], [1, 2]])
    twins = torch.tensor([[0, 1], [0, 1], [0, 1]])
    weights = torch.tensor([0.5, 0.5, 1.0])[:, None].expand(-1, 2)
    loss = ranking_loss(
        scores, items, ranks, twins, weights, loss="bradley_terry", ties="drop", log_width=WIDTH
    )
    head0 = -0.5 * math.log(s(1)) - 0.5 * math.log(s(-1)) - math.log(s(2))
    head1 = -math.log(s(0)) - math.log(s(-1))
    assert float(loss) == pytest.approx((head0 + head1) / 2)


def test_accuracy_by_hand():
    """Scores 3, 1, 1, 0; ranks 1, 2, 3, 3: 0 over all (3 right), 1 over 2 (equal: half), 1 over 3 (right), a tie."""
    right, count = ranking_accuracy(
        torch.tensor([3.0, 1.0, 1.0, 0.0]),
        torch.arange(4)[None],
        torch.tensor([[1, 2, 3, 3]]),
        torch.arange(4)[None],
        torch.ones(1),
    )
    assert (float(right), int(count)) == (4.5, 5)
    # A soft label: 0 over 1 with probability 0.7, and the other way with 0.2; 0 and 1 tie with 0.1, which decides nothing.
    ranks = torch.tensor([[1, 2], [2, 1], [1, 1]])
    shape = torch.arange(2).expand(3, 2)
    right, count = ranking_accuracy(
        torch.tensor([3.0, 1.0]), shape, ranks, shape, torch.tensor([0.7, 0.2, 0.1])
    )
    assert (float(right), float(count)) == pytest.approx((0.7, 0.9))


def test_center_by_hand():
    assert float(center_loss(torch.tensor([[1.0], [-3.0]]))) == 5


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="do not fit"):
        ranking_loss(torch.zeros(4, 2), torch.zeros(1, 2).long(), torch.ones(1, 2).long(), torch.ones(1, 2).long(),
                     torch.ones(1, 1), loss="bradley_terry", ties="half", log_width=WIDTH)  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"base": None}, "base is needed"),
        ({"comparisons": ""}, "comparisons is needed"),
        ({"heads": 0}, "heads must be positive, got 0"),
        ({"validation_fraction": 1.0}, "validation_fraction must be"),
        ({"center_coef": -1.0}, "center_coef must not be negative"),
    ],
)
def test_settings_that_cannot_be_meant(settings, problem):
    with pytest.raises(ValueError, match=problem):
        RewardConfig(**{"base": "b", "comparisons": "c", **settings})
