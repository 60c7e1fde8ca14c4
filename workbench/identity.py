"""Identity: canonical JSON, the hashes that name records without an id, and the split a prompt belongs to."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from workbench.records import Comparison, Completion, Message, Prompt, Ranking, realign

SPLITS = ("train", "validation", "test")

# One encoder: json.dumps would build one a call, which an import of many comparisons feels.
_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no spaces and no escapes beyond the needed ones: equal values give equal text."""
    return _CANONICAL.encode(value)


def content_hash(value: Any) -> str:
    """SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def prompt_json(prompt: Prompt) -> str | list[dict[str, str]]:
    """The prompt as it stands in comparisons.jsonl."""
    if isinstance(prompt, str):
        return prompt
    return [{"role": message.role, "content": message.content} for message in prompt]


def prompt_hash(prompt: Prompt) -> str:
    """A hash of the prompt; text and a single message with the same words are different prompts."""
    return content_hash(prompt_json(prompt))


def opening_turn(prompt: Prompt) -> str:
    """The first user turn: what decides the split, so that longer forms of a conversation stay together."""
    if isinstance(prompt, str):
        return prompt
    return next((message.content for message in prompt if message.role == "user"), prompt[0].content)


def split_of(prompt: Prompt, salt: str, fractions: Mapping[str, float]) -> str:
    """The split of a prompt: a pure function of its opening turn and the project's salt.

    `fractions` gives each of train, validation and test a share in 0..1; they sum to 1. The opening turn is hashed
    to a point of [0, 1) and the shares are laid end to end, so a prompt never changes split between rounds.
    """
    unknown = set(fractions) - set(SPLITS)
    if unknown or abs(sum(fractions.values()) - 1) > 1e-9 or min(fractions.values()) < 0:
        raise ValueError(
            f"split fractions must be shares of {', '.join(SPLITS)} that sum to 1, got {dict(fractions)}"
        )
    digest = hashlib.sha256(f"{salt}\x1f{opening_turn(prompt)}".encode()).digest()
    point = int.from_bytes(digest[:8], "big") / 2**64
    edge = 0.0
    for name in SPLITS:
        edge += fractions.get(name, 0.0)
        if point < edge:
            return name
    return next(name for name in reversed(SPLITS) if fractions.get(name, 0.0) > 0)


def comparison_id(prompt: Prompt, completions: Iterable[Completion]) -> str:
    """The id of a comparison that came without one: the hash of its prompt and its sorted completion texts."""
    texts = sorted(completion.text for completion in completions)
    return "c-" + content_hash({"prompt": prompt_json(prompt), "completions": texts})[:32]


def ranking_json(ranking: Ranking) -> dict[str, Any]:
    """The ranking as it stands in comparisons.jsonl, without the fields that hold their default."""
    record: dict[str, Any] = {
        "id": ranking.id,
        "annotator": ranking.annotator,
        "annotator_kind": ranking.annotator_kind,
        "at": ranking.at,
        "criterion": ranking.criterion,
        "guideline": ranking.guideline,
        "outcome": ranking.outcome,
        "reason": ranking.reason,
        "ranks": None if ranking.ranks is None else list(ranking.ranks),
        "order": None if ranking.order is None else list(ranking.order),
        "strength": ranking.strength,
        "seconds": ranking.seconds,
        "flags": [list(flags) for flags in ranking.flags] if any(ranking.flags) else None,
        "answers": {question: list(values) for question, values in ranking.answers.items()} or None,
        "note": ranking.note,
        "attempt": ranking.attempt,
    }
    return {key: value for key, value in record.items() if value is not None}


def with_ids(comparison: Comparison) -> Comparison:
    """The comparison with an id of its own and one for each ranking.

    A comparison without an id gets its completions sorted by text (and source), every ranking realigned to them, and
    the hash of prompt and texts as its id: two files that list the same completions in another order agree. A ranking
    without an id gets the hash of its content and its occurrence number among equal ones.
    """
    if not comparison.id:
        k = len(comparison.completions)
        key = [(completion.text, completion.source) for completion in comparison.completions]
        permutation = sorted(range(k), key=key.__getitem__)
        comparison = replace(
            comparison,
            id=comparison_id(comparison.prompt, comparison.completions),
            completions=realign(comparison.completions, permutation),
            rankings=tuple(_realigned(ranking, permutation) for ranking in comparison.rankings),
        )
    if all(ranking.id for ranking in comparison.rankings):
        return comparison
    seen: Counter[str] = Counter()
    rankings = []
    for ranking in comparison.rankings:
        if not ranking.id:
            content = content_hash([comparison.id, ranking_json(ranking)])
            seen[content] += 1
            ranking = replace(ranking, id="r-" + content_hash([content, seen[content]])[:32])
        rankings.append(ranking)
    return replace(comparison, rankings=tuple(rankings))


def _realigned(ranking: Ranking, permutation: Sequence[int]) -> Ranking:
    """The ranking with entry j about what was completion `permutation[j]`."""
    position = {old: new for new, old in enumerate(permutation)}
    return replace(
        ranking,
        ranks=None if ranking.ranks is None else realign(ranking.ranks, permutation),
        order=None if ranking.order is None else tuple(position[i] for i in ranking.order),
        flags=realign(ranking.flags, permutation) if ranking.flags else (),
        answers={question: realign(values, permutation) for question, values in ranking.answers.items()},
    )


def messages_prompt(messages: Iterable[Mapping[str, str]]) -> tuple[Message, ...]:
    """Messages from their JSON form."""
    return tuple(Message(role=message["role"], content=message["content"]) for message in messages)
