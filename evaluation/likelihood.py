"""Likelihood: the KL of a policy from its start, and perplexity under the base model."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.modeling.logprobs import completion_logprobs, hidden_states, output_weight

Floats = NDArray[np.float64]
Row = tuple[Sequence[int], Sequence[int]]
"""Tokens of a prompt and of its completion."""


@torch.inference_mode()
def sequence_kls(
    policy: nn.Module,
    start: nn.Module,
    rows: Sequence[Row],
    *,
    temperature: float,
    pad_token_id: int,
    batch_size: int = 64,
) -> Floats:
    """KL(policy || start) of each sampled completion, in nats a completion: (N,).

    The completions must be the policy's own samples at this temperature. At every position the whole distribution is
    compared, sum_v p log(p / q), and the positions are added up. Its mean is the KL between the distributions over
    completions, as is that of the usual log p(sample) - log q(sample), at much less variance.
    """
    found = np.zeros(len(rows))
    device = next(policy.parameters()).device
    for numbers, ids, mask, completion in _batches(rows, pad_token_id, batch_size, device):
        keep = completion[:, 1:].bool()
        logs = [
            _log_probabilities(model, ids, mask, keep, temperature) for model in (policy, start)
        ]  # (N, V) each
        kl = (logs[0].exp() * (logs[0] - logs[1])).sum(-1)  # (N,)
        totals = torch.zeros(keep.shape, device=device).masked_scatter(keep, kl).sum(-1)
        found[numbers] = totals.double().cpu().numpy()
    return found


@torch.inference_mode()
def negative_log_likelihoods(
    model: nn.Module, rows: Sequence[Row], *, pad_token_id: int, batch_size: int = 64
) -> Floats:
    """-log p of each completion given its prompt, in nats: (N,). The prompt needs a token (a bos at least)."""
    found = np.zeros(len(rows))
    device = next(model.parameters()).device
    for numbers, ids, mask, completion in _batches(rows, pad_token_id, batch_size, device):
        found[numbers] = -completion_logprobs(model, ids, mask, completion).sum(-1).double().cpu().numpy()
    return found


def _log_probabilities(
    model: nn.Module, ids: Tensor, mask: Tensor, keep: Tensor, temperature: float
) -> Tensor:
    hidden = hidden_states(model, ids, mask, None)[:, :-1][keep]  # (N, D)
    return torch.log_softmax(nn.functional.linear(hidden, output_weight(model)).float() / temperature, dim=-1)


def _batches(
    rows: Sequence[Row], pad_token_id: int, batch_size: int, device: torch.device
) -> "list[tuple[list[int], Tensor, Tensor, Tensor]]":
    """Row numbers with ids, mask and completion mask, all (B, T), padded on the right; rows of like length together."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]) + len(rows[i][1]))
    batches = []
    for begin in range(0, len(order), batch_size):
        numbers = order[begin : begin + batch_size]
        width = max(len(rows[i][0]) + len(rows[i][1]) for i in numbers)
        ids = torch.full((len(numbers), width), pad_token_id)
        mask, completion = torch.zeros_like(ids), torch.zeros_like(ids)
        for b, i in enumerate(numbers):
            prompt, answer = rows[i]
            end = len(prompt) + len(answer)
            ids[b, :end] = torch.tensor([*prompt, *answer])
            mask[b, :end] = 1
            completion[b, len(prompt) : end] = 1
        batches.append((numbers, ids.to(device), mask.to(device), completion.to(device)))
    return batches
