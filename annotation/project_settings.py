"""A project's settings: its form, the rules it gives tasks by, its hours and pay, read from what the database holds."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, TypeVar

from annotation.forms import Criterion, Flag, Form, Question, RuleCheck, SkipReason, check_choice
from annotation.hours import Hours, read_hours
from storage.assignment import Qualification, Rules
from storage.policies import Policy, read_policy
from workbench.errors import ConfigError, quoted

T = TypeVar("T")

STATUSES = ("open", "paused", "closed")


@dataclass(frozen=True, kw_only=True)
class Pay:
    """What work is paid: by the hour or by the ranking."""

    currency: str
    per_hour: float | None = None
    per_ranking: float | None = None

    def __post_init__(self) -> None:
        if (self.per_hour is None) == (self.per_ranking is None):
            raise ConfigError("pay needs either per_hour or per_ranking")
        for name in ("per_hour", "per_ranking"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1e6:
                raise ConfigError(f"pay.{name} must be a number from 0, got {value!r}")


@dataclass(frozen=True, kw_only=True)
class ProjectSettings:
    """All settings of a project; each has a default, so an empty object is a project that works."""

    form: Form = field(default_factory=Form)
    policy: Policy = field(default_factory=Policy)
    rules: Rules = field(default_factory=Rules)
    hours: Hours | None = None
    pay: Pay | None = None
    content_warning: str | None = None
    review_threshold: float = 0.5
    """Disagreement, from 0 to 1, above which a comparison goes to a reviewer."""
    status: str = "open"


def read_settings(settings: Mapping[str, Any]) -> ProjectSettings:
    """A project's settings; ConfigError naming the key where something is unknown or out of range."""
    return _read_cached(json.dumps(settings, sort_keys=True, ensure_ascii=False))


@lru_cache(maxsize=256)
def _read_cached(text: str) -> ProjectSettings:
    given: dict[str, Any] = json.loads(text)
    form_keys = {each.name for each in fields(Form)}
    unknown = sorted(set(given) - form_keys - set(_READERS))
    if unknown:
        known = ", ".join(sorted(form_keys | set(_READERS)))
        raise ConfigError(f"unknown project setting '{unknown[0]}'; the settings are {known}")
    form = Form(**{name: _form_value(name, value) for name, value in given.items() if name in form_keys})
    values = {name: read(given[name]) for name, read in _READERS.items() if name in given}
    rules = Rules(**{name: values.pop(name) for name in _RULES if name in values})
    if rules.gold_share + rules.repeat_share > 0.5:
        raise ConfigError(
            f"gold_share and repeat_share together must be at most 0.5, got {rules.gold_share + rules.repeat_share:g}"
        )
    return ProjectSettings(form=form, rules=rules, **values)


_PARTS: dict[str, type[Any]] = {
    "criteria": Criterion,
    "flags": Flag,
    "questions": Question,
    "rules": RuleCheck,
    "skip_reasons": SkipReason,
}


def _form_value(name: str, value: Any) -> Any:
    if name in _PARTS:
        return _entries(name, value, _PARTS[name])
    if name == "strength" and not isinstance(value, bool):
        raise ConfigError(f"strength must be true or false, got {value!r}")
    return value


def _entries(name: str, value: Any, cls: type[T]) -> tuple[T, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ConfigError(f"{name} must be a list, got {quoted(value)}")
    return tuple(
        _build(f"{name}[{i}]", {"name": entry} if isinstance(entry, str) else entry, cls)
        for i, entry in enumerate(value)
    )


def _build(place: str, value: Any, cls: type[T]) -> T:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{place} must be an object, got {quoted(value)}")
    types = {each.name: each.type for each in fields(cls)}  # type: ignore[arg-type] # always one of our dataclasses
    for key, entry in value.items():
        if key not in types:
            raise ConfigError(f"{place}.{key} is unknown; there are {', '.join(types)}")
        expected = (
            _JSON_TYPES[str(types[key])]
            if str(types[key]) in _JSON_TYPES
            else _JSON_TYPES[_name_of(types[key])]
        )
        if not isinstance(entry, expected) or (isinstance(entry, bool) and expected is not bool):
            raise ConfigError(f"{place}.{key} has the wrong type: {quoted(entry)}")
    values = {key: tuple(entry) if isinstance(entry, list) else entry for key, entry in value.items()}
    try:
        return cls(**values)
    except TypeError as error:
        missing = [name for name in types if name not in values and f"'{name}'" in str(error)]
        raise ConfigError(f"{place} needs {', '.join(missing)}") from error


_JSON_TYPES: dict[str, Any] = {
    "str": str,
    "int": int,
    "bool": bool,
    "float": int | float,
    "float | None": int | float | None,
    "tuple[str, ...]": list,
}


def _name_of(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind)


def _number(name: str, low: float, high: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise ConfigError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}")
        return float(value)

    return read


def _read_qualification(value: Any) -> Qualification | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or set(value) - {"comparisons", "pass"}:
        raise ConfigError(
            f'qualification must be {{"comparisons": n, "pass": 0.7}} or null, got {quoted(value)}'
        )
    comparisons = value.get("comparisons", 10)
    if not isinstance(comparisons, int) or isinstance(comparisons, bool) or not 1 <= comparisons <= 1000:
        raise ConfigError(f"qualification.comparisons must be 1 to 1000, got {comparisons!r}")
    threshold = _number("qualification.pass", 0, 1)(value.get("pass", 0.7))
    return Qualification(comparisons=comparisons, threshold=threshold)


def _read_warning(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"content_warning must be a text or null, got {quoted(value)}")
    return value or None


def _read_status(value: Any) -> str:
    check_choice("status", value, STATUSES)
    return str(value)


def _read_pay(value: Any) -> Pay | None:
    return None if value is None else _build("pay", value, Pay)


_RULES = ("lease_seconds", "gold_share", "repeat_share", "qualification")
_READERS: dict[str, Callable[[Any], Any]] = {
    "policy": read_policy,
    "lease_seconds": _number("lease_seconds", 1, 86400),
    "gold_share": _number("gold_share", 0, 0.5),
    "repeat_share": _number("repeat_share", 0, 0.5),
    "qualification": _read_qualification,
    "hours": read_hours,
    "pay": _read_pay,
    "content_warning": _read_warning,
    "review_threshold": _number("review_threshold", 0, 1),
    "status": _read_status,
}
