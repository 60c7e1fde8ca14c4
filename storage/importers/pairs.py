"""Preference pairs: a prompt with a chosen and a rejected completion, as TRL and most pair data sets write them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from storage.importers.fields import require_text
from workbench.errors import RecordError, quoted
from workbench.identity import with_ids
from workbench.jsonl import OnBad, read_numbered
from workbench.records import Comparison, Completion, Message, Prompt, Ranking


def read_pairs(
    path: str | Path,
    *,
    prompt_fields: Sequence[str] = ("prompt",),
    annotator: str = "pairs",
    on_bad: OnBad | None = None,
) -> Iterator[Comparison]:
    """One comparison of two completions with one ranking a line.

    `chosen` and `rejected` are texts, or lists of messages. `prompt_fields` name where the prompt is: one field with
    a text or messages, or several texts that are joined by an empty line (instruction and input, say; empty ones are
    left out). Where chosen and rejected hold the whole conversation, its shared beginning is the prompt and no prompt
    field is needed. A field `id` becomes the comparison's id. Nothing says in which order the two were shown.
    """

    def build(record: Mapping[str, Any]) -> Comparison:
        return _comparison(record, prompt_fields, annotator)

    return (comparison for _, comparison in read_numbered(path, build, on_bad))


def _comparison(record: Mapping[str, Any], prompt_fields: Sequence[str], annotator: str) -> Comparison:
    if isinstance(record.get("chosen"), list):
        prompt, chosen, rejected = _conversations(record, prompt_fields)
    else:
        prompt = _prompt(record, prompt_fields)
        chosen, rejected = require_text(record, "chosen"), require_text(record, "rejected")
    return pair_comparison(prompt, chosen, rejected, annotator=annotator, identifier=_identifier(record))


def pair_comparison(
    prompt: Prompt, chosen: str, rejected: str, *, annotator: str, identifier: str | None = None
) -> Comparison:
    """A comparison of two completions of which the first was preferred; without an id, as a file's line without one."""
    return with_ids(
        Comparison(
            id=identifier or "",
            prompt=prompt,
            completions=(Completion(text=chosen), Completion(text=rejected)),
            rankings=(Ranking(id="", annotator=annotator, ranks=(1, 2)),),
        )
    )


def _identifier(record: Mapping[str, Any]) -> str | None:
    value = record.get("id")
    return None if value is None or value == "" else str(value)


def _prompt(record: Mapping[str, Any], fields: Sequence[str]) -> Prompt:
    if len(fields) == 1 and isinstance(record.get(fields[0]), list):
        return _messages(record, fields[0])
    texts = [require_text(record, field) for field in fields]
    return (Message(role="user", content="\n\n".join(text for text in texts if text)),)


def _conversations(record: Mapping[str, Any], fields: Sequence[str]) -> tuple[Prompt, str, str]:
    """The prompt and the two last turns of conversations that say the same before them."""
    chosen, rejected = _messages(record, "chosen"), _messages(record, "rejected")
    for name, messages in (("chosen", chosen), ("rejected", rejected)):
        if messages[-1].role != "assistant":
            raise RecordError("must end with the assistant's turn", field=name)
    if chosen[:-1] != rejected[:-1]:
        raise RecordError("the two conversations differ before the last turn", field="rejected")
    if len(chosen) > 1:
        return chosen[:-1], chosen[-1].content, rejected[-1].content
    return _prompt(record, fields), chosen[-1].content, rejected[-1].content


def _messages(record: Mapping[str, Any], field: str) -> tuple[Message, ...]:
    value = record.get(field)
    if not isinstance(value, list) or not value:
        raise RecordError(f"must be a filled list of messages, got {quoted(value)}", field=field)
    for message in value:
        if not isinstance(message, dict) or not {"role", "content"} <= set(message):
            raise RecordError(
                f'must hold objects with "role" and "content", got {quoted(message)}', field=field
            )
    return tuple(Message(role=message["role"], content=message["content"]) for message in value)
