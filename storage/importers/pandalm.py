"""PandaLM's test set: two completions of one instruction, compared by three annotators."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from storage.importers.fields import require_text
from workbench.errors import DataError, RecordError, quoted
from workbench.jsonl import OnBad, read_numbered
from workbench.records import Comparison, Completion, Message, Ranking

ANNOTATORS = ("annotator1", "annotator2", "annotator3")
# The file says which completion is better: 1, 2, or 0 for neither.
RANKS = {0: (1, 1), 1: (1, 2), 2: (2, 1)}


def read_pandalm(path: str | Path, *, on_bad: OnBad | None = None) -> Iterator[Comparison]:
    """One comparison of two completions and three rankings an item.

    Reads the published testset-v1.json (one JSON list), or JSON lines with the fields item_id, app, instruction,
    input, model1, model2, response1, response2, annotator1 to annotator3 (1, 2 or 0 for a tie). The order in which the
    two were shown is not in the file, so `order` stays unknown. Empty completions are kept.
    """
    if Path(path).suffix == ".json":
        return _read_published(Path(path), on_bad)
    return (comparison for _, comparison in read_numbered(path, _comparison, on_bad))


def _read_published(path: Path, on_bad: OnBad | None) -> Iterator[Comparison]:
    """The published file is Python's JSON: an absent input is NaN, and a few completions are booleans."""
    try:
        items = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    if not isinstance(items, list):
        raise DataError(f"{path} must hold one JSON list of items")
    for number, item in enumerate(items, start=1):
        try:
            yield _comparison(_renamed(item))
        except RecordError as error:
            problem = f"item {number}: {error.problem}"
            placed = RecordError(problem, file=path, field=error.field, fix=error.fix)
            if on_bad is None:
                raise placed from error
            on_bad(placed)


def _renamed(item: Any) -> dict[str, Any]:
    """An item of the published file under the names of the JSON lines."""
    if not isinstance(item, dict):
        raise RecordError(f"must be an object, got {quoted(item)}")
    first, _, second = require_text(item, "cmp_key").partition("_")
    texts = {name: item.get(name) for name in ("response1", "response2")}
    return {
        **{name: str(text) if isinstance(text, bool) else text for name, text in texts.items()},
        **{name: item.get(name) for name in ("instruction", *ANNOTATORS)},
        "item_id": f"pandalm-{item.get('idx')}",
        "app": item.get("motivation_app"),
        "input": item["input"] if isinstance(item.get("input"), str) else "",
        "model1": first,
        "model2": second,
    }


def _comparison(record: Mapping[str, Any]) -> Comparison:
    instruction, context = require_text(record, "instruction"), require_text(record, "input")
    prompt = Message(role="user", content=f"{instruction}\n\n{context}" if context else instruction)
    return Comparison(
        id=require_text(record, "item_id"),
        prompt=(prompt,),
        completions=tuple(
            Completion(text=require_text(record, f"response{i}"), source=(require_text(record, f"model{i}"),))
            for i in (1, 2)
        ),
        rankings=tuple(_ranking(record, name) for name in ANNOTATORS),
        tags={"app": require_text(record, "app")},
    )


def _ranking(record: Mapping[str, Any], name: str) -> Ranking:
    if record.get(name) not in RANKS:
        raise RecordError(f"must be 1, 2 or 0 for a tie, got {record.get(name)!r}", field=name)
    return Ranking(id=f"{record['item_id']}-{name}", annotator=f"pandalm-{name}", ranks=RANKS[record[name]])
