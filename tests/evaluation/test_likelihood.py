"""KL and likelihood of completions, against sums done token by token."""

import numpy as np
import pytest
import torch

from evaluation.likelihood import negative_log_likelihoods, sequence_kls
from tests.tiny_models import tiny_model

ROWS = [([1, 5, 9], [20, 21, 2]), ([1], [30, 2]), ([1, 7, 7, 7, 7], [40, 41, 42, 43, 2])]


def _log_probabilities(model, row, temperature=1.0):
    """Of every position that predicts a completion token, (N, V), without any padding."""
    prompt, completion = row
    ids = torch.tensor([[*prompt, *completion]])
    with torch.no_grad():
        logits = model(ids).logits[0] / temperature
    return torch.log_softmax(logits[len(prompt) - 1 : -1], -1)


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_sequence_kl_is_the_sum_over_positions(temperature):
    policy, start = tiny_model(seed=1), tiny_model(seed=2)
    found = sequence_kls(policy, start, ROWS, temperature=temperature, pad_token_id=0, batch_size=2)
    for row, value in zip(ROWS, found, strict=True):
        p, q = (_log_probabilities(model, row, temperature) for model in (policy, start))
        assert value == pytest.approx(float((p.exp() * (p - q)).sum()), rel=1e-4)
        assert value > 0


def test_a_policy_has_no_kl_from_itself():
    model = tiny_model(seed=1)
    assert np.abs(sequence_kls(model, model, ROWS, temperature=1.0, pad_token_id=0)).max() == 0


def test_negative_log_likelihood_is_the_sum_over_tokens():
    model = tiny_model(seed=3)
    found = negative_log_likelihoods(model, ROWS, pad_token_id=0, batch_size=2)
    for row, value in zip(ROWS, found, strict=True):
        logp = _log_probabilities(model, row)
        assert value == pytest.approx(
            -float(logp[torch.arange(len(row[1])), torch.tensor(row[1])].sum()), rel=1e-5
        )
