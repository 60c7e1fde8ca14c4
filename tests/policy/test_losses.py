"""The losses of PPO against numbers worked out by hand."""

import math

import pytest
import torch

from policy.losses import approximate_kl, clipped_share, explained_variance, policy_loss, value_loss


def logs(*ratios: float) -> torch.Tensor:
    return torch.tensor(ratios, dtype=torch.float64).log()


def test_policy_loss_by_hand():
    """clip .2. Ratio 1.5, A = 2: -min(3, 2.4) = -2.4. Ratio 1.5, A = -2: 3, not clipped. Ratio .5, A = 2: -1.

    Ratio .5, A = -2: max(1, 1.6) = 1.6. Ratio 1, A = 2: -2.
    """
    advantages = torch.tensor([2.0, -2.0, 2.0, -2.0, 2.0], dtype=torch.float64)
    loss = policy_loss(logs(1.5, 1.5, 0.5, 0.5, 1.0), torch.zeros(5, dtype=torch.float64), advantages, 0.2)
    torch.testing.assert_close(loss, torch.tensor([-2.4, 3.0, -1.0, 1.6, -2.0], dtype=torch.float64))


def test_a_clipped_token_has_no_gradient_and_the_first_step_is_plain_policy_gradient():
    """At ratio 1 the gradient of the loss by the log-probability is -A; beyond the clip, in A's direction, it is 0."""
    log_probs = logs(1.0, 1.5).requires_grad_()
    old, advantages = torch.zeros(2, dtype=torch.float64), torch.tensor([3.0, 3.0], dtype=torch.float64)
    policy_loss(log_probs, old, advantages, 0.2).sum().backward()
    assert log_probs.grad is not None
    torch.testing.assert_close(log_probs.grad, torch.tensor([-3.0, 0.0], dtype=torch.float64))


def test_value_loss_by_hand():
    """Old 1, return 2, clip .2. New 1.1: .5 * .9^2 = .405. New 1.5 (clipped 1.2): max(.25, .64) / 2 = .32.

    New 0 (clipped .8): max(4, 1.44) / 2 = 2. Without clipping 1.5 gives .125.
    """
    old, returns = torch.ones(3), torch.full((3,), 2.0)
    loss = value_loss(torch.tensor([1.1, 1.5, 0.0]), old, returns, 0.2)
    torch.testing.assert_close(loss, torch.tensor([0.405, 0.32, 2.0]))
    torch.testing.assert_close(
        value_loss(torch.tensor([1.5]), old[:1], returns[:1], None), torch.tensor([0.125])
    )


def test_approximate_kl_by_hand():
    """Ratio 2: 2 - 1 - ln 2 = 1 - ln 2. Ratio 1: 0."""
    zero = torch.zeros(2, dtype=torch.float64)
    kl = approximate_kl(logs(2.0, 1.0), zero)
    assert kl.tolist() == pytest.approx([1 - math.log(2), 0.0])


def test_clipped_share():
    assert clipped_share(logs(1.1, 1.3, 0.75, 0.9), torch.zeros(4), 0.2).tolist() == [0, 1, 1, 0]


def test_explained_variance_by_hand():
    """Returns 0, 2 (variance 1). Exact values: 1. A constant: 0. Values 0, 1: residuals 0, 1, variance .25: .75."""
    returns = torch.tensor([0.0, 2.0])
    assert explained_variance(returns, returns).item() == 1
    assert explained_variance(torch.ones(2), returns).item() == 0
    assert explained_variance(torch.tensor([0.0, 1.0]), returns).item() == pytest.approx(0.75)
