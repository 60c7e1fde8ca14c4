"""Prompts: an endless stream over a list, a fresh permutation each pass, any position of which is a formula."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from workbench.identity import messages_prompt
from workbench.records import Prompt, PromptRecord
from workbench.seeds import derive_seed


def place_at(position: int, count: int, seed: int, purpose: str) -> int:
    """Which of `count` rows stands at a position of the stream made for this purpose."""
    epoch, place = divmod(position, count)
    return int(_permutation(count, derive_seed(seed, purpose, "order", epoch))[place])


def prompt_of(row: Any) -> Prompt:
    """The prompt of a dataset's row: a PromptRecord, a mapping with a "prompt", a text or a list of messages."""
    if isinstance(row, PromptRecord):
        return row.prompt
    prompt = row["prompt"] if isinstance(row, Mapping) else row
    return prompt if isinstance(prompt, str) else messages_prompt(prompt)


@lru_cache(maxsize=4)
def _permutation(count: int, seed: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))
