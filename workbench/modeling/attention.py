"""Attention: one causal function for Hugging Face models that never builds a mask when none is needed.

The stock path of transformers builds a (B, 1, T, T) mask whenever its model is traced by torch.compile, and then SDPA
leaves its flash kernel and its grouped-query path. A function whose name has no mask builder gets no mask at all.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, PreTrainedModel

NAME = "accord_causal"
PLAIN = ("llama", "qwen2", "qwen3")
"""Model types whose attention is softmax(Q K / sqrt(d)) V with a causal mask, but for sliding layers."""


def use_causal_attention(model: PreTrainedModel) -> bool:
    """Switch the model to `causal_attention` if its layers all attend to everything before; says whether it did.

    Weights and saved config do not change. From then on 2-D attention masks are ignored: pad on the right only, and
    read no output at a pad. Prepared 4-D masks are obeyed. Models that are not known to be plain stay as they are:
    others have sliding windows, soft caps or sinks.
    """
    layers = set(getattr(model.config, "layer_types", None) or ())
    if model.config.model_type not in PLAIN or layers - {"full_attention"}:
        return False
    AttentionInterface.register(NAME, causal_attention)
    model.set_attn_implementation(NAME)
    return True


def causal_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Causal scaled dot-product attention: query (B, H, Tq, D), key and value (B, G, Tk, D) -> (B, Tq, H, D).

    H is a multiple of G (grouped queries). With Tq < Tk (a cache) query i stands at position Tk - Tq + i. A 4-D
    `attention_mask` (bool, or added to the scores) replaces the causal rule.
    """
    queries, keys = query.shape[2], key.shape[2]
    if attention_mask is None and queries not in (1, keys):
        attention_mask = torch.ones(queries, keys, dtype=torch.bool, device=query.device).tril(keys - queries)
    causal = attention_mask is None and queries > 1
    attended = attend(query, key, value, attention_mask, causal=causal, dropout=dropout, scale=scaling)
    return attended.transpose(1, 2).contiguous(), None


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    *,
    causal: bool = False,
    dropout: float = 0.0,
    scale: float | None = None,
) -> Tensor:
    """Scaled dot-product attention, grouped queries included: (B, H, Tq, D) and (B, G, Tk, D) -> (B, H, Tq, D).

    On a CPU bf16 is computed in fp32: torch's bf16 kernel took three times as long there, forward and backward.
    """
    settings: dict[str, Any] = {
        "is_causal": causal,
        "dropout_p": dropout,
        "scale": scale,
        "enable_gqa": query.shape[1] != key.shape[1],
    }
    lowered = torch.bfloat16 in (query.dtype, key.dtype, value.dtype) or torch.is_autocast_enabled("cpu")
    if query.device.type != "cpu" or not lowered:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, **settings)
    if mask is not None and mask.dtype != torch.bool:
        mask = mask.float()
    with torch.autocast("cpu", enabled=False):
        attended = F.scaled_dot_product_attention(
            query.float(), key.float(), value.float(), attn_mask=mask, **settings
        )
    return attended.to(value.dtype)
