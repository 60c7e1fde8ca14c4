"""Answers: what the page sent, checked against the project's form and put back into the order of the file."""

from collections.abc import Mapping, Sequence
from typing import Any

from annotation.api.models import SkipBody, SubmitBody
from annotation.forms import Form, Question
from storage.answers import Answer
from storage.leases import LeaseRecord
from workbench.errors import quoted


class FormError(Exception):
    """The answer does not fit the form."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


RULE = "rule:"
"""In files a rule's checks are answers to a question of this prefix."""


def read_answer(body: SubmitBody, form: Form, lease: LeaseRecord) -> Answer:
    """The answer by completion; FormError where it does not fit the form."""
    shown = len(lease.order)
    rankings = {}
    for criterion in form.criteria:
        if criterion.name not in body.rankings:
            raise FormError(f"rankings.{criterion.name}", "this criterion is not ranked; every one must be")
        given = body.rankings[criterion.name]
        place = f"rankings.{criterion.name}"
        _check_length(f"{place}.tiers", given.tiers, shown)
        if all(tier is None for tier in given.tiers):
            raise FormError(f"{place}.tiers", "every completion was set aside; rank one or more, or skip")
        if given.strength is not None and not (form.strength and shown == 2):
            raise FormError(f"{place}.strength", "the form asks for no strength here")
        rankings[criterion.name] = (_by_completion(given.tiers, lease), given.strength)
    _check_known("rankings", body.rankings, [criterion.name for criterion in form.criteria])
    answers = {question.name: _answers_to(question, body, shown) for question in form.questions}
    _check_known("answers", body.answers, list(answers))
    answers = {name: values for name, values in answers.items() if values}
    _check_known("rules", body.rules, [rule.name for rule in form.rules])
    for name, checks in body.rules.items():
        _check_length(f"rules.{name}", checks, shown)
        answers[RULE + name] = list(checks)
    return Answer(
        outcome="ranked",
        rankings=rankings,
        flags=_read_flags(body, form, lease),
        answers={name: _by_completion(values, lease) for name, values in answers.items()},
        note=_read_note(body, form),
        demonstration=_read_demonstration(body, form),
        guideline=body.guideline,
        seconds=body.seconds,
        timings=body.timings.model_dump() if body.timings else None,
        sitting=body.session,
    )


def read_skip(body: SkipBody, form: Form, lease: LeaseRecord) -> Answer:
    """The skip; FormError where its reason is none of the form's."""
    _check_known("reason", [body.reason], [reason.name for reason in form.skip_reasons])
    return Answer(
        outcome="skipped",
        reason=body.reason,
        # Files know a skip by a ranking without ranks, under the first criterion.
        rankings={form.criteria[0].name: (None, None)},
        note=body.note or None,
        guideline=body.guideline,
        seconds=body.seconds,
        sitting=body.session,
    )


def _by_completion(values: Sequence[Any], lease: LeaseRecord) -> tuple[Any, ...]:
    found: list[Any] = [None] * lease.num_completions
    for place, completion in enumerate(lease.order):
        found[completion] = values[place]
    return tuple(found)


def _answers_to(question: Question, body: SubmitBody, shown: int) -> list[Any]:
    place = f"answers.{question.name}"
    values = body.answers.get(question.name, [])
    if not values and not question.required:
        return []
    _check_length(place, values, shown)
    for value in values:
        if value is None:
            if question.required:
                raise FormError(
                    place, "an answer is missing; this question must be answered for each completion"
                )
        elif not _fits(value, question):
            raise FormError(place, f"{quoted(value)} is no answer to it")
    return list(values)


def _fits(value: Any, question: Question) -> bool:
    if question.kind == "likert":
        return (
            isinstance(value, int) and not isinstance(value, bool) and question.low <= value <= question.high
        )
    return isinstance(value, str) and (question.kind == "text" or value in question.choices)


def _read_flags(body: SubmitBody, form: Form, lease: LeaseRecord) -> tuple[tuple[str, ...], ...]:
    if not any(body.flags):
        return ()
    _check_length("flags", body.flags, len(lease.order))
    names = [flag.name for flag in form.flags]
    for flags in body.flags:
        _check_known("flags", flags, names)
    found = _by_completion([tuple(sorted(set(flags), key=names.index)) for flags in body.flags], lease)
    return tuple(flags or () for flags in found)


def _read_note(body: SubmitBody, form: Form) -> str | None:
    note = (body.note or "").strip() or None
    if form.note == "required" and note is None:
        raise FormError("note", "a note is asked for; say in a few words why you ranked so")
    if form.note == "off" and note is not None:
        raise FormError("note", "the form takes no note")
    return note


def _read_demonstration(body: SubmitBody, form: Form) -> str | None:
    text = body.demonstration if body.demonstration and body.demonstration.strip() else None
    if form.demonstration == "off" and text is not None:
        raise FormError("demonstration", "the form takes no demonstration")
    return text


def _check_length(place: str, values: Sequence[Any], shown: int) -> None:
    if len(values) != shown:
        raise FormError(place, f"{len(values)} values for the {shown} completions that were shown")


def _check_known(place: str, given: Sequence[str] | Mapping[str, Any], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise FormError(
                place, f"{quoted(name, 60)} is not in the form; it has {', '.join(known) or 'none'}"
            )
