"""Comparisons: find, add and read them back as records, in the order of their ids."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from storage.bulk import insert_rows, reserve_ids
from storage.prompts import ensure_prompts, prompt_from_stored
from storage.submissions import read_rankings
from storage.tables import Comparison, ComparisonItem, Completion, Prompt, PromptPool, utc_now
from storage.votes import project_policy
from workbench import records
from workbench.identity import content_hash
from workbench.record_json import comparison_to_json

_PAGE = 500


@dataclass(frozen=True, slots=True)
class StoredComparison:
    """What tells whether a comparison that comes in is the one that is stored."""

    id: int
    content_hash: str


def comparison_content(comparison: records.Comparison) -> dict[str, Any]:
    """All that a file says of a comparison but its rankings: the same id must have the same content."""
    return comparison_to_json(comparison, with_rankings=False)


def comparison_hash(comparison: records.Comparison) -> str:
    """The hash of `comparison_content`."""
    return content_hash(comparison_content(comparison))


def find_comparisons(session: Session, project_id: int, ids: Iterable[str]) -> dict[str, StoredComparison]:
    """Those of the ids that the project has."""
    query = select(Comparison.record_id, Comparison.id, Comparison.content_hash).where(
        Comparison.project_id == project_id, Comparison.record_id.in_(list(ids))
    )
    return {name: StoredComparison(key, content) for name, key, content in session.execute(query)}


def add_comparisons(
    session: Session, project_id: int, comparisons: Sequence[records.Comparison], hashes: Sequence[str]
) -> list[int]:
    """Write new comparisons without their rankings, given with `comparison_hash` of each; returns their ids."""
    now = utc_now()
    policy, salt = project_policy(session, project_id)
    prompts = ensure_prompts(session, project_id, [comparison.prompt for comparison in comparisons])
    keys = reserve_ids(session, Comparison, len(comparisons))
    completion_keys = iter(
        reserve_ids(session, Completion, sum(len(comparison.completions) for comparison in comparisons))
    )
    rows: list[dict[str, Any]] = []
    completions: list[dict[str, Any]] = []
    items: list[dict[str, Any]] = []
    # One list for all completions of a source, which is then converted once.
    sources: dict[tuple[str, ...], list[str]] = {}
    for key, prompt_id, comparison, content in zip(keys, prompts, comparisons, hashes, strict=True):
        rows.append(
            {
                "id": key,
                "project_id": project_id,
                "record_id": comparison.id,
                "prompt_id": prompt_id,
                "kind": comparison.kind,
                "repeat_of": comparison.repeat_of,
                "tags": dict(comparison.tags),
                "content_hash": content,
                "target_overlap": policy.first_target(salt, comparison.id, len(comparison.completions)),
                "votes": 0,
                "priority": 0.0,
                "created_at": now,
            }
        )
        for position, completion in enumerate(comparison.completions):
            completion_id = next(completion_keys)
            completions.append(_completion_row(completion_id, prompt_id, completion, sources))
            items.append({"comparison_id": key, "position": position, "completion_id": completion_id})
    insert_rows(session, Completion, completions)
    insert_rows(session, Comparison, rows)
    insert_rows(session, ComparisonItem, items)
    return list(keys)


def read_comparisons(
    session: Session,
    project_id: int,
    *,
    ids: Iterable[str] | None = None,
    repeated_only: bool = False,
    bare: bool = False,
) -> Iterator[records.Comparison]:
    """A project's comparisons sorted by id, each with its rankings: latest revisions, nothing withdrawn.

    Never more than a page of 500 in memory. `ids` takes those alone; `repeated_only` takes repeats and what they
    repeat; `bare` gives rankings as in `read_rankings`, at two thirds of the time.
    """
    wanted: list[ColumnElement[bool]] = [Comparison.project_id == project_id]
    if ids is not None:
        wanted.append(Comparison.record_id.in_(list(ids)))
    if repeated_only:
        repeated = select(Comparison.repeat_of).where(
            Comparison.project_id == project_id, Comparison.repeat_of.is_not(None)
        )
        wanted.append(Comparison.repeat_of.is_not(None) | Comparison.record_id.in_(repeated))
    last: str | None = None
    while True:
        after = [] if last is None else [Comparison.record_id > last]
        query = (
            select(
                Comparison.id,
                Comparison.record_id,
                Comparison.kind,
                Comparison.repeat_of,
                Comparison.tags,
                Prompt.content,
            )
            .join(Prompt, Prompt.id == Comparison.prompt_id)
            .where(*wanted, *after)
            .order_by(Comparison.record_id)
            .limit(_PAGE)
        )
        page = session.execute(query).all()
        if not page:
            return
        keys = [row[0] for row in page]
        completions, rankings = _read_completions(session, keys), read_rankings(session, keys, bare=bare)
        for key, record_id, kind, repeat_of, tags, prompt in page:
            yield records.Comparison(
                id=record_id,
                prompt=prompt_from_stored(prompt),
                completions=tuple(completions[key]),
                rankings=tuple(rankings.get(key, ())),
                tags=tags,
                kind=kind,
                repeat_of=repeat_of,
            )
        last = page[-1][1]


def read_evaluation_prompts(session: Session, project_id: int) -> frozenset[str]:
    """The hashes of the prompts in the project's evaluation pool."""
    query = (
        select(Prompt.hash)
        .join(PromptPool, PromptPool.prompt_id == Prompt.id)
        .where(Prompt.project_id == project_id, PromptPool.use == "evaluation")
    )
    return frozenset(session.scalars(query))


def _completion_row(
    key: int, prompt_id: int, completion: records.Completion, sources: dict[tuple[str, ...], list[str]]
) -> dict[str, Any]:
    sampling = dict(completion.sampling) if completion.sampling else None
    checkpoint = sampling.get("checkpoint") if sampling else None
    return {
        "id": key,
        "prompt_id": prompt_id,
        "text": completion.text,
        "source": sources.setdefault(completion.source, list(completion.source)),
        "sampling": sampling,
        "checkpoint_hash": checkpoint if isinstance(checkpoint, str) else None,
    }


def _read_completions(session: Session, keys: Sequence[int]) -> Mapping[int, list[records.Completion]]:
    query = (
        select(ComparisonItem.comparison_id, Completion.text, Completion.source, Completion.sampling)
        .join(Completion, Completion.id == ComparisonItem.completion_id)
        .where(ComparisonItem.comparison_id.in_(keys))
        .order_by(ComparisonItem.comparison_id, ComparisonItem.position)
    )
    found: dict[int, list[records.Completion]] = defaultdict(list)
    for key, text, source, sampling in session.execute(query):
        found[key].append(records.Completion(text=text, source=tuple(source), sampling=sampling))
    return found
