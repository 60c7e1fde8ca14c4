"""Records: what a comparison, a ranking, a demonstration and a prompt are, and what makes each one valid.

The words and rules are those of docs/data.md. A record that exists is valid: its constructor checks the rules and
raises `RecordError` naming the field. Reading and writing files is `workbench.jsonl`'s job.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import RecordError

ANNOTATOR_KINDS = ("person", "imported", "simulated", "model", "adjudicator")
COMPARISON_KINDS = ("ordinary", "gold", "repeat", "qualification", "evaluation")
OUTCOMES = ("ranked", "skipped")
PROMPT_USES = ("sft", "reward", "rl", "evaluation")
ROLES = ("system", "user", "assistant", "tool")

_MAX_INTEGER = 2**31 - 1

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    content: str

    def __post_init__(self) -> None:
        _check_choice(self.role, ROLES, "prompt.role")
        _check_text(self.content, "prompt.content")


Prompt = str | tuple[Message, ...]
"""Plain text, or the messages of a conversation that the completion answers."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One text to be ranked; an empty one is legal."""

    text: str
    source: tuple[str, ...] = ()
    """The policies or systems that wrote it; several may have written the same words."""
    sampling: Mapping[str, Scalar] | None = None
    """How it was sampled: checkpoint hash, temperature, seed and so on."""

    def __post_init__(self) -> None:
        _check_text(self.text, "completions.text")
        for name in self.source:
            _check_filled(name, "completions.source")
        for name, value in (self.sampling or {}).items():
            _check_scalar(value, f"completions.sampling.{name}")


@dataclass(frozen=True, slots=True)
class Ranking:
    """One annotator's tiers for one comparison and criterion, or their skip.

    `ranks[i]` is the tier of completion i: 1 is best, equal numbers tie, gaps are kept, None means not ranked.
    `order[p]` is the completion shown at position p; an index missing from it was not shown; no order: unknown.
    """

    id: str
    annotator: str
    ranks: tuple[int | None, ...] | None
    annotator_kind: str = "imported"
    order: tuple[int, ...] | None = None
    criterion: str = "helpful"
    guideline: str | None = None
    outcome: str = "ranked"
    reason: str | None = None
    at: str | None = None
    """When it was made: ISO 8601 with a time zone."""
    strength: float | None = None
    """How much better the winner is, in the annotator's own scale, 0 or more."""
    seconds: float | None = None
    """Time spent on the page, in seconds."""
    flags: tuple[tuple[str, ...], ...] = ()
    """Flags of each completion; empty, or one entry a completion."""
    answers: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)
    """Answers to questions about each completion, one entry a completion and question."""
    note: str | None = None
    attempt: int = 1

    def __post_init__(self) -> None:
        _check_filled(self.annotator, "rankings.annotator")
        _check_filled(self.criterion, "rankings.criterion")
        _check_choice(self.annotator_kind, ANNOTATOR_KINDS, "rankings.annotator_kind")
        _check_choice(self.outcome, OUTCOMES, "rankings.outcome")
        if not 1 <= self.attempt <= _MAX_INTEGER:
            raise RecordError(f"attempt counts from 1, got {self.attempt}", field="rankings.attempt")
        for name, value in (("seconds", self.seconds), ("strength", self.strength)):
            if value is None:
                continue
            if not (math.isfinite(value) and value >= 0):
                raise RecordError(f"must be 0 or more and finite, got {value}", field=f"rankings.{name}")
            # 41 and 41.0 are one value, so they must be one JSON text and one hash.
            object.__setattr__(self, name, float(value))
        if self.outcome == "ranked" and self.ranks is None:
            raise RecordError(
                "a ranked outcome needs ranks",
                field="rankings.ranks",
                fix='Give one rank a completion, or set "outcome": "skipped"',
            )
        for rank in self.ranks or ():
            if rank is not None and not 1 <= rank <= _MAX_INTEGER:
                raise RecordError(f"ranks count from 1 (best), got {rank}", field="rankings.ranks")
        for question, values in self.answers.items():
            for answer in values:
                _check_scalar(answer, f"rankings.answers.{question}")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One prompt with K completions to be ranked, and the rankings it has."""

    id: str
    prompt: Prompt
    completions: tuple[Completion, ...]
    rankings: tuple[Ranking, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    kind: str = "ordinary"
    repeat_of: str | None = None

    def __post_init__(self) -> None:
        check_prompt(self.prompt)
        _check_choice(self.kind, COMPARISON_KINDS, "kind")
        if not self.completions:
            raise RecordError("there must be at least one completion", field="completions")
        if (self.kind == "repeat") != (self.repeat_of is not None):
            raise RecordError(
                f"kind is '{self.kind}' and repeat_of is {self.repeat_of!r}",
                field="repeat_of",
                fix="A repeat names the comparison that it repeats, and only a repeat does",
            )
        for ranking in self.rankings:
            check_ranking(ranking, len(self.completions))


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A conversation whose last turn is an ideal completion written by a person."""

    id: str
    messages: tuple[Message, ...]
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.messages or self.messages[-1].role != "assistant":
            raise RecordError(
                "a demonstration ends with the assistant's turn",
                field="messages",
                fix='Add {"role": "assistant", "content": ...} as the last message',
            )


@dataclass(frozen=True, slots=True)
class PromptRecord:
    """A prompt with the one use it is kept for; the pools are disjoint."""

    id: str
    prompt: Prompt
    use: str
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_prompt(self.prompt)
        _check_choice(self.use, PROMPT_USES, "use")


def check_prompt(prompt: Prompt) -> None:
    """Raise RecordError unless the prompt is text or at least one message."""
    if isinstance(prompt, str):
        _check_text(prompt, "prompt")
    elif not prompt:
        raise RecordError("a prompt of messages needs at least one", field="prompt")


def check_ranking(ranking: Ranking, num_completions: int) -> None:
    """Raise RecordError where a ranking does not fit a comparison of `num_completions` completions."""
    k = num_completions
    if ranking.ranks is not None and len(ranking.ranks) != k:
        raise RecordError(
            f"{len(ranking.ranks)} ranks for {k} completions",
            field="rankings.ranks",
            fix="Give one rank a completion, null where it was not ranked",
        )
    if ranking.flags and len(ranking.flags) != k:
        raise RecordError(f"{len(ranking.flags)} lists of flags for {k} completions", field="rankings.flags")
    for question, values in ranking.answers.items():
        if len(values) != k:
            raise RecordError(
                f"{len(values)} answers for {k} completions", field=f"rankings.answers.{question}"
            )
    if ranking.order is None:
        return
    shown = set(ranking.order)
    if not shown.issubset(range(k)) or len(shown) != len(ranking.order):
        raise RecordError(
            f"order {list(ranking.order)} must name completions 0 to {k - 1}, each at most once",
            field="rankings.order",
        )
    if len(ranking.order) == k:
        return
    for i, rank in enumerate(ranking.ranks or ()):
        if rank is not None and i not in shown:
            raise RecordError(
                f"completion {i} has rank {rank} but was not shown (order {list(ranking.order)})",
                field="rankings.ranks",
                fix="Add it to order, or make its rank null",
            )


def realign(values: Sequence[Any], permutation: Sequence[int]) -> tuple[Any, ...]:
    """`values` in the new order: entry j of the result is `values[permutation[j]]`."""
    return tuple(values[i] for i in permutation)


def _check_text(value: object, name: str) -> None:
    if not isinstance(value, str):
        raise RecordError(f"must be text, got {type(value).__name__}: {value!r:.80}", field=name)
    if "\x00" in value or not (value.isascii() or _is_encodable(value)):
        raise RecordError(
            "holds a lone surrogate or a NUL character, which no database can store",
            field=name,
            fix="Remove it from the text",
        )


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_scalar(value: object, name: str) -> None:
    if not isinstance(value, Scalar) or (isinstance(value, float) and not math.isfinite(value)):
        raise RecordError(
            f"must be text, a finite number, true, false or null, got {value!r:.80}", field=name
        )


def _check_filled(value: object, name: str) -> None:
    if type(value) is str and value and value.isascii() and "\x00" not in value:
        return  # Most names; two million of them in a million rankings.
    _check_text(value, name)
    if not value:
        raise RecordError("must not be empty", field=name)


def _check_choice(value: object, choices: Sequence[str], name: str) -> None:
    if value not in choices:
        raise RecordError(f"must be one of {', '.join(choices)}, got {value!r}", field=name)
