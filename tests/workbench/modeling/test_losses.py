"""Chunked cross-entropy: the same numbers and gradients as the plain one, by autograd and by hand."""

import math

import pytest
import torch
from torch.nn import functional as F

from workbench.modeling.losses import IGNORED, linear_cross_entropy


def plain(hidden, weight, labels, z_loss):
    logits = (hidden @ weight.T).float()
    kept = labels != IGNORED
    nll = F.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum")
    return nll + z_loss * (torch.logsumexp(logits, -1).square() * kept).sum(), nll


@pytest.mark.parametrize("z_loss", [0.0, 1e-2])
@pytest.mark.parametrize("chunk_size", [1, 7, 64])
def test_equals_the_plain_loss_and_its_gradients(z_loss, chunk_size):
    torch.manual_seed(0)
    hidden = torch.randn(20, 8, requires_grad=True)
    weight = torch.randn(11, 8, requires_grad=True)
    labels = torch.randint(0, 11, (20,))
    labels[[0, 5, 6, 19]] = IGNORED
    loss, nll = linear_cross_entropy(hidden, weight, labels, z_loss=z_loss, chunk_size=chunk_size)
    want, want_nll = plain(hidden, weight, labels, z_loss)
    torch.testing.assert_close(loss, want)
    torch.testing.assert_close(nll, want_nll)
    assert not nll.requires_grad
    got = torch.autograd.grad(3 * loss, [hidden, weight])
    for ours, theirs in zip(got, torch.autograd.grad(3 * want, [hidden, weight]), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_by_hand():
    """Hidden [1] and weights [[0], [ln 3]]: probabilities 1/4 and 3/4, so label 0 costs ln 4 and log Z is ln 4."""
    hidden, weight = torch.tensor([[1.0], [1.0]]), torch.tensor([[0.0], [math.log(3)]])
    loss, nll = linear_cross_entropy(hidden, weight, torch.tensor([0, IGNORED]), z_loss=0.5)
    assert nll.item() == pytest.approx(math.log(4))
    assert loss.item() == pytest.approx(math.log(4) + 0.5 * math.log(4) ** 2)


def test_frozen_weights_get_no_gradient_and_bf16_works():
    hidden = torch.randn(4, 8, requires_grad=True)
    weight = torch.randn(11, 8)
    linear_cross_entropy(hidden, weight, torch.tensor([1, 2, 3, 4]))[0].backward()
    assert hidden.grad is not None and weight.grad is None
    low = hidden.detach().bfloat16().requires_grad_()
    loss, _ = linear_cross_entropy(low, weight, torch.tensor([1, 2, 3, 4]))
    loss.backward()
    assert loss.dtype == torch.float32 and low.grad.dtype == torch.bfloat16
    assert loss.item() == pytest.approx(
        plain(hidden, weight, torch.tensor([1, 2, 3, 4]), 0)[0].item(), rel=0.02
    )


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"hidden \(N, D\)"):
        linear_cross_entropy(torch.zeros(2, 3, 4), torch.zeros(5, 4), torch.zeros(2))
