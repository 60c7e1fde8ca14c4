"""Log-probabilities of given tokens, from hidden states in chunks, so that the full logits never exist.

The logits of a batch are B x T x V numbers: 13 GB in fp32 for 64k tokens and 50k words. Here a chunk of positions at a
time is turned into logits, reduced to one number a position, and dropped; the backward pass makes them again.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

CHUNK = 1024  # Positions a chunk: 200 MB of fp32 logits at 50k words.


def token_logprobs(
    hidden: Tensor, weight: Tensor, targets: Tensor, *, temperature: float = 1.0, chunk: int = CHUNK
) -> Tensor:
    """Log-probability of each target, (N,) in fp32, under softmax(hidden @ weight.T / temperature).

    `hidden` is (N, D), `weight` (V, D) and `targets` (N,). Two words with hidden [1] and weights [[0], [ln 3]] have
    the probabilities 1/4 and 3/4.
    """
    return _in_chunks(hidden, weight, targets, temperature, chunk, entropy=False)[0]


def token_logprobs_and_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, *, temperature: float = 1.0, chunk: int = CHUNK
) -> tuple[Tensor, Tensor]:
    """As `token_logprobs`, with the entropy of each position's distribution in nats, both (N,) in fp32.

    Gradients flow through both.
    """
    logprobs, entropies = _in_chunks(hidden, weight, targets, temperature, chunk, entropy=True)
    return logprobs, entropies


def completion_logprobs(
    model: nn.Module,
    input_ids: Tensor,
    attention_mask: Tensor,
    completion_mask: Tensor,
    *,
    temperature: float = 1.0,
    chunk: int = CHUNK,
) -> Tensor:
    """Log-probability of each completion token given all before it, (B, T) in fp32, 0 outside `completion_mask`.

    All inputs are (B, T); padding may stand on either side. Entry [b, t] is log p(input_ids[b, t] | tokens before),
    so a completion token must not be the first real token of its row.
    """
    if not input_ids.shape == attention_mask.shape == completion_mask.shape:
        raise ValueError(
            f"input_ids {tuple(input_ids.shape)}, attention_mask {tuple(attention_mask.shape)} and completion_mask "
            f"{tuple(completion_mask.shape)} must have one shape (B, T)"
        )
    wanted = completion_mask.bool()
    positions = (attention_mask.long().cumsum(dim=1) - 1).clamp(min=0)
    if bool((wanted & (positions == 0)).any()):
        raise ValueError(
            "a completion token is the first of its row: there is nothing before it that predicts it"
        )
    hidden = hidden_states(model, input_ids, attention_mask, positions)  # (B, T, D)
    predicting = hidden[:, :-1][wanted[:, 1:]]  # (N, D)
    values = token_logprobs(
        predicting, output_weight(model), input_ids[wanted], temperature=temperature, chunk=chunk
    )
    out = torch.zeros(input_ids.shape, dtype=torch.float32, device=values.device)
    return out.masked_scatter(wanted, values)


def hidden_states(
    model: nn.Module, input_ids: Tensor, attention_mask: Tensor | None, position_ids: Tensor | None
) -> Tensor:
    """The trunk's last hidden states, (B, T, D); the mask may be (B, T) or (B, 1, T, T)."""
    out = trunk(model)(
        input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids, use_cache=False
    )
    return cast(Tensor, out.last_hidden_state)


def trunk(model: nn.Module) -> nn.Module:
    """The model without its head, through LoRA and other wrappers; its layers stay the wrapped ones."""
    return cast(
        nn.Module, _bare(model).get_decoder() if hasattr(_bare(model), "get_decoder") else _bare(model)
    )


def output_weight(model: nn.Module) -> Tensor:
    """The (V, D) matrix that turns hidden states into logits."""
    return cast(Tensor, _bare(model).get_output_embeddings().weight)


def _bare(model: nn.Module) -> Any:
    """The transformers model inside a PEFT wrapper."""
    return model if isinstance(model, PreTrainedModel) else cast(Any, model).get_base_model()


def _in_chunks(
    hidden: Tensor, weight: Tensor, targets: Tensor, temperature: float, chunk: int, *, entropy: bool
) -> list[Tensor]:
    """The (N,) log-probabilities and, if asked for, the (N,) entropies."""
    if hidden.ndim != 2 or targets.shape != hidden.shape[:1] or weight.shape[1:] != hidden.shape[1:]:
        raise ValueError(
            f"hidden (N, D), weight (V, D), targets (N,) do not fit: {tuple(hidden.shape)}, {tuple(weight.shape)}, "
            f"{tuple(targets.shape)}"
        )
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    parts: list[tuple[Tensor, ...]] = []
    for h, t in zip(torch.split(hidden, chunk), torch.split(targets, chunk), strict=True):
        if hidden.shape[0] <= chunk or not torch.is_grad_enabled():
            parts.append(_chunk(h, weight, t, temperature, entropy))
        else:
            parts.append(
                checkpoint(
                    _chunk, h, weight, t, temperature, entropy, use_reentrant=False, preserve_rng_state=False
                )
            )
    return [torch.cat(column) for column in zip(*parts, strict=True)]


def _chunk(
    hidden: Tensor, weight: Tensor, targets: Tensor, temperature: float, entropy: bool
) -> tuple[Tensor, ...]:
    logits = torch.nn.functional.linear(hidden, weight).float() / temperature  # (N, V)
    logz = torch.logsumexp(logits, dim=-1)
    logprobs = logits.gather(1, targets[:, None])[:, 0] - logz
    if not entropy:
        return (logprobs,)
    # H = log Z - E[logit]
    return logprobs, logz - (torch.exp(logits - logz[:, None]) * logits).sum(-1)
