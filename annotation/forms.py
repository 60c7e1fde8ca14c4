"""Forms: what the ranking page asks of annotators."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workbench.errors import ConfigError

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
NOTES = ("off", "optional", "required")
DEMONSTRATIONS = ("off", "edit", "write")
QUESTION_KINDS = ("likert", "choice", "text")


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One way in which completions are ranked."""

    name: str
    label: str = ""
    instruction: str = ""


@dataclass(frozen=True, kw_only=True)
class Flag:
    """A mark that an annotator can put on a completion."""

    name: str
    label: str = ""
    key: str = ""
    """The key that sets it; empty: its place in the list."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question about each completion."""

    name: str
    label: str = ""
    kind: str = "likert"
    low: int = 1
    high: int = 7
    low_label: str = ""
    high_label: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False

    def __post_init__(self) -> None:
        if self.kind not in QUESTION_KINDS:
            raise ConfigError(
                f"questions.{self.name}.kind must be one of {', '.join(QUESTION_KINDS)}, got {self.kind!r}"
            )
        if not 0 <= self.low < self.high <= 100:
            raise ConfigError(
                f"questions.{self.name}: low and high must be 0 to 100 and low below high, "
                f"got {self.low} and {self.high}"
            )
        if self.kind == "choice" and len(self.choices) < 2:
            raise ConfigError(f"questions.{self.name}.choices needs two or more, got {list(self.choices)}")


@dataclass(frozen=True, kw_only=True)
class RuleCheck:
    """A rule that each completion keeps, or does not: yes, no, unsure."""

    name: str
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class SkipReason:
    """Why a comparison may be skipped."""

    name: str
    label: str = ""


FLAGS = (
    Flag(name="bad", label="Bad", key="b"),
    Flag(name="off-task", label="Misses the task", key="t"),
    Flag(name="untrue", label="Untrue", key="u"),
    Flag(name="unsafe", label="Unsafe", key="s"),
    Flag(name="broken", label="Broken text", key="r"),
)
SKIP_REASONS = (
    SkipReason(name="unclear", label="The prompt is unclear"),
    SkipReason(name="expertise", label="I do not know the subject"),
    SkipReason(name="language", label="I do not read the language"),
    SkipReason(name="upsetting", label="I would rather not read this"),
    SkipReason(name="other", label="Another reason"),
)


@dataclass(frozen=True, kw_only=True)
class Form:
    """What the ranking page asks."""

    criteria: tuple[Criterion, ...] = (Criterion(name="helpful", label="Helpful"),)
    flags: tuple[Flag, ...] = FLAGS
    questions: tuple[Question, ...] = ()
    rules: tuple[RuleCheck, ...] = ()
    note: str = "optional"
    strength: bool = False
    """Of two completions, also how much better the winner is."""
    demonstration: str = "off"
    """Whether the annotator edits the best completion into the ideal one, or writes it."""
    skip_reasons: tuple[SkipReason, ...] = SKIP_REASONS

    def __post_init__(self) -> None:
        check_choice("note", self.note, NOTES)
        check_choice("demonstration", self.demonstration, DEMONSTRATIONS)
        if not self.criteria:
            raise ConfigError("criteria needs at least one, got none")
        for part in ("criteria", "flags", "questions", "rules", "skip_reasons"):
            names = [entry.name for entry in getattr(self, part)]
            for name in names:
                if not NAME.fullmatch(name):
                    raise ConfigError(
                        f"{part}: the name {name!r} must be lower-case letters, digits, - or _, at most 40"
                    )
                if names.count(name) > 1:
                    raise ConfigError(f"{part}: the name {name!r} stands there twice")

    def to_json(self) -> dict[str, Any]:
        """The form as the page gets it, with a label for everything."""
        values = asdict(self)
        for part in ("criteria", "flags", "questions", "rules", "skip_reasons"):
            for entry in values[part]:
                entry["label"] = (
                    entry["label"] or entry["name"].replace("-", " ").replace("_", " ").capitalize()
                )
        return values


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """ConfigError where a setting is none of its choices."""
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
