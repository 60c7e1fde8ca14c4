import math

import pytest
import torch

from tests.tiny_models import tiny_model
from workbench.modeling.logprobs import completion_logprobs, token_logprobs, token_logprobs_and_entropy


def test_by_hand():
    """Logits 0 and ln 3: probabilities 1/4 and 3/4. At temperature 1/2 they are 0 and 2 ln 3: 1/10 and 9/10."""
    hidden = torch.ones(2, 1)
    weight = torch.tensor([[0.0], [math.log(3)]])
    targets = torch.tensor([0, 1])
    torch.testing.assert_close(
        token_logprobs(hidden, weight, targets), torch.tensor([math.log(1 / 4), math.log(3 / 4)])
    )
    cold, entropy = token_logprobs_and_entropy(hidden, weight, targets, temperature=0.5)
    torch.testing.assert_close(cold, torch.tensor([math.log(1 / 10), math.log(9 / 10)]))
    by_hand = -(0.1 * math.log(0.1) + 0.9 * math.log(0.9))
    torch.testing.assert_close(entropy, torch.tensor([by_hand, by_hand]))


def test_chunks_change_neither_values_nor_gradients():
    torch.manual_seed(0)
    hidden, weight = torch.randn(23, 8), torch.randn(11, 8)
    targets = torch.randint(0, 11, (23,))
    results = []
    for chunk in (1000, 4):
        h, w = hidden.clone().requires_grad_(), weight.clone().requires_grad_()
        logprobs, entropy = token_logprobs_and_entropy(h, w, targets, chunk=chunk)
        (logprobs.sum() + 0.3 * entropy.sum()).backward()
        results.append((logprobs.detach(), entropy.detach(), h.grad, w.grad))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b)


def test_no_positions():
    assert token_logprobs(torch.zeros(0, 3), torch.zeros(5, 3), torch.zeros(0, dtype=torch.long)).shape == (
        0,
    )


@pytest.mark.parametrize("side", ["left", "right"])
def test_completions_equal_the_models_own_logits_whatever_the_padding(side):
    model = tiny_model()
    rows = [[1, 40, 41, 42, 43, 2], [1, 50, 2]]
    ids, seen, wanted = torch.zeros(2, 8, dtype=torch.long), torch.zeros(2, 8), torch.zeros(2, 8)
    for i, row in enumerate(rows):
        start = 8 - len(row) if side == "left" else 0
        ids[i, start : start + len(row)] = torch.tensor(row)
        seen[i, start : start + len(row)] = 1
        wanted[i, start + len(row) - 2 : start + len(row)] = 1  # the last two tokens are the completion
    with torch.no_grad():
        ours = completion_logprobs(model, ids, seen, wanted, temperature=0.7)
        for i, row in enumerate(rows):
            logits = model(torch.tensor([row])).logits[0] / 0.7
            expected = torch.log_softmax(logits, -1)[range(len(row) - 3, len(row) - 1), row[-2:]]
            torch.testing.assert_close(ours[i][wanted[i].bool()], expected, atol=1e-5, rtol=0)
    assert (ours[wanted == 0] == 0).all()


def test_a_completion_needs_something_before_it():
    ids = torch.ones(1, 3, dtype=torch.long)
    with pytest.raises(ValueError, match="first of its row"):
        completion_logprobs(tiny_model(), ids, torch.ones(1, 3), torch.ones(1, 3))
