"""Rated completions: scores become ranks, equal scores tie. UltraFeedback, HelpSteer and MQM."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from storage.importers.fields import require_list, require_number, require_object, require_text
from workbench.errors import DataError, RecordError, quoted
from workbench.identity import with_ids
from workbench.jsonl import OnBad, read_numbered
from workbench.records import Comparison, Completion, Message, Ranking

HELPSTEER_CRITERIA = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")


def ranks_from_scores(scores: Sequence[float | None], *, higher_is_better: bool) -> tuple[int | None, ...]:
    """Competition ranks (1, 2, 2, 4) of scores: equal scores tie, None stays None.

    >>> ranks_from_scores([8.1, 0.0, 0.0, None], higher_is_better=False)
    (3, 1, 1, None)
    """
    sign = -1.0 if higher_is_better else 1.0
    keys = [None if score is None else sign * score for score in scores]
    return tuple(
        None if key is None else 1 + sum(other < key for other in keys if other is not None) for key in keys
    )


def read_rated(path: str | Path, layout: str, *, on_bad: OnBad | None = None) -> Iterator[Comparison]:
    """The comparisons of a file in one of the `LAYOUTS`."""
    if layout not in LAYOUTS:
        raise DataError(f"layout must be one of {', '.join(LAYOUTS)}, got '{layout}'")
    return LAYOUTS[layout](path, on_bad)


def _read_ultrafeedback(path: str | Path, on_bad: OnBad | None) -> Iterator[Comparison]:
    """One line an instruction with its completions, each rated 1 to 5 by a model in several aspects.

    Fields: instruction, source, completions[].model, .response, .annotations.<aspect>.Rating. Each aspect becomes a
    criterion of its own; "N/A" is not ranked. The rater is a language model, so the annotator's kind is `model`.
    """
    return (comparison for _, comparison in read_numbered(path, _ultrafeedback, on_bad))


def _ultrafeedback(record: Mapping[str, Any]) -> Comparison:
    items = require_list(record, "completions")
    if not all(isinstance(item, dict) for item in items):
        raise RecordError("must hold objects", field="completions")
    annotations = [require_object(item, "annotations") for item in items]
    aspects = sorted({aspect for each in annotations for aspect in each})
    rankings = []
    for aspect in aspects:
        scores = [_ultrafeedback_rating(each.get(aspect), aspect) for each in annotations]
        if any(score is not None for score in scores):
            ranks = ranks_from_scores(scores, higher_is_better=True)
            rankings.append(
                Ranking(
                    id="",
                    annotator="ultrafeedback-gpt-4",
                    annotator_kind="model",
                    criterion=aspect,
                    ranks=ranks,
                    answers={"rating": tuple(scores)},
                )
            )
    return with_ids(
        Comparison(
            id="",
            prompt=(Message(role="user", content=require_text(record, "instruction")),),
            completions=tuple(
                Completion(text=require_text(item, "response"), source=(require_text(item, "model"),))
                for item in items
            ),
            rankings=tuple(rankings),
            tags={"source": record["source"]} if isinstance(record.get("source"), str) else {},
        )
    )


def _ultrafeedback_rating(annotation: Any, aspect: str) -> float | None:
    rating = annotation.get("Rating") if isinstance(annotation, dict) else None
    if rating is None or rating == "N/A":
        return None
    try:
        return float(rating)
    except (TypeError, ValueError) as error:
        raise RecordError(
            f'must be a number or "N/A", got {quoted(rating)}',
            field=f"completions.annotations.{aspect}.Rating",
        ) from error


def _read_helpsteer(path: str | Path, on_bad: OnBad | None) -> Iterator[Comparison]:
    """One line a completion, rated 0 to 4 in five attributes; the completions of a prompt stand on consecutive lines.

    Fields: prompt, response, helpfulness, correctness, coherence, complexity, verbosity. Each attribute becomes a
    criterion. The published ratings are means over annotators who are not named: one pseudonym stands for them.
    """
    rows = read_numbered(path, _helpsteer_row, on_bad)
    for prompt, group in groupby((row for _, row in rows), key=lambda row: row[0]):
        yield _helpsteer(prompt, list(group))


_HelpSteerRow = tuple[str, str, dict[str, float]]


def _helpsteer_row(record: Mapping[str, Any]) -> _HelpSteerRow:
    scores = {name: require_number(record, name) for name in HELPSTEER_CRITERIA}
    return require_text(record, "prompt"), require_text(record, "response"), scores


def _helpsteer(prompt: str, rows: Iterable[_HelpSteerRow]) -> Comparison:
    rows = list(rows)
    rankings = []
    for name in HELPSTEER_CRITERIA:
        scores = [scores[name] for _, _, scores in rows]
        rankings.append(
            Ranking(
                id="",
                annotator="helpsteer",
                criterion=name,
                ranks=ranks_from_scores(scores, higher_is_better=True),
                answers={"rating": tuple(scores)},
            )
        )
    return with_ids(
        Comparison(
            id="",
            prompt=(Message(role="user", content=prompt),),
            completions=tuple(Completion(text=text) for _, text, _ in rows),
            rankings=tuple(rankings),
        )
    )


def _read_mqm(path: str | Path, on_bad: OnBad | None) -> Iterator[Comparison]:
    """One line a source segment with its translations, each scored by several raters; lower is better.

    Fields: segment, doc, source, candidates[].system, .text, .ratings.<rater>.score. A rater's scores of the systems
    of one segment become one ranking with ties; the scores themselves are kept as answers.
    """
    return (comparison for _, comparison in read_numbered(path, _mqm, on_bad))


def _mqm(record: Mapping[str, Any]) -> Comparison:
    segment, doc = int(require_number(record, "segment")), require_text(record, "doc")
    items = require_list(record, "candidates")
    if not all(isinstance(item, dict) for item in items):
        raise RecordError("must hold objects", field="candidates")
    ratings = [require_object(item, "ratings") for item in items]
    rankings = []
    for rater in sorted({rater for each in ratings for rater in each}):
        scores = [require_number(each[rater], "score") if rater in each else None for each in ratings]
        rankings.append(
            Ranking(
                id=f"mqm-{segment}-{rater}",
                annotator=f"mqm-{rater}",
                criterion="translation",
                ranks=ranks_from_scores(scores, higher_is_better=False),
                answers={"mqm": tuple(scores)},
            )
        )
    return Comparison(
        id=f"mqm-{segment}",
        prompt=(
            Message(role="user", content=f"Translate into English:\n\n{require_text(record, 'source')}"),
        ),
        completions=tuple(
            Completion(text=require_text(item, "text"), source=(require_text(item, "system"),))
            for item in items
        ),
        rankings=tuple(rankings),
        tags={"doc": doc},
    )


LAYOUTS: dict[str, Callable[[str | Path, OnBad | None], Iterator[Comparison]]] = {
    "ultrafeedback": _read_ultrafeedback,
    "helpsteer": _read_helpsteer,
    "mqm": _read_mqm,
}
