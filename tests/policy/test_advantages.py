"""Rewards, GAE, whitening and KL control against numbers worked out by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.advantages import (
    generalized_advantages,
    kl_penalty,
    masked_mean,
    moments,
    next_kl_coef,
    ramped_kl_target,
    token_rewards,
    whiten,
)

MASK = torch.tensor([[1, 1, 1], [1, 1, 0]])


def test_kl_estimators_by_hand():
    """p = 1/2, q = 1/4: k1 = ln 2; k3 = q/p - 1 + ln 2 = ln 2 - 1/2."""
    p, q = torch.tensor([0.5]).log(), torch.tensor([0.25]).log()
    assert kl_penalty(p, q, "k1").item() == pytest.approx(math.log(2))
    assert kl_penalty(p, q, "k3").item() == pytest.approx(math.log(2) - 0.5)


def test_kl_of_a_policy_from_itself_is_zero():
    log_probs = torch.randn(4, 5)
    for estimator in ("k1", "k3"):
        assert bool((kl_penalty(log_probs, log_probs, estimator) == 0).all())


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=8))
@settings(max_examples=50, deadline=None)
def test_k3_is_never_negative_and_both_average_to_the_true_kl(logits):
    p = torch.tensor(logits, dtype=torch.float64).log_softmax(0)
    q = p.flip(0)
    assert bool((kl_penalty(p, q, "k3") >= -1e-12).all())
    true = (p.exp() * (p - q)).sum()
    for estimator in ("k1", "k3"):
        torch.testing.assert_close((p.exp() * kl_penalty(p, q, estimator)).sum(), true, atol=1e-9, rtol=1e-9)


def test_the_score_falls_on_the_last_real_token():
    """kl_coef 0.1, penalties 1, 2, 3 and 4, 5: -.1, -.2, -.3 + 7 = 6.7; and -.4, -.5 + 9 = 8.5; padding 0."""
    penalties = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 99.0]])
    rewards = token_rewards(torch.tensor([7.0, 9.0]), penalties, MASK, 0.1)
    torch.testing.assert_close(rewards, torch.tensor([[-0.1, -0.2, 6.7], [-0.4, 8.5, 0.0]]))


def test_a_completion_without_tokens_is_refused():
    with pytest.raises(ValueError, match="no token"):
        token_rewards(torch.ones(1), torch.zeros(1, 2), torch.zeros(1, 2), 0.1)
    with pytest.raises(ValueError, match="shape"):
        token_rewards(torch.ones(2), torch.zeros(2, 2), MASK, 0.1)


def test_gae_by_hand():
    """gamma .5, lambda .5, rewards 1, 0, 2, values 1, 2, 3.

    delta = 1 + .5*2 - 1 = 1; 0 + .5*3 - 2 = -.5; 2 + 0 - 3 = -1.
    A2 = -1; A1 = -.5 + .25*-1 = -.75; A0 = 1 + .25*-.75 = .8125. Returns = A + V.
    Second row, two tokens, rewards 1, 2, values 1, 1: delta = 1 + .5 - 1 = .5; 2 - 1 = 1; A1 = 1; A0 = .75.
    """
    rewards = torch.tensor([[1.0, 0.0, 2.0], [1.0, 2.0, 50.0]])
    values = torch.tensor([[1.0, 2.0, 3.0], [1.0, 1.0, 70.0]])
    advantages, returns = generalized_advantages(rewards, values, MASK, gamma=0.5, gae_lambda=0.5)
    torch.testing.assert_close(advantages, torch.tensor([[0.8125, -0.75, -1.0], [0.75, 1.0, 0.0]]))
    torch.testing.assert_close(returns, torch.tensor([[1.8125, 1.25, 2.0], [1.75, 2.0, 0.0]]))


def test_lambda_one_gives_returns_that_are_sums_of_rewards():
    """gamma = lambda = 1: the return of a token is the sum of the rewards from it on, whatever the values."""
    rewards = torch.tensor([[1.0, 2.0, 4.0]])
    _, returns = generalized_advantages(rewards, torch.randn(1, 3), torch.ones(1, 3), gamma=1, gae_lambda=1)
    torch.testing.assert_close(returns, torch.tensor([[7.0, 6.0, 4.0]]))


def test_padding_changes_nothing():
    torch.manual_seed(0)
    rewards, values = torch.randn(2, 3), torch.randn(2, 3)
    wide = torch.nn.functional.pad(MASK, (0, 4))
    garbage = torch.randn(2, 4)
    narrow = generalized_advantages(rewards, values, MASK, gamma=0.9, gae_lambda=0.95)
    padded = generalized_advantages(
        torch.cat([rewards, garbage], 1), torch.cat([values, garbage], 1), wide, gamma=0.9, gae_lambda=0.95
    )
    for a, b in zip(narrow, padded, strict=True):
        torch.testing.assert_close(a * MASK, b[:, :3] * MASK)
        assert bool((b[:, 3:] == 0).all())


def test_whitening_by_hand():
    """Masked values 1, 3, 5, 7, 9: mean 5, biased variance 8. Without the shift the mean stays 5."""
    values = torch.tensor([[1.0, 3.0, 5.0], [7.0, 9.0, 1000.0]])
    total = moments(values, MASK)
    assert total.tolist() == [5.0, 25.0, 165.0]
    sd = math.sqrt(8)
    expected = torch.tensor([[-4 / sd, -2 / sd, 0.0], [2 / sd, 4 / sd, 0.0]])
    torch.testing.assert_close(whiten(values, MASK, total), expected)
    kept = whiten(values, MASK, total, shift_mean=False)
    torch.testing.assert_close(kept, (expected + 5) * MASK)
    assert masked_mean(kept, MASK).item() == pytest.approx(5)


def test_whitening_over_two_processes_is_whitening_over_all():
    values = torch.arange(6.0).view(2, 3)
    mask = torch.ones(2, 3)
    both = moments(values[:1], mask[:1]) + moments(values[1:], mask[1:])
    torch.testing.assert_close(
        whiten(values[1:], mask[1:], both), whiten(values, mask, moments(values, mask))[1:]
    )


def test_the_controller_by_hand():
    """beta .15, 100 completions, horizon 1,000. KL 6.6 at target 6: e = .1, so .15 * 1.01. KL 60: e = .2, .15 * 1.02."""
    assert next_kl_coef(0.15, 6.6, 6.0, completions=100, horizon=1000) == pytest.approx(0.15 * 1.01)
    assert next_kl_coef(0.15, 60.0, 6.0, completions=100, horizon=1000) == pytest.approx(0.15 * 1.02)
    assert next_kl_coef(0.15, 0.0, 6.0, completions=100, horizon=1000) == pytest.approx(0.15 * 0.98)


def test_the_target_ramps_from_a_tenth():
    """Target 4, ramp .4: .4 at the start, half-way up the ramp 4 * .55 = 2.2, then 4."""
    assert ramped_kl_target(4.0, 0.0, 0.4) == pytest.approx(0.4)
    assert ramped_kl_target(4.0, 0.2, 0.4) == pytest.approx(2.2)
    assert ramped_kl_target(4.0, 0.4, 0.4) == 4.0
    assert ramped_kl_target(4.0, 0.0, 0.0) == 4.0
