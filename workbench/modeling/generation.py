"""Sampling: completions of many prompts at once, the same whatever batch they ran in.

Each sequence draws from its own seed: one uniform number a token, turned into a token by inverting the cumulative
distribution. So a completion depends on its prompt, its seed and the settings, not on the other prompts, their
number or their order. What a batch can still change is the last bit of a logit (a matrix product may sum in another
order at another size); a token changes only if its draw falls into that bit, about once in a million tokens in
fp32. In bf16 that bit is 65,000 times wider, and batches do show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workbench.modeling.decoders import Decoder, base_causal_model, decoder_for

COMPACT_BELOW = 0.75
"""Finished rows leave the batch once fewer than this share of its rows still runs."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How tokens are drawn."""

    max_new_tokens: int = 80
    """Tokens a completion may have, its closing eos included."""
    temperature: float = 1.0
    """Logits are divided by this before the softmax; 0 takes the likeliest token."""
    top_k: int = 0
    """Draw among the k likeliest tokens only; 0 keeps all."""
    top_p: float = 1.0
    """Draw among the likeliest tokens that together reach this probability; 1 keeps all."""

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens must be at least 1, got {self.max_new_tokens}")
        if self.temperature < 0:
            raise ValueError(f"temperature must not be negative, got {self.temperature}")
        if self.top_k < 0:
            raise ValueError(f"top_k must not be negative, got {self.top_k} (0 keeps all tokens)")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must lie in (0, 1], got {self.top_p} (1 keeps all tokens)")


@dataclass(frozen=True)
class Generated:
    """Completions in the order of the prompts, right-padded with the pad token. B sequences, T time.

    `log_probs` are those of the drawn tokens under softmax(logits / temperature) over the whole vocabulary, before
    top_k and top_p (at temperature 0: under softmax(logits)), and 0 at padding.
    """

    tokens: Tensor  # (B, T) long
    log_probs: Tensor  # (B, T) float32
    lengths: Tensor  # (B,) long, the eos counted
    finished: Tensor  # (B,) bool: closed by an eos, not by max_new_tokens

    def rows(self) -> list[list[int]]:
        """The completions as lists of token ids, each with its eos where it has one."""
        return [row[:n] for row, n in zip(self.tokens.tolist(), self.lengths.tolist(), strict=True)]


@torch.inference_mode()
def generate(
    model: nn.Module,
    prompts: Sequence[Sequence[int]],
    *,
    sampling: Sampling,
    seeds: Sequence[int],
    eos_token_id: int,
    pad_token_id: int,
    batch_size: int = 256,
    on_token: Callable[[Tensor], None] | None = None,
) -> Generated:
    """One completion for each prompt (token ids), drawn with its own seed; repeat a prompt to get several.

    Equal prompts are encoded once. Batches are cut from the prompts in order of length, so that little is padding.
    `on_token` hears the tokens of each step (for streaming a single prompt). The model runs in evaluation mode, so
    without dropout, and is left in the mode it was in. The result lies on the CPU. Raises ValueError on an empty
    prompt and when a prompt and its completion do not fit the model's positions.
    """
    if len(seeds) != len(prompts):
        raise ValueError(f"one seed a prompt is needed, got {len(seeds)} seeds for {len(prompts)} prompts")
    check_room(model, prompts, sampling.max_new_tokens)
    device = next(model.parameters()).device
    width = sampling.max_new_tokens
    result = Generated(
        tokens=torch.full((len(prompts), width), pad_token_id),
        log_probs=torch.zeros(len(prompts), width),
        lengths=torch.zeros(len(prompts), dtype=torch.long),
        finished=torch.zeros(len(prompts), dtype=torch.bool),
    )
    was_training = model.training
    model.eval()
    decoder = decoder_for(model)
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        noise = torch.stack([_noise(seeds[i], width) for i in chosen]).to(device)
        logits = _prefill(decoder, [prompts[i] for i in chosen], pad_token_id, width, device)
        drawn = _decode(decoder, logits, noise, sampling, eos_token_id, pad_token_id, on_token)
        _place(result, torch.tensor(chosen), drawn)
    model.train(was_training)
    used = int(result.lengths.max()) if len(prompts) else 0
    return Generated(result.tokens[:, :used], result.log_probs[:, :used], result.lengths, result.finished)


def left_pad(rows: Sequence[Sequence[int]], pad_token_id: int) -> tuple[Tensor, Tensor]:
    """Token ids (B, P) padded on the left, and the mask (B, P) that is 1 on real tokens."""
    width = max(map(len, rows))
    ids = torch.tensor([[pad_token_id] * (width - len(row)) + list(row) for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    return ids, (torch.arange(width) >= width - lengths[:, None]).long()


def check_room(
    model: nn.Module,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    names: Sequence[str] | None = None,
) -> None:
    """Raise ValueError naming the longest prompt if it leaves no room for its completion, or one that is empty.

    `names` are the prompts' ids; without them they are numbered.
    """
    limit: int | None = getattr(base_causal_model(model).config, "max_position_embeddings", None)
    for i in sorted(range(len(prompts)), key=lambda i: -len(prompts[i])):
        name = f"prompt {i}" if names is None else f"prompt '{names[i]}'"
        tokens = len(prompts[i])
        if not tokens:
            raise ValueError(f"{name} has no tokens; a prompt needs at least one (a bos, say)")
        if limit is not None and tokens + max_new_tokens > limit:
            room = limit - tokens
            lower = (
                f" or lower max_new_tokens to {room}"
                if room > 0
                else ", or use a model with a longer context"
            )
            raise ValueError(
                f"{name} has {tokens} tokens and {max_new_tokens} more may follow, but the model has "
                f"{limit} positions; shorten the prompt{lower}"
            )


def draw(logits: Tensor, noise: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """Tokens (B,) drawn from logits (B, V) with one uniform number in (0, 1] each, and their log-probabilities."""
    if sampling.temperature == 0:
        tokens = logits.argmax(-1)
        return tokens, logits.log_softmax(-1).gather(1, tokens[:, None]).squeeze(1)
    log_probs = (logits / sampling.temperature).log_softmax(-1)
    cumulative = keep_likeliest(log_probs, sampling.top_k, sampling.top_p).exp().cumsum(-1)
    # The first token whose cumulative probability reaches the draw. A draw above 0 never meets a token of
    # probability 0; scaling by the sum absorbs both what was cut off and the rounding of the sum.
    tokens = torch.searchsorted(cumulative, noise[:, None] * cumulative[:, -1:])
    return tokens.squeeze(1), log_probs.gather(1, tokens).squeeze(1)


def keep_likeliest(log_probs: Tensor, top_k: int, top_p: float) -> Tensor:
    """Log-probabilities (B, V), -inf where top_k or top_p (after top_k, as in transformers) leaves a token out."""
    if 0 < top_k < log_probs.shape[-1]:
        weakest = log_probs.topk(top_k, dim=-1).values[:, -1:]
        log_probs = log_probs.masked_fill(log_probs < weakest, -torch.inf)
    if top_p < 1:
        ordered, index = log_probs.softmax(-1).sort(dim=-1, descending=True)
        before = ordered.cumsum(-1) - ordered  # probability of all likelier tokens
        cut = torch.zeros_like(before, dtype=torch.bool).scatter(1, index, before >= top_p)
        log_probs = log_probs.masked_fill(cut, -torch.inf)
    return log_probs


def _prefill(
    decoder: Decoder, prompts: Sequence[Sequence[int]], pad: int, room: int, device: torch.device
) -> Tensor:
    """Encode each distinct prompt once, then give every sequence its copy of the cache; logits (B, V)."""
    rows = {prompt: i for i, prompt in enumerate(dict.fromkeys(map(tuple, prompts)))}
    ids, mask = left_pad(list(rows), pad)
    logits = decoder.prefill(ids.to(device), mask.to(device), room)
    if len(rows) == len(prompts):
        return logits
    copies = torch.tensor([rows[tuple(prompt)] for prompt in prompts], device=device)
    decoder.select(copies)
    return logits[copies]


def _decode(
    decoder: Decoder,
    logits: Tensor,
    noise: Tensor,
    sampling: Sampling,
    eos: int,
    pad: int,
    on_token: Callable[[Tensor], None] | None,
) -> Generated:
    """Draw token after token, from the logits after the prompts, until each row has met its eos or the limit."""
    device, (B, width) = noise.device, noise.shape
    tokens = torch.full((B, width), pad, device=device)
    log_probs = torch.zeros(B, width, device=device)
    lengths = torch.zeros(B, dtype=torch.long, device=device)
    alive = torch.arange(B, device=device)  # the rows still in the decoder, in its order
    running = torch.ones(B, dtype=torch.bool, device=device)  # of those, the ones without an eos yet
    for t in range(width):
        drawn, drawn_log_probs = draw(logits, noise[:, t], sampling)
        tokens[alive, t] = torch.where(running, drawn, pad)
        log_probs[alive, t] = drawn_log_probs * running
        lengths[alive] += running
        if on_token is not None:
            on_token(drawn)
        running = running & (drawn != eos)
        left = int(running.sum())
        if left == 0 or t + 1 == width:
            break
        if left < COMPACT_BELOW * len(running):
            rows = running.nonzero().squeeze(1)
            decoder.select(rows)
            alive, noise, drawn, running = alive[rows], noise[rows], drawn[rows], running[rows]
        logits = decoder.step(drawn)
    last = tokens.gather(1, (lengths - 1)[:, None]).squeeze(1)
    return Generated(tokens, log_probs, lengths, last == eos)


def _place(result: Generated, rows: Tensor, drawn: Generated) -> None:
    result.tokens[rows] = drawn.tokens.cpu()
    result.log_probs[rows] = drawn.log_probs.cpu()
    result.lengths[rows] = drawn.lengths.cpu()
    result.finished[rows] = drawn.finished.cpu()


def _noise(seed: int, count: int) -> Tensor:
    """Uniform numbers in (0, 1], the same for a seed on every device."""
    generator = torch.Generator().manual_seed(seed % 2**63)
    return 1 - torch.rand(count, generator=generator)
