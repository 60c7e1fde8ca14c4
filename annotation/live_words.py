"""Figures in words, as `static/rank/live.js` writes them too."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from annotation.ages import age

NONE = "–"


def in_words(value: Any, how: str) -> str:
    """A figure as the live page shows it."""
    return NONE if value is None else _WORDS[how](value)


def _share(share: Mapping[str, Any]) -> str:
    if share["value"] is None:
        return NONE
    ends = f"{_percent(share['low'])} to {_percent(share['high'])}"
    return f"{_percent(share['value'])} ({ends}, n={_number(share['n'])})"


def _number(value: float) -> str:
    return f"{int(value + 0.5):,}"


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _age(moment: str) -> str:
    return age(datetime.fromisoformat(moment))


_WORDS: Mapping[str, Callable[[Any], str]] = {
    "number": _number,
    "percent": _percent,
    "decimal": lambda value: f"{value:.2f}",
    "text": str,
    "share": _share,
    "age": _age,
}
