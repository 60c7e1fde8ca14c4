"""Losses: next-token cross-entropy straight from hidden states, without ever holding all logits."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

IGNORED = -100
"""The label of a position that no loss is taken at."""


def linear_cross_entropy(
    hidden: Tensor, weight: Tensor, labels: Tensor, *, z_loss: float = 0.0, chunk_size: int = 2048
) -> tuple[Tensor, Tensor]:
    """Summed loss and summed negative log-likelihood (nats) of `labels` under softmax(hidden @ weight.T).

    hidden (N, D), weight (V, D), labels (N,) with IGNORED where no loss is taken. Both results are fp32 scalars; only
    the first carries a gradient. It is  sum_n [ -log p(label_n) + z_loss * logsumexp(logits_n)^2 ]  (the z term is
    Chowdhery et al. 2022, PaLM, section 5). Divide by the number of labels of the whole optimiser step, over all
    micro-batches and ranks: dividing here would weight short batches more.

    The gradient is computed chunk by chunk on the way forward, so memory is chunk_size x V instead of N x V, and
    nothing is computed twice. It cannot be differentiated a second time.
    """
    if hidden.dim() != 2 or weight.dim() != 2 or labels.shape != hidden.shape[:1]:
        raise ValueError(
            f"expected hidden (N, D), weight (V, D), labels (N,); got {tuple(hidden.shape)}, "
            f"{tuple(weight.shape)}, {tuple(labels.shape)}"
        )
    apply: Callable[..., tuple[Tensor, Tensor]] = _LinearCrossEntropy.apply  # torch leaves it untyped
    return apply(hidden, weight, labels, z_loss, chunk_size)


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, labels: Tensor, z_loss: float, chunk_size: int
    ) -> tuple[Tensor, Tensor]:
        want_hidden, want_weight = ctx.needs_input_grad[0], ctx.needs_input_grad[1]
        matrix = weight.to(hidden.dtype)
        loss = torch.zeros((), dtype=torch.float32, device=hidden.device)
        nll = torch.zeros_like(loss)
        grad_hidden = torch.empty_like(hidden) if want_hidden else None
        # Summed in fp32: a bf16 sum over thousands of chunks loses the small ones.
        grad_weight = torch.zeros_like(weight, dtype=torch.float32) if want_weight else None
        for start in range(0, hidden.shape[0], chunk_size):
            rows = slice(start, start + chunk_size)
            logits = (hidden[rows] @ matrix.T).float()  # (n, V)
            kept = labels[rows] != IGNORED
            target = labels[rows].clamp(min=0).unsqueeze(1)  # (n, 1)
            log_z = torch.logsumexp(logits, dim=-1)  # (n,)
            losses = (log_z - logits.gather(1, target).squeeze(1)) * kept
            nll += losses.sum()
            loss += losses.sum() + z_loss * (log_z.square() * kept).sum()
            if grad_hidden is None and grad_weight is None:
                continue
            # d loss / d logits = softmax * (1 + 2 z log_z) - one_hot(label), and 0 where the label is ignored.
            grad = logits.sub_(log_z.unsqueeze(1)).exp_()
            if z_loss:
                grad *= (1.0 + 2.0 * z_loss * log_z).unsqueeze(1)
            grad.scatter_add_(1, target, torch.full_like(grad[:, :1], -1.0))
            grad = (grad * kept.unsqueeze(1)).to(hidden.dtype)
            if grad_hidden is not None:
                grad_hidden[rows] = grad @ matrix
            if grad_weight is not None:
                grad_weight += grad.T @ hidden[rows]
        ctx.save_for_backward(grad_hidden, None if grad_weight is None else grad_weight.to(weight.dtype))
        ctx.mark_non_differentiable(nll)
        return loss, nll

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad_hidden, grad_weight = ctx.saved_tensors
        scale = grads[0]
        return (
            None if grad_hidden is None else grad_hidden * scale,
            None if grad_weight is None else grad_weight * scale,
            None,
            None,
            None,
        )
