"""Figures in words, as `static/rank/live.js` writes them too."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from annotation.ages import age
from annotation.language import Translate

NONE = "–"


def in_words(value: Any, how: str, t: Translate) -> str:
    """A figure as the live page shows it."""
    return NONE if value is None else _WORDS[how](value, t)


def _share(share: Mapping[str, Any], t: Translate) -> str:
    if share["value"] is None:
        return NONE
    low, high = _percent(share["low"], t), _percent(share["high"], t)
    span = t("live.span", low=low, high=high)
    return f"{_percent(share['value'], t)} ({span}, n={_number(share['n'], t)})"


def _number(value: float, t: Translate) -> str:
    return f"{int(value + 0.5):,}"


def _percent(value: float, t: Translate) -> str:
    return f"{100 * value:.0f} %"


_WORDS: Mapping[str, Callable[[Any, Translate], str]] = {
    "number": _number,
    "percent": _percent,
    "decimal": lambda value, t: f"{value:.2f}",
    "text": lambda value, t: str(value),
    "status": lambda value, t: t(f"status.{value}"),
    "share": _share,
    "age": lambda value, t: age(datetime.fromisoformat(value), t),
}
