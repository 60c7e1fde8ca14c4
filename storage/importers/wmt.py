"""WMT's relative rankings: judges rank up to five translations of a segment, shown in a recorded order."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.importers.fields import require_list, require_number, require_text
from workbench.errors import RecordError, quoted
from workbench.jsonl import OnBad, read_numbered
from workbench.records import Comparison, Completion, Message, Ranking

CRITERION = "translation"
_Systems = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    """One judge's ranking of one segment: what was shown, in order, and the tier of each."""

    id: str
    pair: tuple[str, str]
    segment: int
    judge: str
    seconds: float
    shown: tuple[_Systems, ...]
    ranks: tuple[int, ...]


def read_wmt(path: str | Path, *, on_bad: OnBad | None = None) -> Iterator[Comparison]:
    """One comparison a segment and language pair, with all outputs that any judge saw of it.

    Fields: rid, src, trg, segment, judge, seconds, ranking ([[[systems], rank], ...] in the order shown). The file is
    read whole before the first comparison comes (32,000 rankings take 40 MB), since a segment's rankings lie scattered.

    The file names outputs by the systems that produced them and has no texts. Systems with the same output are shown
    as one, so they are one completion with several sources, and its text is their names, sorted, joined by " = ".
    Judges may have seen different groupings of the same systems; those are different completions, since counting them
    as one would change the published pair counts. `order` is the order shown and names only what this judge saw; the
    rank of everything else is None. A judge who ranked a segment again gets attempt 2, 3, ... in file order.
    """
    segments: dict[tuple[str, str, int], list[_Row]] = defaultdict(list)
    for _, row in read_numbered(path, _row, on_bad):
        segments[*row.pair, row.segment].append(row)
    for rows in segments.values():
        yield _comparison(rows)


def _row(record: Mapping[str, Any]) -> _Row:
    shown: list[_Systems] = []
    ranks: list[int] = []
    for entry in require_list(record, "ranking"):
        match entry:
            case [[str(), *_] as systems, int(rank)] if rank >= 1 and all(
                isinstance(s, str) for s in systems
            ):
                shown.append(tuple(sorted(systems)))
                ranks.append(rank)
            case _:
                raise RecordError(f"must be [[systems], rank from 1], got {quoted(entry)}", field="ranking")
    if len(set(shown)) != len(shown):
        raise RecordError("holds the same systems twice", field="ranking")
    return _Row(
        id=str(int(require_number(record, "rid"))),
        pair=(require_text(record, "src"), require_text(record, "trg")),
        segment=int(require_number(record, "segment")),
        judge=require_text(record, "judge"),
        seconds=require_number(record, "seconds"),
        shown=tuple(shown),
        ranks=tuple(ranks),
    )


def _comparison(rows: list[_Row]) -> Comparison:
    source, target = rows[0].pair
    segment = rows[0].segment
    groups = sorted({systems for row in rows for systems in row.shown})
    index = {systems: i for i, systems in enumerate(groups)}
    attempts: Counter[str] = Counter()
    rankings = []
    for row in rows:
        attempts[row.judge] += 1
        rank_of = dict(zip(row.shown, row.ranks, strict=True))
        rankings.append(
            Ranking(
                id=f"wmt16-{row.id}",
                annotator=f"wmt16-{row.judge}",
                criterion=CRITERION,
                ranks=tuple(rank_of.get(systems) for systems in groups),
                order=tuple(index[systems] for systems in row.shown),
                seconds=row.seconds,
                attempt=attempts[row.judge],
            )
        )
    return Comparison(
        id=f"wmt16-{source}-{target}-{segment}",
        prompt=(Message(role="user", content=f"Translate segment {segment} from {source} to {target}."),),
        completions=tuple(Completion(text=" = ".join(systems), source=systems) for systems in groups),
        rankings=tuple(rankings),
        tags={"language": f"{source}-{target}"},
    )
