"""Comparisons as rows of a typed parquet table, and back."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.identity import canonical_json
from workbench.records import Comparison, Completion, Message, Prompt, Ranking

_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_COMPLETION = pa.struct(
    [("text", pa.string()), ("source", pa.list_(pa.string())), ("sampling", pa.string())]  # sampling: JSON
)
_RANKING = pa.struct(
    [
        ("id", pa.string()),
        ("annotator", pa.string()),
        ("annotator_kind", pa.string()),
        ("at", pa.string()),
        ("criterion", pa.string()),
        ("guideline", pa.string()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("ranks", pa.list_(pa.int64())),
        ("order", pa.list_(pa.int32())),
        ("strength", pa.float64()),
        ("seconds", pa.float64()),
        ("flags", pa.list_(pa.list_(pa.string()))),
        ("answers", pa.string()),  # JSON: a question's answers may be numbers, texts or null
        ("attempt", pa.int32()),
    ]
)
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("split", pa.string()),
        ("kind", pa.string()),
        ("repeat_of", pa.string()),
        ("prompt_text", pa.string()),  # one of the two is null
        ("prompt_messages", _MESSAGES),
        ("completions", pa.list_(_COMPLETION)),
        ("ranking_ids", pa.list_(pa.string())),
        ("rankings", pa.list_(_RANKING)),
        ("tags", pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())]))),
    ]
)


def to_row(comparison: Comparison, split: str) -> dict[str, Any]:
    """The comparison as a row of `SCHEMA`; notes are left out."""
    text, messages = (
        (comparison.prompt, None)
        if isinstance(comparison.prompt, str)
        else (None, [{"role": message.role, "content": message.content} for message in comparison.prompt])
    )
    return {
        "id": comparison.id,
        "split": split,
        "kind": comparison.kind,
        "repeat_of": comparison.repeat_of,
        "prompt_text": text,
        "prompt_messages": messages,
        "completions": [
            {
                "text": completion.text,
                "source": list(completion.source),
                "sampling": canonical_json(dict(completion.sampling)) if completion.sampling else None,
            }
            for completion in comparison.completions
        ],
        "ranking_ids": [ranking.id for ranking in comparison.rankings],
        "rankings": [_ranking_row(ranking) for ranking in comparison.rankings],
        "tags": [{"key": key, "value": value} for key, value in sorted(comparison.tags.items())],
    }


def from_row(row: Mapping[str, Any]) -> Comparison:
    """The comparison that a row describes."""
    text, messages = row["prompt_text"], row["prompt_messages"]
    prompt: Prompt = (
        text if text is not None else tuple(Message(role=m["role"], content=m["content"]) for m in messages)
    )
    return Comparison(
        id=row["id"],
        prompt=prompt,
        completions=tuple(
            Completion(
                text=item["text"],
                source=tuple(item["source"]),
                sampling=json.loads(item["sampling"]) if item["sampling"] else None,
            )
            for item in row["completions"]
        ),
        rankings=tuple(_ranking(item) for item in row["rankings"]),
        tags={tag["key"]: tag["value"] for tag in row["tags"]},
        kind=row["kind"],
        repeat_of=row["repeat_of"],
    )


def read_rows(
    path: str | Path, *, split: str | None = None, batch_size: int = 256
) -> Iterator[dict[str, Any]]:
    """The rows of a file in their order, or those of one split, never more than a batch in memory."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=batch_size):
            for row in batch.to_pylist():
                if split is None or row["split"] == split:
                    yield row


def read_ranking_ids(path: str | Path) -> Iterator[tuple[str, list[str]]]:
    """Each comparison's id with those of its rankings: two columns, which is much faster than the rows."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["id", "ranking_ids"]):
            for row in batch.to_pylist():
                yield row["id"], row["ranking_ids"]


def _ranking_row(ranking: Ranking) -> dict[str, Any]:
    return {
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
        "flags": [list(flags) for flags in ranking.flags],
        "answers": canonical_json({key: list(values) for key, values in ranking.answers.items()}),
        "attempt": ranking.attempt,
    }


def _ranking(item: Mapping[str, Any]) -> Ranking:
    answers = json.loads(item["answers"])
    given = {
        **item,
        "ranks": None if item["ranks"] is None else tuple(item["ranks"]),
        "order": None if item["order"] is None else tuple(item["order"]),
        "flags": tuple(tuple(flags) for flags in item["flags"]),
        "answers": {question: tuple(values) for question, values in answers.items()},
    }
    return Ranking(**given)
