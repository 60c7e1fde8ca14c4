"""What becomes of scores before PPO sees them, and which policy counts as the best."""

import dataclasses

import pytest
import torch

from policy.config import PPOConfig
from policy.progress import Progress, consider_best
from policy.prompts import place_at, prompt_of
from policy.rollout import closed_by_eos, distinct_2, micro_batches, rollout_of
from policy.scores import RunningMoments, lower_bound, normalized, reward_source, shaped
from workbench.modeling.generation import Generated
from workbench.records import Message


def test_moments_in_batches_are_the_moments_of_all():
    """Heads 1, 2, 3, 6 (mean 3, variance 14/4 = 3.5) and 0, 0, 0, 4 (mean 1, variance 3)."""
    moments = RunningMoments.of(2)
    moments.update(torch.tensor([[1.0, 0.0]]))
    moments.update(torch.tensor([[2.0, 0.0], [3.0, 0.0], [6.0, 4.0]]))
    assert moments.mean.tolist() == [3, 1]
    assert moments.deviation.square().tolist() == pytest.approx([3.5, 3])
    scores = normalized(torch.tensor([[3.0, 1.0 + 3**0.5]]), moments)
    torch.testing.assert_close(scores, torch.tensor([[0.0, 1.0]]))


def test_the_lower_bound_by_hand():
    """Heads 1 and 3: mean 2, deviation 1. Coefficient .5: 1.5."""
    assert lower_bound(torch.tensor([[1.0, 3.0]]), 0.5).tolist() == [1.5]
    assert lower_bound(torch.tensor([[1.0, 3.0]]), 0.0).tolist() == [2.0]


def test_a_missing_eos_by_hand():
    scores, finished = torch.tensor([5.0, 5.0, -9.0]), torch.tensor([True, False, True])
    rule = {"clip": 3.0, "missing_eos_value": -4.0}
    assert shaped(scores, finished, missing_eos="replace", **rule).tolist() == [3, -4, -3]
    assert shaped(
        scores, finished, missing_eos="subtract", **{**rule, "missing_eos_value": 2.0}
    ).tolist() == [3, 1, -3]
    assert shaped(scores, finished, missing_eos="keep", **rule).tolist() == [3, 3, -3]


def test_an_ensemble_has_the_heads_of_all(tokenizer):
    drawn = rollout([[1, 40]], [[41, 42, 2]], [True])
    both = reward_source([lambda p, t: [1.0] * len(t), lambda p, t: [2.0] * len(t)], tokenizer)
    assert both.heads == 2
    assert both.score(drawn, ["a"]).tolist() == [[1.0, 2.0]]
    with pytest.raises(ValueError, match="a function or a list"):
        reward_source(3, tokenizer)


def rollout(prompts, completions, finished):
    width = max(map(len, completions))
    tokens = torch.tensor([row + [0] * (width - len(row)) for row in completions])
    lengths = torch.tensor([len(row) for row in completions])
    drawn = Generated(tokens, torch.zeros(tokens.shape), lengths, torch.tensor(finished))
    return rollout_of(prompts, drawn, 0, torch.device("cpu"))


def test_rows_are_joined_and_cut_by_tokens():
    made = rollout([[1, 5], [1, 5, 6, 7], [1]], [[8, 2], [9], [8, 8, 2]], [True, False, True])
    assert made.ids.tolist() == [[1, 5, 8, 2, 0], [1, 5, 6, 7, 9], [1, 8, 8, 2, 0]]
    assert made.completions() == [[8, 2], [9], [8, 8, 2]]
    cut = list(micro_batches(made, torch.arange(3), 8))
    assert [micro.rows.tolist() for micro in cut] == [[0, 2], [1]]
    assert cut[0].ids.shape == (2, 4)
    # The token at column c is predicted at c - 1.
    assert cut[0].wanted.tolist() == [[False, True, True, False], [True, True, True, False]]
    assert cut[0].take(torch.arange(9).view(3, 3)).tolist() == [0, 1, 6, 7, 8]
    closed = closed_by_eos(made, 2)
    assert closed.completions() == [[8, 2], [9, 2], [8, 8, 2]]


def test_distinct_2_by_hand():
    """Bigrams (1,2), (2,1), (1,2) and (1,2): two distinct of four."""
    assert distinct_2([[1, 2, 1, 2], [1, 2]]) == 0.5
    assert distinct_2([[1]]) == 0


def test_every_pass_of_the_stream_has_every_prompt_once_in_another_order():
    passes = [[place_at(10 * e + i, 10, seed=1, purpose="rollout") for i in range(10)] for e in range(3)]
    assert all(sorted(one) == list(range(10)) for one in passes)
    assert passes[0] != passes[1] != passes[2]


def test_rows_of_datasets_are_prompts():
    messages = [{"role": "user", "content": "hi"}]
    assert prompt_of({"prompt": "hi"}) == prompt_of("hi") == "hi"
    assert prompt_of({"prompt": messages}) == (Message("user", "hi"),)


def test_the_best_policy_by_hand():
    """kl_coef .1, window 2. Objectives: 1.0; mean(1, 3) - .1 mean(0, 10) = 1.5; then scores 3, 2 and KL 10, 30: .5.

    The fourth has the best objective but half the first distinct-2, so it does not count.
    """
    config = PPOConfig(kl_coef=0.1, best_window=2, best_min_distinct_2=0.8)
    policy = torch.nn.Linear(1, 1)
    progress = Progress(kl_coef=0.7, moments=RunningMoments.of(1))
    history = [(1.0, 0.0, 0.9), (3.0, 10.0, 0.9), (2.0, 30.0, 0.9), (50.0, 0.0, 0.45)]
    chosen = []
    for i, (score, kl, diversity) in enumerate(history):
        progress.iteration = i
        policy.weight.data.fill_(float(i))
        consider_best(progress, config, policy, score=score, kl=kl, distinct_2=diversity)
        chosen.append(progress.best.iteration)
    assert chosen == [0, 1, 1, 1]
    assert progress.best.value == pytest.approx(1.5)
    assert progress.best.weights["weight"].item() == 1
    strict = dataclasses.replace(config, best_max_kl=4.0)
    fresh = Progress(kl_coef=0.1, moments=RunningMoments.of(1))
    consider_best(fresh, strict, policy, score=9.0, kl=5.0, distinct_2=0.9)
    assert fresh.best is None
