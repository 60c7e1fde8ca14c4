"""Tasks: a comparison as Label Studio shows it, blinded and shuffled."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.records import Comparison, Prompt
from workbench.seeds import numpy_generator

KEY = "accord"
"""The field of a task's data that holds our name for it."""
_SPEAKERS = {"system": "System", "user": "User", "assistant": "Assistant", "tool": "Tool"}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How a comparison is shown: what it takes to understand an annotation of it."""

    key: str
    order: tuple[int, ...]
    """`order[p]` is the completion at position p."""
    item_ids: tuple[str, ...]
    """The opaque id of the item at position p."""


def draw(comparison: Comparison, seed: int) -> Shown:
    """A new way to show the comparison: its order drawn from the seed, its names from the system's randomness."""
    order = numpy_generator(seed, "label studio", comparison.id).permutation(len(comparison.completions))
    key = secrets.token_hex(16)
    names = (hashlib.sha256(f"{key}\x1f{p}".encode()).hexdigest()[:12] for p in range(len(order)))
    return Shown(key=key, order=tuple(int(i) for i in order), item_ids=tuple(names))


def task_data(comparison: Comparison, shown: Shown, layout: str) -> dict[str, Any]:
    """The data of the task: prompt and completions as shown, and nothing that says who or what wrote them."""
    texts = [comparison.completions[i].text for i in shown.order]
    data: dict[str, Any] = {KEY: shown.key, "prompt": prompt_text(comparison.prompt)}
    if layout == "pairwise":
        return {**data, "left": texts[0], "right": texts[1]}
    items = [
        {"id": name, "title": chr(ord("A") + p) if p < 26 else f"{p + 1}", "body": text}
        for p, (name, text) in enumerate(zip(shown.item_ids, texts, strict=True))
    ]
    return {**data, "items": items}


def fits(comparison: Comparison, layout: str) -> bool:
    """Whether the comparison can be shown in this layout.

    Practice stays with us, since its feedback cannot be given there, and one completion alone has no rank.
    """
    count = len(comparison.completions)
    return comparison.kind != "qualification" and (count == 2 if layout == "pairwise" else count >= 2)


def prompt_text(prompt: Prompt) -> str:
    """The prompt as one text; of a conversation, each turn under its speaker."""
    if isinstance(prompt, str):
        return prompt
    if len(prompt) == 1 and prompt[0].role == "user":
        return prompt[0].content
    return "\n\n".join(f"{_SPEAKERS[message.role]}:\n{message.content}" for message in prompt)


def key_of(task: Mapping[str, Any]) -> str | None:
    """Our name for a task of Label Studio's, if it has one."""
    data = task.get("data")
    key = data.get(KEY) if isinstance(data, Mapping) else None
    return key if isinstance(key, str) else None
