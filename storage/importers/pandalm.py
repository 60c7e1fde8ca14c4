"""PandaLM's test set: two completions of one instruction, compared by three annotators."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from storage.importers.fields import require_text
from workbench.errors import RecordError
from workbench.jsonl import OnBad, read_numbered
from workbench.records import Comparison, Completion, Message, Ranking

ANNOTATORS = ("annotator1", "annotator2", "annotator3")
# The file says which completion is better: 1, 2, or 0 for neither.
RANKS = {0: (1, 1), 1: (1, 2), 2: (2, 1)}


def read_pandalm(path: str | Path, *, on_bad: OnBad | None = None) -> Iterator[Comparison]:
    """One comparison of two completions and three rankings a line.

    Fields: item_id, app, instruction, input, model1, model2, response1, response2, annotator1 to annotator3
    (1, 2 or 0 for a tie). The order in which the two were shown is not in the file, so `order` stays unknown. Empty
    completions are kept.
    """
    return (comparison for _, comparison in read_numbered(path, _comparison, on_bad))


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
