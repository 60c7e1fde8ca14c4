"""Reward heads: one linear output each on the trunk's last hidden state, several for an ensemble."""

import math
from typing import Any, cast

import torch
from torch import Tensor, nn

from workbench.seeds import derive_seed


def init_heads(model: Any, seed: int) -> None:
    """Draw the weights of a sequence classifier's heads from N(0, 1 / (d + 1)), each head from a seed of its own.

    A standard deviation of 1 / sqrt(d + 1) for d inputs (Stiennon et al. 2020, section B; N+ detail 11) gives first
    scores of about unit size or less.
    """
    weight = head_weight(model)
    for number, row in enumerate(weight.data):
        generator = torch.Generator().manual_seed(derive_seed(seed, "head", number))
        row.copy_(torch.randn(row.shape, generator=generator) / math.sqrt(weight.shape[1] + 1))


def score_hidden(model: Any, hidden: Tensor) -> Tensor:
    """Scores (N, H) in fp32 of hidden states (N, D)."""
    return cast(Tensor, _head(model)(hidden)).float()


def head_weight(model: Any) -> Tensor:
    """The (H, D) weights of the heads that are in use."""
    head = _head(model)
    # PEFT keeps the original beside the trained copy.
    active = head.modules_to_save["default"] if hasattr(head, "modules_to_save") else head
    return cast(Tensor, active.weight)


def _head(model: Any) -> Any:
    inner = model.module if isinstance(model, nn.parallel.DistributedDataParallel) else model
    bare = inner.get_base_model() if hasattr(inner, "get_base_model") else inner
    if not hasattr(bare, "score"):
        raise ValueError(f"{type(bare).__name__} has no head named 'score', so it is no reward model")
    return bare.score
