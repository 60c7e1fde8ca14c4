"""Selection: which labels go into a snapshot, and into which split."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from workbench.errors import DataError, RecordError
from workbench.identity import SPLITS, prompt_hash, split_of
from workbench.records import COMPARISON_KINDS, Comparison, Ranking

RankingKey = tuple[str, str]
"""Comparison id and ranking id."""


@dataclass(frozen=True, kw_only=True)
class LabelFilter:
    """Which labels are taken."""

    criterion: str | None = None
    """The criterion to take; needed where the labels have more than one."""
    kinds: tuple[str, ...] = ("ordinary", "repeat")
    """Kinds of comparison to take."""
    include_evaluation: bool = False
    """Take evaluation labels too. The manifest says so, and with it the lineage of whatever learns from them."""

    def __post_init__(self) -> None:
        unknown = set(self.kinds) - set(COMPARISON_KINDS)
        if unknown:
            raise ValueError(
                f"kinds must be among {', '.join(COMPARISON_KINDS)}, got {', '.join(sorted(unknown))}"
            )
        if "evaluation" in self.kinds and not self.include_evaluation:
            raise ValueError(
                "evaluation labels are kept for judging: training on them spoils every figure they give; "
                "add --include-evaluation if that is what you want"
            )


@dataclass(frozen=True, kw_only=True)
class SplitRule:
    """How comparisons are divided into train, validation and test."""

    validation: float = 0.1
    """Share of opening turns in the validation split."""
    test: float = 0.1
    """Share of opening turns in the test split."""
    annotator_disjoint: bool = False
    """Give each annotator one split too, and leave out labels whose annotator and prompt are in different ones."""

    def __post_init__(self) -> None:
        # So written that what is no number fails too.
        if not (self.validation >= 0 and self.test >= 0 and self.validation + self.test < 1):
            raise ValueError(
                f"validation and test must be shares that leave some for train, got {self.validation} and {self.test}"
            )

    @property
    def fractions(self) -> Mapping[str, float]:
        """The share of each split."""
        shares = (1.0 - self.validation - self.test, self.validation, self.test)
        return dict(zip(SPLITS, shares, strict=True))


@dataclass(frozen=True, kw_only=True)
class Selected:
    """A comparison with the rankings that were taken, and its split."""

    split: str
    comparison: Comparison


@dataclass
class Selection:
    """The selected comparisons, in the order given; `left_out` counts what was not taken, by reason, as they pass.

    `comparisons` must hold no withdrawn and no superseded rankings. `later_repeats` comes from `later_repeats()`;
    `evaluation_prompts` are hashes of prompts whose pool is evaluation: their labels are evaluation labels, whatever
    the kind of comparison.
    """

    comparisons: Iterable[Comparison]
    labels: LabelFilter
    splits: SplitRule
    salt: str
    later_repeats: Collection[RankingKey] = frozenset()
    evaluation_prompts: Collection[str] = frozenset()
    left_out: Counter[str] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[Selected]:
        """Raises DataError at the second criterion where none was chosen."""
        criterion = self.labels.criterion
        for comparison in self.comparisons:
            if not self._is_wanted(comparison):
                continue
            rankings = self._take(comparison)
            for ranking in rankings if self.labels.criterion is None else ():
                criterion = criterion or ranking.criterion
                if ranking.criterion != criterion:
                    raise DataError(
                        f"the labels have more than one criterion ({criterion}, {ranking.criterion}, ...); "
                        f"choose one, for example with --criterion {criterion}"
                    )
            split = split_of(comparison.prompt, self.salt, self.splits.fractions)
            if self.splits.annotator_disjoint:
                rankings = self._of_split(rankings, split)
            if rankings:
                kept = tuple(replace(r, note=None) for r in sorted(rankings, key=lambda r: r.id))
                yield Selected(split=split, comparison=replace(comparison, rankings=kept))

    def _is_wanted(self, comparison: Comparison) -> bool:
        is_evaluation = comparison.kind == "evaluation" or (
            bool(self.evaluation_prompts) and prompt_hash(comparison.prompt) in self.evaluation_prompts
        )
        if is_evaluation and not self.labels.include_evaluation:
            self.left_out["evaluation"] += len(comparison.rankings)
            return False
        if not is_evaluation and comparison.kind not in self.labels.kinds:
            self.left_out[f"kind_{comparison.kind}"] += len(comparison.rankings)
            return False
        return True

    def _take(self, comparison: Comparison) -> list[Ranking]:
        rankings = self._counted(comparison.rankings, "skipped", lambda r: r.outcome == "ranked")
        if self.labels.criterion is not None:
            rankings = self._counted(
                rankings, "other_criterion", lambda r: r.criterion == self.labels.criterion
            )
        rankings = self._counted(
            rankings, "repeat", lambda r: (comparison.id, r.id) not in self.later_repeats
        )
        # The adjudication, where there is one, is the consensus by itself.
        judged = {r.criterion for r in rankings if r.annotator_kind == "adjudicator"}
        rankings = self._counted(
            rankings, "adjudicated", lambda r: r.annotator_kind == "adjudicator" or r.criterion not in judged
        )
        first: dict[tuple[str, str], int] = {}
        for ranking in rankings:
            key = (ranking.annotator, ranking.criterion)
            first[key] = min(ranking.attempt, first.get(key, ranking.attempt))
        return self._counted(
            rankings, "later_attempt", lambda r: r.attempt == first[r.annotator, r.criterion]
        )

    def _counted(
        self, rankings: Iterable[Ranking], reason: str, keep: Callable[[Ranking], bool]
    ) -> list[Ranking]:
        kept = []
        for ranking in rankings:
            if keep(ranking):
                kept.append(ranking)
            else:
                self.left_out[reason] += 1
        return kept

    def _of_split(self, rankings: list[Ranking], split: str) -> list[Ranking]:
        return self._counted(
            rankings, "annotator_of_another_split", lambda r: self._split_of_annotator(r) == split
        )

    def _split_of_annotator(self, ranking: Ranking) -> str:
        digest = hashlib.sha256(f"{self.salt}\x1fannotator\x1f{ranking.annotator}".encode()).hexdigest()
        return split_of(digest, self.salt, self.splits.fractions)


def merge_comparisons(comparisons: Iterable[Comparison]) -> list[Comparison]:
    """The comparisons sorted by id, each id once: lines of the same id and content have their rankings merged.

    RecordError where an id, of a comparison or of a ranking in it, stands for two contents.
    """
    merged: dict[str, Comparison] = {}
    for comparison in comparisons:
        known = merged.setdefault(comparison.id, comparison)
        if known is comparison:
            continue
        if replace(known, rankings=()) != replace(comparison, rankings=()):
            raise RecordError(
                f"comparison '{comparison.id}' stands in the file with two contents",
                field="id",
                fix="Give one of the two another id",
            )
        rankings = {ranking.id: ranking for ranking in known.rankings}
        for ranking in comparison.rankings:
            if rankings.setdefault(ranking.id, ranking) != ranking:
                raise RecordError(
                    f"ranking '{ranking.id}' of comparison '{comparison.id}' stands for two different rankings",
                    field="rankings.id",
                    fix="Give one of the two another id, or none: it then gets the hash of its content",
                )
        merged[comparison.id] = replace(known, rankings=tuple(rankings.values()))
    return [merged[name] for name in sorted(merged)]


def later_repeats(comparisons: Iterable[Comparison]) -> frozenset[RankingKey]:
    """The rankings of repeats whose annotator had ranked the same thing before.

    A repeat shows a comparison again to measure an annotator against themselves; a trainer should count that annotator
    once. Of one annotator's rankings of a comparison and its repeats under one criterion, the original's are kept; if
    there are none, those of the earliest repeat (by time as written, then id).
    """
    groups: dict[tuple[str, str, str], list[tuple[bool, str, str, str]]] = defaultdict(list)
    for comparison in comparisons:
        original = comparison.repeat_of or comparison.id
        for ranking in comparison.rankings:
            if ranking.outcome == "ranked":
                groups[original, ranking.annotator, ranking.criterion].append(
                    (comparison.repeat_of is not None, ranking.at or "", comparison.id, ranking.id)
                )
    later = set()
    for rankings in groups.values():
        first = min(rankings)[2]
        later |= {
            (comparison_id, ranking_id)
            for _, _, comparison_id, ranking_id in rankings
            if comparison_id != first
        }
    return frozenset(later)
