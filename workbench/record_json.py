"""Records as the JSON objects of comparisons.jsonl, prompts.jsonl and demonstrations.jsonl, and back.

What is wrong with an object is a RecordError that names the field; `workbench.jsonl` adds file and line.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from types import NoneType
from typing import Any

from workbench.errors import RecordError
from workbench.identity import content_hash, prompt_json, ranking_json, with_ids
from workbench.records import Comparison, Completion, Demonstration, Message, Prompt, PromptRecord, Ranking

_COMPARISON_KEYS = ("id", "prompt", "tags", "kind", "repeat_of", "completions", "rankings")
_COMPLETION_KEYS = ("text", "source", "sampling")
_RANKING_KEYS = tuple(Ranking.__dataclass_fields__)
_RANKING_TYPES: dict[str, tuple[type, ...]] = {
    "id": (str,), "annotator": (str,), "annotator_kind": (str,), "criterion": (str,), "guideline": (str,),
    "outcome": (str,), "reason": (str,), "at": (str,), "note": (str,), "attempt": (int,),
    "strength": (int, float), "seconds": (int, float), "ranks": (list,), "order": (list,), "flags": (list,),
    "answers": (dict,),
}  # fmt: skip


def comparison_to_json(comparison: Comparison, *, with_rankings: bool = True) -> dict[str, Any]:
    """The comparison as one JSON object; fields that hold their default are left out."""
    record: dict[str, Any] = {"id": comparison.id, "prompt": prompt_json(comparison.prompt)}
    if comparison.tags:
        record["tags"] = dict(comparison.tags)
    if comparison.kind != "ordinary":
        record["kind"] = comparison.kind
    if comparison.repeat_of is not None:
        record["repeat_of"] = comparison.repeat_of
    record["completions"] = [_completion_to_json(completion) for completion in comparison.completions]
    if comparison.rankings and with_rankings:
        record["rankings"] = [ranking_json(ranking) for ranking in comparison.rankings]
    return record


def comparison_from_json(record: Mapping[str, Any]) -> Comparison:
    """The comparison that a JSON object describes, with ids; RecordError names the field that is wrong."""
    _check_keys(record, _COMPARISON_KEYS, "")
    if not isinstance(record.get("completions"), list):
        raise RecordError(
            f'must be a list of {{"text": ...}}, got {record.get("completions")!r:.80}', field="completions"
        )
    completions = tuple(_completion_from_json(item, i) for i, item in enumerate(record["completions"]))
    rankings = record.get("rankings") or []
    if not isinstance(rankings, list):
        raise RecordError(f"must be a list, got {rankings!r:.80}", field="rankings")
    comparison = Comparison(
        id=_optional_text(record, "id") or "",
        prompt=_prompt_from_json(record),
        completions=completions,
        rankings=tuple(_ranking_from_json(item, i) for i, item in enumerate(rankings)),
        tags=_tags(record),
        kind=record.get("kind") or "ordinary",
        repeat_of=_optional_text(record, "repeat_of"),
    )
    return with_ids(comparison)


def demonstration_to_json(demonstration: Demonstration) -> dict[str, Any]:
    """The demonstration as one JSON object."""
    record: dict[str, Any] = {"id": demonstration.id, "messages": prompt_json(demonstration.messages)}
    return record | ({"tags": dict(demonstration.tags)} if demonstration.tags else {})


def demonstration_from_json(record: Mapping[str, Any]) -> Demonstration:
    """The demonstration that a JSON object describes; without an id it gets the hash of its messages."""
    _check_keys(record, ("id", "messages", "tags"), "")
    messages = _messages(record.get("messages"), "messages")
    identifier = _optional_text(record, "id") or "d-" + content_hash(prompt_json(messages))[:32]
    return Demonstration(id=identifier, messages=messages, tags=_tags(record))


def prompt_to_json(prompt: PromptRecord) -> dict[str, Any]:
    """The prompt as one JSON object."""
    record: dict[str, Any] = {"id": prompt.id, "prompt": prompt_json(prompt.prompt), "use": prompt.use}
    return record | ({"tags": dict(prompt.tags)} if prompt.tags else {})


def prompt_from_json(record: Mapping[str, Any]) -> PromptRecord:
    """The prompt that a JSON object describes; without an id it gets the hash of its words."""
    _check_keys(record, ("id", "prompt", "use", "tags"), "")
    prompt = _prompt_from_json(record)
    identifier = _optional_text(record, "id") or "p-" + content_hash(prompt_json(prompt))[:32]
    return PromptRecord(id=identifier, prompt=prompt, use=record.get("use") or "rl", tags=_tags(record))


def _completion_to_json(completion: Completion) -> dict[str, Any]:
    record: dict[str, Any] = {"text": completion.text}
    if completion.source:
        record["source"] = completion.source[0] if len(completion.source) == 1 else list(completion.source)
    if completion.sampling:
        record["sampling"] = dict(completion.sampling)
    return record


def _completion_from_json(item: Any, i: int) -> Completion:
    if type(item) is dict and len(item) == 1 and type(item.get("text")) is str:
        return Completion(text=item["text"])
    place = f"completions[{i}]"
    if not isinstance(item, dict):
        raise RecordError(f"must be an object with a text, got {item!r:.80}", field=place)
    _check_keys(item, _COMPLETION_KEYS, f"{place}.")
    if not isinstance(item.get("text"), str):
        raise RecordError(
            f"must be a string, got {item.get('text')!r:.80}",
            field=f"{place}.text",
            fix='An empty completion is "", never null or missing',
        )
    source = item.get("source") or []
    sources = [source] if isinstance(source, str) else source
    if not isinstance(sources, list):
        raise RecordError(f"must be a name or a list of names, got {source!r:.80}", field=f"{place}.source")
    sampling = item.get("sampling")
    if sampling is not None and not isinstance(sampling, dict):
        raise RecordError(f"must be an object, got {sampling!r:.80}", field=f"{place}.sampling")
    return Completion(text=item["text"], source=tuple(sources), sampling=sampling or None)


def _ranking_from_json(item: Any, i: int) -> Ranking:
    place = f"rankings[{i}]"
    if not isinstance(item, dict):
        raise RecordError(f"must be an object, got {item!r:.80}", field=place)
    given = _typed(item, place)
    if not given.get("annotator"):
        raise RecordError("is missing", field=f"{place}.annotator", fix="Name who ranked, by pseudonym")
    for key in ("ranks", "order"):
        if key in given:
            given[key] = _integers(given[key], f"{place}.{key}", allow_null=key == "ranks")
    if "flags" in given:
        if not all(isinstance(flags, list) for flags in given["flags"]):
            raise RecordError(
                f"must be one list a completion, got {given['flags']!r:.80}", field=f"{place}.flags"
            )
        given["flags"] = tuple(tuple(flags) for flags in given["flags"])
    if "answers" in given:
        if not all(isinstance(values, list) for values in given["answers"].values()):
            raise RecordError("must hold one list a question", field=f"{place}.answers")
        given["answers"] = {question: tuple(values) for question, values in given["answers"].items()}
    return Ranking(**{"id": "", "ranks": None, **given})


def _typed(item: dict[str, Any], place: str) -> dict[str, Any]:
    """The fields of a ranking that are given, each of its type."""
    given = {}
    for key, value in item.items():
        kinds = _RANKING_TYPES.get(key)
        if kinds is None:
            _check_keys(item, _RANKING_KEYS, f"{place}.")
        elif value is not None:
            if type(value) not in kinds:  # a bool is an int to isinstance, and no number here
                wanted = " or ".join(kind.__name__ for kind in kinds)
                raise RecordError(f"must be {wanted}, got {value!r:.80}", field=f"{place}.{key}")
            given[key] = value
    return given


def _integers(values: list[Any], place: str, *, allow_null: bool) -> tuple[int | None, ...]:
    if set(map(type, values)) <= ({int, NoneType} if allow_null else {int}):
        return tuple(values)
    return tuple(_integer(value, place, allow_null=allow_null) for value in values)


def _integer(value: Any, place: str, *, allow_null: bool) -> int | None:
    if value is None and allow_null:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise RecordError(f"must be whole numbers, got {value!r:.80}", field=place)


def _prompt_from_json(record: Mapping[str, Any]) -> Prompt:
    prompt = record.get("prompt")
    if isinstance(prompt, str):
        return prompt
    return _messages(prompt, "prompt")


def _messages(value: Any, place: str) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        raise RecordError(
            f"must be {'text or ' if place == 'prompt' else ''}a list of messages, got {value!r:.80}",
            field=place,
            fix='A message is {"role": "user", "content": "..."}',
        )
    for i, message in enumerate(value):
        if not isinstance(message, dict) or set(message) != {"role", "content"}:
            raise RecordError(
                f'must be an object with "role" and "content" alone, got {message!r:.80}',
                field=f"{place}[{i}]",
            )
    return tuple(Message(role=message["role"], content=message["content"]) for message in value)


def _tags(record: Mapping[str, Any]) -> dict[str, str]:
    tags = record.get("tags") or {}
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise RecordError(f"must be an object of texts, got {tags!r:.80}", field="tags")
    return tags


def _optional_text(record: Mapping[str, Any], key: str) -> str | None:
    value = record.get(key)
    if value is not None and not isinstance(value, str):
        raise RecordError(f"must be text, got {value!r:.80}", field=key)
    return value


def _check_keys(record: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
    for key in record:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"Did you mean '{near[0]}'?" if near else f"Known fields: {', '.join(known)}."
            raise RecordError(
                "is not a field of this format", field=f"{place}{key}", fix=f"{hint} Extra facts go into tags"
            )
