"""Overlap policies: how many votes a comparison should get, before and after its votes are known."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from workbench.errors import ConfigError
from workbench.seeds import numpy_generator

KINDS = ("queue", "overlap", "share", "uncertain")
MOST_VOTES = 50
_KEYS = {
    "queue": frozenset(),
    "overlap": frozenset({"overlap"}),
    "share": frozenset({"overlap", "share"}),
    "uncertain": frozenset({"threshold", "most"}),
}


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How many votes each ordinary comparison should get."""

    kind: str = "queue"
    """queue: one each; overlap: several each; share: several for some; uncertain: more where votes leave doubt."""
    overlap: int = 3
    """Votes of each comparison (overlap), or of the chosen ones (share)."""
    share: float = 0.15
    """Part of the comparisons that is chosen for overlap, by a hash of the project's salt and the comparison's id."""
    threshold: float = 0.9
    """A comparison gets another vote while the probability of its likeliest winner is below this (uncertain)."""
    most: int = 5
    """Votes after which it gets no more (uncertain)."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"policy.kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        for name in ("overlap", "most"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_VOTES:
                raise ConfigError(
                    f"policy.{name} must be a whole number from 1 to {MOST_VOTES}, got {value!r}"
                )
        for name in ("share", "threshold"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1:
                raise ConfigError(f"policy.{name} must be a number between 0 and 1, got {value!r}")

    def to_json(self) -> dict[str, Any]:
        """The policy with the settings that its kind uses."""
        values = asdict(self)
        return {"kind": self.kind} | {name: values[name] for name in sorted(_KEYS[self.kind])}

    def first_target(self, salt: str, record_id: str, num_completions: int) -> int:
        """Votes wanted for a comparison that has none yet; 0 where there is nothing to rank."""
        if num_completions < 2:
            return 0
        if self.kind == "overlap":
            return self.overlap
        if self.kind == "share":
            chosen = numpy_generator(0, "overlap", salt, record_id).random() < self.share
            return self.overlap if chosen else 1
        return 1


def read_policy(value: Any) -> Policy:
    """A policy from settings: a kind, or {"kind": "share", "overlap": 3, "share": 0.15}; ConfigError naming the key."""
    if isinstance(value, str):
        return Policy(kind=value)
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"policy must be one of {', '.join(KINDS)}, or an object with a kind, got {value!r}"
        )
    kind = value.get("kind", "queue")
    for key in value:
        if key != "kind" and key not in _KEYS.get(kind, frozenset()):
            allowed = ", ".join(sorted(_KEYS.get(kind, ()))) or "no settings"
            raise ConfigError(f"policy.{key} is unknown: the policy '{kind}' takes {allowed}")
    return Policy(**value)
