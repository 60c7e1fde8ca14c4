"""Decoders: a causal model with a cache, one token a step, rows dropped as they finish."""

from __future__ import annotations

from typing import Any, Protocol

import torch
import torch.nn.functional as F
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from transformers import LlamaForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM
from transformers.cache_utils import DynamicCache

READ_DIRECTLY = (LlamaForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM)


class Decoder(Protocol):
    """A model with a cache that the sampling loop can drive. B rows, P prompt columns, V vocabulary."""

    def prefill(self, ids: Tensor, mask: Tensor, room: int) -> Tensor:
        """Logits (B, V) after left-padded prompts ids (B, P) with mask (B, P); `room` more tokens may follow."""

    def select(self, rows: Tensor) -> None:
        """Keep these rows of the cache, repeated where `rows` repeats."""

    def step(self, tokens: Tensor) -> Tensor:
        """Logits (B, V) after one more token (B,) on each row."""


def decoder_for(model: nn.Module) -> Decoder:
    """The fastest decoder that knows this model: `LeanDecoder` for Llama, Qwen2 and Qwen3 with full attention."""
    inner = base_causal_model(model)
    if isinstance(inner, READ_DIRECTLY) and not _slides(inner.config) and _plain_rope(inner.config):
        return LeanDecoder(inner)
    return CacheDecoder(model)


def base_causal_model(model: nn.Module) -> Any:
    """The transformers model inside a PEFT wrapper, or the model itself; its linear layers keep their adapters."""
    inner = getattr(model, "get_base_model", None)
    return inner() if inner is not None else model


class LeanDecoder:
    """Llama, Qwen2 and Qwen3 from their own weights: stacked projections, static cache, few kernels.

    LoRA adapters that are active are added to the weights as they are read, so a decoder is made anew for each round
    of sampling and holds one more copy of the linear weights while it lives. Weights that are sharded over processes
    must be gathered first.
    """

    def __init__(self, model: nn.Module) -> None:
        inner: Any = model
        config = inner.config
        self.heads: int = config.num_attention_heads
        self.kv_heads: int = config.num_key_value_heads
        self.head_size: int = getattr(config, "head_dim", None) or config.hidden_size // self.heads
        self.eps: float = config.rms_norm_eps
        self.embedding: Tensor = inner.model.embed_tokens.weight
        self.layers = [_Layer(layer) for layer in inner.model.layers]
        self.norm: Tensor = inner.model.norm.weight
        self.head, self.head_bias = _effective(inner.lm_head)
        self.rotary: nn.Module = inner.model.rotary_emb
        self.length = 0

    def prefill(self, ids: Tensor, mask: Tensor, room: int) -> Tensor:
        """Fill a new cache; see `Decoder`."""
        (B, P), total = ids.shape, ids.shape[1] + room
        device, dtype = ids.device, self.embedding.dtype
        everywhere = torch.arange(total, device=device)[None]
        cos, sin = self.rotary(torch.empty(1, dtype=dtype, device=device), everywhere)  # (1, T, D)
        half = self.head_size // 2
        self.cos = cos[0]
        self.sin = torch.cat([-sin[0, :, :half], sin[0, :, half:]], -1)  # the sign of rotate_half, folded in
        shape = (B, self.kv_heads)
        # Keys lie transposed: a step's product with one query then reads memory in order.
        self.keys = [
            torch.empty(*shape, self.head_size, total, device=device, dtype=dtype) for _ in self.layers
        ]
        self.values = [
            torch.empty(*shape, total, self.head_size, device=device, dtype=dtype) for _ in self.layers
        ]
        self.position = mask.sum(1)  # (B,) where the next token stands
        padded = not bool(mask.all())
        self.bias = torch.zeros(B, 1, 1, total, device=device, dtype=dtype).masked_fill_(
            F.pad(mask == 0, (0, room))[:, None, None], -torch.inf
        ) if padded else None  # fmt: skip
        self.length = P
        positions = (mask.cumsum(1) - 1).clamp(min=0)  # left padding: the first real token stands at 0
        cos, sin = self.cos[positions][:, :, None], self.sin[positions][:, :, None]  # (B, P, 1, D)
        causal = torch.ones(P, P, dtype=torch.bool, device=device).tril()
        # A padding row sees itself, or its softmax would be 0 / 0.
        visible = (causal & mask[:, None].bool()) | torch.eye(P, dtype=torch.bool, device=device)
        x = F.embedding(ids, self.embedding)
        for i, layer in enumerate(self.layers):
            q, k, v = self._project(layer, x, cos, sin)  # (B, P, heads, D)
            q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
            self.keys[i][..., :P] = k.transpose(2, 3)
            self.values[i][:, :, :P] = v
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=visible[:, None], enable_gqa=True)
            x = self._finish(layer, x, mixed.transpose(1, 2).reshape(B, P, -1))
        return self._logits(x[:, -1])

    def select(self, rows: Tensor) -> None:
        """Keep or repeat rows; see `Decoder`."""
        self.keys = [keys.index_select(0, rows) for keys in self.keys]
        self.values = [values.index_select(0, rows) for values in self.values]
        self.position = self.position[rows]
        if self.bias is not None:
            self.bias = self.bias[rows]

    def step(self, tokens: Tensor) -> Tensor:
        """One more token a row; see `Decoder`."""
        B, at, seen = len(tokens), self.length, self.length + 1
        groups = self.heads // self.kv_heads
        cos, sin = self.cos[self.position][:, None], self.sin[self.position][:, None]  # (B, 1, D)
        x = F.embedding(tokens, self.embedding)  # (B, E)
        for layer, keys, values in zip(self.layers, self.keys, self.values, strict=True):
            q, k, v = self._project(layer, x, cos, sin)  # (B, heads, D)
            keys[..., at] = k
            values[:, :, at] = v
            q = q.view(B, self.kv_heads, groups, self.head_size) * self.head_size**-0.5
            scores = q @ keys[..., :seen]  # (B, kv heads, groups, T)
            if self.bias is not None:
                scores += self.bias[..., :seen]
            weights = scores.softmax(-1, dtype=torch.float32).to(values.dtype)
            x = self._finish(layer, x, (weights @ values[:, :, :seen]).view(B, -1))
        self.position = self.position + 1
        self.length = seen
        return self._logits(x)

    def _project(self, layer: _Layer, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (..., heads, D), rotated."""
        normed = F.rms_norm(x, x.shape[-1:], layer.input_norm, self.eps)
        both = F.linear(normed, layer.qkv, layer.qkv_bias).view(*x.shape[:-1], -1, self.head_size)
        q, k, v = torch.split(both, [self.heads, self.kv_heads, self.kv_heads], dim=-2)
        if layer.q_norm is not None:
            q = F.rms_norm(q, q.shape[-1:], layer.q_norm, self.eps)
            k = F.rms_norm(k, k.shape[-1:], layer.k_norm, self.eps)
            rotated = torch.cat([q, k], -2)
        else:
            rotated = both[..., : self.heads + self.kv_heads, :]
        rotated = rotated * cos + rotated.roll(self.head_size // 2, -1) * sin
        q, k = torch.split(rotated, [self.heads, self.kv_heads], dim=-2)
        return q, k, v

    def _finish(self, layer: _Layer, x: Tensor, mixed: Tensor) -> Tensor:
        """The rest of a layer after attention, residuals included."""
        x = x + F.linear(mixed, layer.out, layer.out_bias)
        normed = F.rms_norm(x, x.shape[-1:], layer.post_norm, self.eps)
        gate, up = F.linear(normed, layer.gate_up, layer.gate_up_bias).chunk(2, -1)
        return x + F.linear(F.silu(gate).mul_(up), layer.down, layer.down_bias)

    def _logits(self, x: Tensor) -> Tensor:
        return F.linear(F.rms_norm(x, x.shape[-1:], self.norm, self.eps), self.head, self.head_bias).float()


class _Layer:
    """One layer's weights, adapters added, projections of the same input stacked."""

    def __init__(self, layer: Any) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self.qkv, self.qkv_bias = _stacked(attention.q_proj, attention.k_proj, attention.v_proj)
        self.out, self.out_bias = _effective(attention.o_proj)
        self.gate_up, self.gate_up_bias = _stacked(mlp.gate_proj, mlp.up_proj)
        self.down, self.down_bias = _effective(mlp.down_proj)
        self.input_norm: Tensor = layer.input_layernorm.weight
        self.post_norm: Tensor = layer.post_attention_layernorm.weight
        self.q_norm: Tensor | None = (
            attention.q_norm.weight if hasattr(attention, "q_norm") else None
        )  # Qwen3
        self.k_norm: Tensor | None = attention.k_norm.weight if hasattr(attention, "k_norm") else None


def _effective(linear: Any) -> tuple[Tensor, Tensor | None]:
    """A linear layer's weight and bias with its active LoRA adapters added."""
    if not isinstance(linear, LoraLayer):
        return linear.weight, linear.bias
    base: Any = linear.get_base_layer()
    weight = base.weight
    if not linear.disable_adapters:
        for adapter in linear.active_adapters:
            if adapter in linear.lora_A and adapter not in linear.merged_adapters:
                weight = weight + linear.get_delta_weight(adapter).to(weight.dtype)
    return weight, base.bias


def _stacked(*linears: Any) -> tuple[Tensor, Tensor | None]:
    parts = [_effective(linear) for linear in linears]
    biases = [bias for _, bias in parts if bias is not None]
    assert len(biases) in (0, len(parts)), "projections of one input have biases all or none"
    return torch.cat([weight for weight, _ in parts]), torch.cat(biases) if biases else None


def _slides(config: Any) -> bool:
    return bool(getattr(config, "use_sliding_window", False)) and config.sliding_window is not None


def _plain_rope(config: Any) -> bool:
    """Dynamic and long rope change their frequencies with the length; the table made in prefill would be wrong."""
    kind = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    return kind in ("default", "linear", "llama3", "yarn")


class CacheDecoder:
    """Any causal model of transformers, through its own forward and cache."""

    def __init__(self, model: nn.Module) -> None:
        self.model: Any = model

    def prefill(self, ids: Tensor, mask: Tensor, room: int) -> Tensor:
        """Fill a new cache, which grows by itself; see `Decoder`."""
        del room
        self.cache = DynamicCache(config=base_causal_model(self.model).config)
        self.mask = mask
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        self.position = positions[:, -1:] + 1
        return self._forward(ids, positions)

    def select(self, rows: Tensor) -> None:
        """Keep or repeat rows; see `Decoder`."""
        self.cache.batch_select_indices(rows)
        self.mask, self.position = self.mask[rows], self.position[rows]

    def step(self, tokens: Tensor) -> Tensor:
        """One more token a row; see `Decoder`."""
        self.mask = F.pad(self.mask, (0, 1), value=1)
        logits = self._forward(tokens[:, None], self.position)
        self.position = self.position + 1
        return logits

    def _forward(self, ids: Tensor, positions: Tensor) -> Tensor:
        out = self.model(
            input_ids=ids,
            attention_mask=self.mask,
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: Tensor = out.logits[:, -1].float()
        return logits
