"""Rollouts: sampled completions of one iteration, and the microbatches in which networks read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from workbench.modeling.generation import Generated, Sampling, generate


@dataclass(frozen=True)
class Rollout:
    """n completions with their prompts. W columns of prompt and completion together, T of completions alone."""

    ids: Tensor  # (n, W) prompt, completion, then padding: whatever looks only left needs no attention mask
    prompt_lengths: Tensor  # (n,)
    lengths: Tensor  # (n,) tokens of the completion, its eos counted
    finished: Tensor  # (n,) bool: ends with an eos
    mask: Tensor  # (n, T) bool: true on the completion's tokens
    sampler_log_probs: Tensor  # (n, T) 0 at padding

    def __len__(self) -> int:
        return len(self.lengths)

    def completions(self) -> list[list[int]]:
        """The tokens of each completion."""
        rows = zip(self.ids.tolist(), self.prompt_lengths.tolist(), self.lengths.tolist(), strict=True)
        return [row[start : start + length] for row, start, length in rows]


@dataclass(frozen=True)
class MicroBatch:
    """Rows of a rollout that are run together, cut to their own width w. N completion tokens in all, row by row."""

    rows: Tensor  # (b,)
    ids: Tensor  # (b, w)
    wanted: Tensor  # (b, w) bool: true where the next token is one of the completion
    mask: Tensor  # (b, T) bool

    def take(self, values: Tensor) -> Tensor:
        """The N entries of values (n, T) that belong to these rows' tokens."""
        return values[self.rows][self.mask]


def sample_rollout(
    policy: nn.Module,
    prompts: Sequence[Sequence[int]],
    *,
    sampling: Sampling,
    seeds: Sequence[int],
    eos_token_id: int,
    pad_token_id: int,
    batch_size: int,
) -> Rollout:
    """Draw one completion for each prompt; the tensors lie where the policy does."""
    drawn = generate(
        policy,
        prompts,
        sampling=sampling,
        seeds=seeds,
        eos_token_id=eos_token_id,
        pad_token_id=pad_token_id,
        batch_size=batch_size,
    )
    return rollout_of(prompts, drawn, pad_token_id, next(policy.parameters()).device)


def rollout_of(
    prompts: Sequence[Sequence[int]], drawn: Generated, pad_token_id: int, device: torch.device
) -> Rollout:
    """Prompts and what was drawn for them, joined into one right-padded tensor."""
    joined = [torch.tensor([*p, *c]) for p, c in zip(prompts, drawn.rows(), strict=True)]
    mask = torch.arange(drawn.tokens.shape[1]) < drawn.lengths[:, None]
    return Rollout(
        ids=pad_sequence(joined, batch_first=True, padding_value=pad_token_id).to(device),
        prompt_lengths=torch.tensor([len(prompt) for prompt in prompts]).to(device),
        lengths=drawn.lengths.to(device),
        finished=drawn.finished.to(device),
        mask=mask.to(device),
        sampler_log_probs=drawn.log_probs.to(device),
    )


def micro_batches(rollout: Rollout, rows: Tensor, max_tokens: int) -> Iterator[MicroBatch]:
    """The rows in microbatches of at most max_tokens, padding included, with rows of one length together.

    A row longer than max_tokens comes alone. Sums over tokens do not depend on the cut.
    """
    totals = (rollout.prompt_lengths + rollout.lengths)[rows]
    order = torch.argsort(totals, stable=True)
    rows, widths = rows[order], totals[order].tolist()
    start = 0
    for end in range(1, len(widths) + 1):
        # Widths rise, so the next row sets the width of the batch that would include it.
        if end == len(widths) or (end - start + 1) * widths[end] > max_tokens:
            yield _micro_batch(rollout, rows[start:end], widths[end - 1])
            start = end


def token_values(
    rollout: Rollout, max_tokens: int, compute: Callable[[MicroBatch], tuple[Tensor, ...]]
) -> list[Tensor]:
    """What `compute` returns for each microbatch, (N,) a tensor, gathered into (n, T) tensors; without gradients."""
    everything = torch.arange(len(rollout), device=rollout.ids.device)
    out: list[Tensor] = []
    with torch.no_grad():
        for micro in micro_batches(rollout, everything, max_tokens):
            parts = compute(micro)
            out = out or [torch.zeros(rollout.mask.shape, device=rollout.ids.device) for _ in parts]
            for whole, part in zip(out, parts, strict=True):
                whole[micro.rows] = torch.zeros(micro.mask.shape, device=part.device).masked_scatter(
                    micro.mask, part.float()
                )
    return out


def closed_by_eos(rollout: Rollout, eos_token_id: int) -> Rollout:
    """The rollout with an eos after each completion that was cut off for want of room."""
    open_ = ~rollout.finished
    ids = torch.nn.functional.pad(rollout.ids, (0, 1))
    ends = rollout.prompt_lengths + rollout.lengths
    ids[open_, ends[open_]] = eos_token_id
    lengths = rollout.lengths + open_
    columns = torch.arange(rollout.mask.shape[1] + 1, device=ids.device)
    return replace(rollout, ids=ids, lengths=lengths, mask=columns < lengths[:, None])


def distinct_2(completions: Sequence[Sequence[int]]) -> float:
    """Distinct over all bigrams of the completions' tokens; 0 where there is none."""
    bigrams = [pair for row in completions for pair in pairwise(row)]
    return len(set(bigrams)) / len(bigrams) if bigrams else 0.0


def _micro_batch(rollout: Rollout, rows: Tensor, width: int) -> MicroBatch:
    # The token at column c is predicted at column c - 1.
    start = rollout.prompt_lengths[rows, None] - 1
    columns = torch.arange(width, device=rows.device)
    wanted = (columns >= start) & (columns < start + rollout.lengths[rows, None])
    return MicroBatch(rows=rows, ids=rollout.ids[rows, :width], wanted=wanted, mask=rollout.mask[rows])
