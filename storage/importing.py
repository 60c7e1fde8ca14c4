"""Import: files of records into a project, in one transaction, adding nothing twice."""

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from storage import audit
from storage.comparisons import add_comparisons, comparison_content, comparison_hash, find_comparisons
from storage.comparisons import read_comparisons as read_stored
from storage.projects import lock_project, note_change
from storage.prompts import add_demonstration, add_to_pool
from storage.submissions import NewRanking, add_rankings, find_rankings, ranking_content_hash
from storage.votes import count_queue, count_votes, project_policy
from storage.voting import settle_targets
from workbench.cycles import no_search_for_cycles
from workbench.errors import RecordError
from workbench.jsonl import OnBad, read_numbered
from workbench.record_json import comparison_from_json, demonstration_from_json, prompt_from_json
from workbench.records import Comparison, Ranking

T = TypeVar("T")
Numbered = tuple[int | None, Comparison]
"""A comparison and the line it came from, where it came from one."""

_BATCH = 500


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What an import did, and what is unusual in what it read."""

    read: int
    """Records that were read and are good."""
    added: Mapping[str, int]
    """What was added, by table."""
    known: Mapping[str, int]
    """What was there already."""
    unusual: Mapping[str, int] = field(default_factory=dict)
    """What is legal and worth knowing, in the good records."""
    bad: tuple[str, ...] = ()
    """The errors of records that were left out."""

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {
            "read": self.read,
            "added": dict(self.added),
            "known": dict(self.known),
            "unusual": dict(self.unusual),
            "bad": list(self.bad),
        }


def import_comparisons_file(
    session: Session, project_id: int, path: str | Path, *, skip_bad: bool = False, actor: str = "import"
) -> ImportReport:
    """Read comparisons.jsonl (plain or .gz) into a project.

    Raises RecordError at the first bad record; the caller's transaction then takes back everything. With `skip_bad`
    the good records are kept and the report lists the rest.
    """

    def numbered(on_bad: OnBad | None) -> Iterator[Numbered]:
        return read_numbered(path, comparison_from_json, on_bad)

    return import_comparisons(session, project_id, numbered, source=path, skip_bad=skip_bad, actor=actor)


def import_comparisons(
    session: Session,
    project_id: int,
    read: Callable[[OnBad | None], Iterable[Numbered]],
    *,
    source: str | Path,
    skip_bad: bool = False,
    actor: str = "import",
) -> ImportReport:
    """Bring the comparisons that `read` yields into a project, with their rankings.

    `read` takes what to do with a bad record (None: raise). Same id and content: rankings merge; same id and other
    content, of a comparison or of a ranking, is a RecordError.
    """
    lock_project(session, project_id)
    bad: list[str] = []
    writer = _Writer(session, project_id, source, bad if skip_bad else None)
    # The writer calls for it when the records of a batch are gone.
    with no_search_for_cycles():
        for number, comparison in read((lambda error: bad.append(str(error))) if skip_bad else None):
            writer.add(number, comparison)
        writer.flush()
    if any(writer.added.values()):
        count_queue(session, project_id)
    report = ImportReport(
        read=writer.read, added=writer.added, known=writer.known, unusual=writer.unusual, bad=tuple(bad)
    )
    audit.record(session, actor, "import comparisons", f"project:{project_id}", report.to_json())
    return report


def import_prompts_file(
    session: Session, project_id: int, path: str | Path, *, skip_bad: bool = False, actor: str = "import"
) -> ImportReport:
    """Read prompts.jsonl into a project's pools; errors and `skip_bad` as for comparisons."""
    lock_project(session, project_id)
    report = _import_each(
        path, prompt_from_json, lambda record: add_to_pool(session, project_id, record), "prompts", skip_bad
    )
    if any(report.added.values()):
        note_change(session, project_id)
    audit.record(session, actor, "import prompts", f"project:{project_id}", report.to_json())
    return report


def import_demonstrations_file(
    session: Session, project_id: int, path: str | Path, *, skip_bad: bool = False, actor: str = "import"
) -> ImportReport:
    """Read demonstrations.jsonl into a project; errors and `skip_bad` as for comparisons."""
    lock_project(session, project_id)
    report = _import_each(
        path,
        demonstration_from_json,
        lambda record: add_demonstration(session, project_id, record),
        "demonstrations",
        skip_bad,
    )
    if any(report.added.values()):
        note_change(session, project_id)
    audit.record(session, actor, "import demonstrations", f"project:{project_id}", report.to_json())
    return report


def _import_each(
    path: str | Path,
    build: Callable[[Mapping[str, Any]], T],
    add: Callable[[T], bool],
    name: str,
    skip_bad: bool,
) -> ImportReport:
    bad: list[str] = []
    added = known = 0
    for number, record in read_numbered(path, build, (lambda e: bad.append(str(e))) if skip_bad else None):
        try:
            is_new = add(record)
        except RecordError as error:
            if not skip_bad:
                raise error.at(path, number) from error
            bad.append(str(error.at(path, number)))
            continue
        added, known = added + is_new, known + (not is_new)
    return ImportReport(read=added + known, added={name: added}, known={name: known}, bad=tuple(bad))


class _Writer:
    """Batches of comparisons on their way into the database."""

    def __init__(self, session: Session, project_id: int, source: str | Path, bad: list[str] | None) -> None:
        self.session = session
        self.project_id = project_id
        self.source = source
        self.bad = bad
        self.policy, _ = project_policy(session, project_id)
        self.read = 0
        self.added = Counter({"comparisons": 0, "completions": 0, "rankings": 0})
        self.known = Counter({"comparisons": 0, "rankings": 0})
        self.unusual: Counter[str] = Counter(dict.fromkeys(UNUSUAL, 0))
        self._batch: dict[str, Numbered] = {}

    def add(self, number: int | None, comparison: Comparison) -> None:
        if comparison.id in self._batch or len(self._batch) == _BATCH:
            self.flush()
        self._batch[comparison.id] = (number, comparison)

    def flush(self) -> None:
        if not self._batch:
            return
        stored = find_comparisons(self.session, self.project_id, self._batch)
        rankings = find_rankings(self.session, [found.id for found in stored.values()])
        new: list[Comparison] = []
        hashes: list[str] = []
        merged: list[tuple[str, _Fresh]] = []
        for number, comparison in self._batch.values():
            found = stored.get(comparison.id)
            content = comparison_hash(comparison)
            try:
                if found and found.content_hash != content:
                    raise self._difference(comparison)
                fresh = _fresh_rankings(comparison, rankings.get(found.id, {}) if found else {})
            except RecordError as error:
                self._refuse(error, number)
                continue
            self.read += 1
            count_unusual(comparison, self.unusual)
            self.known["rankings"] += len(comparison.rankings) - len(fresh)
            merged.append((comparison.id, fresh))
            if found is None:
                new.append(comparison)
                hashes.append(content)
            else:
                self.known["comparisons"] += 1
        keys = {name: found.id for name, found in stored.items()}
        if new:
            added = add_comparisons(self.session, self.project_id, new, hashes)
            keys |= {comparison.id: key for comparison, key in zip(new, added, strict=True)}
        labels = [NewRanking(keys[name], *each) for name, fresh in merged for each in fresh]
        if labels:
            add_rankings(self.session, self.project_id, labels)
            count_votes(self.session, sorted({label.comparison_id for label in labels}))
            if self.policy.kind == "uncertain":
                voted = [name for name, fresh in merged if fresh]
                settle_targets(self.session, self.project_id, self.policy, voted)
        self.added["comparisons"] += len(new)
        self.added["completions"] += sum(len(comparison.completions) for comparison in new)
        self.added["rankings"] += len(labels)
        self._batch.clear()
        gc.collect(0)

    def _difference(self, comparison: Comparison) -> RecordError:
        (stored,) = read_stored(self.session, self.project_id, ids=[comparison.id])
        before, content = comparison_content(stored), comparison_content(comparison)
        differing = [key for key in {**before, **content} if before.get(key) != content.get(key)]
        return RecordError(
            f"comparison '{comparison.id}' is stored with other {' and other '.join(differing)}",
            field="id",
            fix="Give one of the two another id; rankings merge only where the rest is the same",
        )

    def _refuse(self, error: RecordError, number: int | None) -> None:
        placed = RecordError(error.problem, file=self.source, line=number, field=error.field, fix=error.fix)
        if self.bad is None:
            raise placed from error
        self.bad.append(str(placed))


UNUSUAL = (
    "empty_completions",
    "comparisons_with_identical_completions",
    "rankings_with_gaps",
    "rankings_with_best_above_1",
    "repeated_annotators",
)


def count_unusual(comparison: Comparison, counts: Counter[str]) -> None:
    """Count what is legal and worth knowing: see docs/data.md for each name."""
    texts = [completion.text for completion in comparison.completions]
    counts["empty_completions"] += texts.count("")
    counts["comparisons_with_identical_completions"] += len(set(texts)) < len(texts)
    seen: Counter[tuple[str, str]] = Counter()
    for ranking in comparison.rankings:
        tiers = {rank for rank in ranking.ranks or () if rank is not None}
        if tiers:
            counts["rankings_with_gaps"] += max(tiers) - min(tiers) + 1 > len(tiers)
            counts["rankings_with_best_above_1"] += min(tiers) > 1
        seen[ranking.annotator, ranking.criterion] += 1
    counts["repeated_annotators"] += sum(times > 1 for times in seen.values())


_Fresh = list[tuple[Ranking, str]]


def _fresh_rankings(comparison: Comparison, stored: Mapping[str, str]) -> _Fresh:
    """The rankings not stored yet, with their content hashes; RecordError where an id stands for another content."""
    seen = dict(stored)
    fresh: _Fresh = []
    for ranking in comparison.rankings:
        content = ranking_content_hash(ranking)
        if ranking.id not in seen:
            seen[ranking.id] = content
            fresh.append((ranking, content))
        elif seen[ranking.id] != content:
            raise RecordError(
                f"ranking '{ranking.id}' of comparison '{comparison.id}' stands for two different rankings",
                field="rankings.id",
                fix="Give one of the two another id, or none: it then gets the hash of its content",
            )
    return fresh
