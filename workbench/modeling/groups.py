"""Grouped batches: one prompt and its K completions, each token encoded once.

Ranked completions share their prompt. Written out as pairs, K completions cost K(K-1) sequences, each with the prompt
in it; here a batch holds every prompt once and every completion once, end to end in one long row:

    tokens      p p p | q q q | a a | b b b | c c       p's completions are a and b, q's is c
    positions   0 1 2 | 0 1 2 | 3 4 | 3 4 5 | 3 4       each goes on from its prompt's end
    a sees p and a, b sees p and b, c sees q and c

All that is not attention treats tokens alone, so one row serves; attention (`grouped_attention`) runs block by block, a
block being prompts, or completions of similar length. Each completion comes out as if it stood alone after its prompt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedTokenizerBase
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from workbench.errors import CheckpointError, DataError
from workbench.modeling.attention import attend
from workbench.modeling.chat import encode_completion, encode_prompt
from workbench.modeling.logprobs import output_weight, token_logprobs, trunk
from workbench.records import Comparison

ATTENTION = "accord_grouped"
# A block takes completions down to this share of its longest; below, padding costs more than another call.
_BLOCK_SHARE = 0.85


@dataclass(frozen=True, slots=True)
class Group:
    """The tokens of one prompt and of its completions, each completion closed by eos."""

    id: str
    """The comparison it came from, for error messages."""
    prompt: tuple[int, ...]
    completions: tuple[tuple[int, ...], ...]

    @property
    def num_tokens(self) -> int:
        """Tokens it takes to encode it all once."""
        return len(self.prompt) + sum(map(len, self.completions))


@dataclass(frozen=True, slots=True)
class Block:
    """Completions of similar length: `count` rows of `length` tokens from `start` on in the batch's long row."""

    start: int
    count: int
    length: int
    prompt: Tensor
    """(count,) long: each one's prompt."""
    mask: Tensor
    """(count, 1, length, P + length) bool: which tokens of the prompt and of itself each token sees."""


@dataclass(frozen=True, slots=True)
class GroupedBatch:
    """G groups with N completions and M completion tokens in one row of S tokens, padding included."""

    input_ids: Tensor
    """(1, S) long: the prompts, G rows of P tokens end to end, then the blocks of completions; right-padded."""
    position_ids: Tensor
    """(1, S) long, restarting for each prompt and going on from it for each completion."""
    prompts: tuple[int, int]
    """G and P."""
    blocks: tuple[Block, ...]
    final: Tensor
    """(N,) long: where each completion's last token is."""
    token: Tensor
    """(M,) long: where each completion token is, completion by completion."""
    predictor: Tensor
    """(M,) long: where the token before it is: the prompt's last for a completion's first."""
    completion_of: Tensor
    """(M,) long: which of the N completions it belongs to."""
    sizes: tuple[int, ...]
    """K of each group; they sum to N. Completions are numbered group by group, in their given order."""

    def to(self, device: torch.device | str) -> "GroupedBatch":
        """The same batch on another device."""
        blocks = tuple(
            replace(block, prompt=block.prompt.to(device), mask=block.mask.to(device))
            for block in self.blocks
        )
        return replace(
            self,
            blocks=blocks,
            input_ids=self.input_ids.to(device),
            position_ids=self.position_ids.to(device),
            final=self.final.to(device),
            token=self.token.to(device),
            predictor=self.predictor.to(device),
            completion_of=self.completion_of.to(device),
        )


def encode_group(
    tokenizer: PreTrainedTokenizerBase, comparison: Comparison, max_length: int | None = None
) -> Group:
    """The tokens of a comparison. `max_length` bounds the prompt with its longest completion, as in a lone sequence.

    What is too long is a DataError that names the comparison and the counts; nothing is cut.
    """
    group = Group(
        comparison.id,
        tuple(encode_prompt(tokenizer, comparison.prompt)),
        tuple(tuple(encode_completion(tokenizer, c.text)) for c in comparison.completions),
    )
    longest = max(map(len, group.completions))
    if max_length is not None and len(group.prompt) + longest > max_length:
        raise DataError(
            f"comparison '{comparison.id}' has {len(group.prompt)} tokens of prompt and {longest} in its longest "
            f"completion, together {len(group.prompt) + longest}; the model's context is {max_length}. "
            "Use a model with a longer context, or leave the comparison out"
        )
    return group


def collate_groups(groups: Sequence[Group], pad_id: int) -> GroupedBatch:
    """Lay groups out as one batch; the order of the completions in `final` is the given one."""
    if not groups:
        raise ValueError("a batch needs at least one group")
    ids, positions = [], []
    width = max(len(group.prompt) for group in groups)
    for group in groups:
        pad = width - len(group.prompt)
        ids.append(np.array([*group.prompt, *[pad_id] * pad]))
        positions.append(np.arange(width))
    prompt_lengths = torch.tensor([len(group.prompt) for group in groups])
    flat = [(g, completion) for g, group in enumerate(groups) for completion in group.completions]
    where: list[Any] = [None] * len(flat)
    blocks = []
    start = len(groups) * width
    for chosen in _similar_lengths([len(completion) for _, completion in flat]):
        length = len(flat[chosen[0]][1])
        for row, n in enumerate(chosen):
            g, completion = flat[n]
            ids.append(np.array([*completion, *[pad_id] * (length - len(completion))]))
            positions.append(np.arange(length) + len(groups[g].prompt))
            where[n] = start + row * length + np.arange(len(completion))
        owners = torch.tensor([flat[n][0] for n in chosen])
        mask = _block_mask(prompt_lengths[owners], width, length)
        blocks.append(Block(start, len(chosen), length, owners, mask))
        start += len(chosen) * length
    ends_of_prompts = [g * width + len(groups[g].prompt) - 1 for g, _ in flat]
    predictor = [np.array([end, *w[:-1]]) for end, w in zip(ends_of_prompts, where, strict=True)]
    return GroupedBatch(
        input_ids=torch.from_numpy(np.concatenate(ids))[None],
        position_ids=torch.from_numpy(np.concatenate(positions))[None],
        prompts=(len(groups), width),
        blocks=tuple(blocks),
        final=torch.tensor([int(w[-1]) for w in where]),
        token=torch.from_numpy(np.concatenate(where)),
        predictor=torch.from_numpy(np.concatenate(predictor)),
        completion_of=torch.from_numpy(np.repeat(np.arange(len(flat)), [len(w) for w in where])),
        sizes=tuple(len(group.completions) for group in groups),
    )


def use_grouped_attention(model: Any) -> None:
    """Let a transformers model (or a PEFT wrapper around one) take grouped batches; others run as under sdpa.

    CheckpointError for models whose attention is not plain causal attention over all tokens.
    """
    bare = model if hasattr(model, "set_attn_implementation") else model.get_base_model()
    config = bare.config
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"} or getattr(config, "attn_logit_softcapping", None):
        raise CheckpointError(
            f"a {config.model_type} model with attention {', '.join(sorted(kinds))} cannot take grouped batches; "
            "use one with plain full attention (Llama, Qwen3, Mistral without a window)"
        )
    bare.set_attn_implementation(ATTENTION)


def final_hidden(model: nn.Module, batch: GroupedBatch) -> Tensor:
    """The trunk's last hidden state at each completion's final token, (N, D)."""
    return _hidden(model, batch)[batch.final]


def group_logprobs(model: nn.Module, batch: GroupedBatch, *, temperature: float = 1.0) -> Tensor:
    """Log-probability of each completion token given the prompt and the tokens before it, (M,) in fp32."""
    hidden = _hidden(model, batch)[batch.predictor]  # (M, D)
    targets = batch.input_ids[0, batch.token]
    bare = model.module if isinstance(model, DistributedDataParallel) else model
    return token_logprobs(hidden, output_weight(bare), targets, temperature=temperature)


def sum_by_completion(values: Tensor, batch: GroupedBatch) -> Tensor:
    """Sums of per-token values (M,) over each completion, (N,)."""
    return torch.zeros(len(batch.final), dtype=values.dtype, device=values.device).index_add(
        0, batch.completion_of, values
    )


def grouped_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    grouped: GroupedBatch | None = None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention of a grouped batch: query (1, H, S, d), key and value (1, H_kv, S, d); returns (1, S, H, d).

    Called without a batch (scoring an ordinary padded batch, generation) it is transformers' own sdpa.
    """
    if grouped is None:
        return cast(
            tuple[Tensor, None],
            sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs),
        )
    shapes = [grouped.prompts, *((block.count, block.length) for block in grouped.blocks)]
    (q, *own_q), (k, *own_k), (v, *own_v) = (_split_rows(x, shapes) for x in (query, key, value))
    # Right padding: under a causal mask no real token sees it.
    outs = [attend(q, k, v, causal=True, scale=scaling)]
    for i, block in enumerate(grouped.blocks):
        keys = torch.cat([k[block.prompt], own_k[i]], dim=2)  # (count, H_kv, P + length, d)
        values = torch.cat([v[block.prompt], own_v[i]], dim=2)
        outs.append(attend(own_q[i], keys, values, block.mask, scale=scaling))
    return torch.cat([out.transpose(1, 2).flatten(0, 1) for out in outs])[None], None


# Registered by name, because a transformers model finds its attention by the name in its config.
AttentionInterface.register(ATTENTION, grouped_attention)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)


def _hidden(model: nn.Module, batch: GroupedBatch) -> Tensor:
    """The trunk's last hidden states, (S, D)."""
    inputs: dict[str, Any] = {
        "input_ids": batch.input_ids,
        # Four dimensions: transformers hands it on as it is instead of building a mask of S x S.
        "attention_mask": torch.ones(1, 1, 1, 1, dtype=torch.bool, device=batch.input_ids.device),
        "position_ids": batch.position_ids,
        "use_cache": False,
        "grouped": batch,
    }
    if isinstance(model, DistributedDataParallel):
        # Its forward must run, or gradients are not averaged: so the hidden states come out beside the logits, of
        # which a language model makes those of one position.
        keep = {"logits_to_keep": 1} if model.module.get_output_embeddings() is not None else {}
        return cast(Tensor, model(**inputs, **keep, output_hidden_states=True).hidden_states[-1][0])
    return cast(Tensor, trunk(model)(**inputs).last_hidden_state[0])


def _split_rows(x: Tensor, shapes: Sequence[tuple[int, int]]) -> list[Tensor]:
    """(1, H, S, d) -> for each (count, length) a (count, H, length, d), without a copy."""
    # One split, not many slices: the gradient of each slice would be a zero tensor of the full size.
    parts = torch.split(x[0], [count * length for count, length in shapes], dim=1)  # (H, count * length, d)
    return [
        part.reshape(part.shape[0], count, length, part.shape[2]).transpose(0, 1)
        for part, (count, length) in zip(parts, shapes, strict=True)
    ]


def _similar_lengths(lengths: Sequence[int]) -> list[list[int]]:
    """Indices of sequences, longest first, in blocks of similar length."""
    blocks: list[list[int]] = []
    for n in sorted(range(len(lengths)), key=lambda n: -lengths[n]):
        if not blocks or lengths[n] < _BLOCK_SHARE * lengths[blocks[-1][0]]:
            blocks.append([])
        blocks[-1].append(n)
    return blocks


def _block_mask(prompt_lengths: Tensor, width: int, length: int) -> Tensor:
    """(count, 1, length, width + length) bool."""
    count = len(prompt_lengths)
    prompt = (torch.arange(width) < prompt_lengths[:, None])[:, None, None].expand(count, 1, length, width)
    own = torch.ones(length, length, dtype=torch.bool).tril().expand(count, 1, length, length)
    return torch.cat([prompt, own], dim=-1)
