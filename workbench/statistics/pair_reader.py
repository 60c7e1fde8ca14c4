"""Reading rankings into pair labels: rows of ranks first, then all judgements of a block of rows at once."""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from itertools import pairwise

import numpy as np

from workbench.cycles import no_search_for_cycles
from workbench.records import Comparison, Prompt, Ranking
from workbench.statistics.excerpts import Excerpts, excerpt
from workbench.statistics.groups import group_rows
from workbench.statistics.pair_blocks import COLUMNS, Block, expand_block
from workbench.statistics.pairs import COUNTED_KINDS, Integers, Judge, PairLabels, RankBlock


def expand_pairs(comparisons: Iterable[Comparison]) -> PairLabels:
    """All judgements that the rankings of `comparisons` make on pairs of completions.

    Not counted, and told in `dropped`: adjudications, rankings of gold and qualification comparisons, pairs of
    completions with the same words, pairs of which one was left unranked. Where a comparison holds the same completion
    twice, both copies give the same unit with a third one: one judgement is counted if they agree and none if they
    do not. Reads the stream once.
    """
    reader = PairReader()
    with no_search_for_cycles():
        for comparison in comparisons:
            reader.read(comparison)
    return reader.labels()


class PairReader:
    """Gathers rankings as rows by their number of completions, then expands each block at once.

    Names, texts and so on are numbered in the order in which they first came.
    """

    def __init__(self) -> None:
        self.prompts: dict[bytes, int] = {}
        self.items: dict[tuple[int, bytes, tuple[str, ...]], int] = {}
        self.words: dict[tuple[int, bytes], int] = {}
        self.twins_of: dict[int, int] = {}
        """The words of items that met another with the same words, as numbers below zero."""
        self.criteria: dict[str, int] = {}
        self.annotators: dict[tuple[str, str], int] = {}
        self.guidelines: dict[str, int] = {}
        self.rankings: list[int] = []
        self.skips: list[int] = []
        self.tags: list[Mapping[str, str]] = []
        self.comparison_ids: list[str] = []
        self.prompt_texts: list[str] = []
        self.lengths: list[int] = []
        self.texts = Excerpts()
        self.blocks: dict[int, Block] = {}
        self.counts: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.twins = False

    def read(self, comparison: Comparison) -> None:
        """Take in one comparison with its rankings."""
        self.counts["comparisons"] += 1
        if empty := sum(not completion.text for completion in comparison.completions):
            self.counts["empty_completions"] += empty
        if not comparison.rankings:
            self.counts["comparisons_without_rankings"] += 1
            return
        if comparison.kind not in COUNTED_KINDS:
            self.dropped[f"rankings of {comparison.kind} comparisons"] += len(comparison.rankings)
            return
        prompt = self.prompts.setdefault(_prompt_key(comparison.prompt), len(self.prompts))
        if prompt == len(self.prompt_texts):
            self.prompt_texts.append(_excerpt(comparison.prompt))
        texts = [_key(completion.text) for completion in comparison.completions]
        items = array("q")
        for text, completion in zip(texts, comparison.completions, strict=True):
            item = self.items.setdefault((prompt, text, completion.source), len(self.items))
            if item == len(self.lengths):
                self.lengths.append(len(completion.text))
                self.texts.append(completion.text)
            items.append(item)
        if len(set(texts)) < len(texts):
            self.twins |= len(set(items)) < len(items)
            for item, text in zip(items, texts, strict=True):
                self.twins_of[item] = self.words.setdefault((prompt, text), -1 - len(self.words))
        index = len(self.tags)
        self.tags.append(comparison.tags)
        self.comparison_ids.append(comparison.id)
        block = self.blocks.get(len(items))
        if block is None:
            block = self.blocks[len(items)] = Block(len(items))
        for ranking in comparison.rankings:
            self._read_ranking(ranking, index, prompt, items, block)

    def _read_ranking(
        self, ranking: Ranking, index: int, prompt: int, items: "array[int]", block: Block
    ) -> None:
        if ranking.annotator_kind == "adjudicator":
            self.dropped["adjudications"] += 1
            return
        annotator = self._annotator(ranking)
        if ranking.outcome == "skipped" or ranking.ranks is None:
            self.skips[annotator] += 1
            self.counts["skips"] += 1
            return
        self.rankings[annotator] += 1
        criterion = self.criteria.setdefault(ranking.criterion, len(self.criteria))
        guideline = -1
        if ranking.guideline is not None:
            guideline = self.guidelines.setdefault(ranking.guideline, len(self.guidelines))
        block.add(
            items,
            ranking.ranks,
            ranking.order,
            (index, prompt, annotator, criterion, guideline),
            (math.nan if ranking.seconds is None else ranking.seconds, self._when(ranking.at)),
        )

    def _when(self, at: str | None) -> float:
        """Seconds since 1970; a time that cannot be read is counted and taken as unknown."""
        if at is None:
            return math.nan
        try:
            return datetime.fromisoformat(at).timestamp()
        except ValueError:
            self.dropped["times that are not ISO 8601 (their rankings count)"] += 1
            return math.nan

    def _annotator(self, ranking: Ranking) -> int:
        key = (ranking.annotator, ranking.annotator_kind)
        known = self.annotators.get(key)
        if known is not None:
            return known
        self.annotators[key] = len(self.annotators)
        self.rankings.append(0)
        self.skips.append(0)
        return self.annotators[key]

    def labels(self) -> PairLabels:
        """The judgements of all that was read."""
        blocks = [block.arrays() for _, block in sorted(self.blocks.items())]
        columns: dict[str, list[Integers]] = {name: [_EMPTY] for name in COLUMNS}
        offset, words = 0, np.arange(len(self.items))
        words[list(self.twins_of)] = list(self.twins_of.values())
        for block in blocks:
            for name, values in expand_block(block, words, offset, self.dropped).items():
                columns[name].append(values)
            offset += len(block.items)
            if block.items.shape[1] == 1:
                self.dropped["rankings of a single completion"] += len(block.items)
        self.counts["rankings"] = sum(self.rankings)
        return self._numbered({name: np.concatenate(parts) for name, parts in columns.items()}, blocks)

    def _numbered(self, columns: dict[str, Integers], blocks: Sequence[RankBlock]) -> PairLabels:
        """Give units their numbers, and each unit the orientation of the comparison that first held it."""
        first, second = columns.pop("first"), columns.pop("second")
        criterion = columns.pop("criterion")
        low, high = np.minimum(first, second), np.maximum(first, second)
        key = (low * max(len(self.items), 1) + high) * max(len(self.criteria), 1) + criterion
        found = group_rows(key)
        at, unit = found.row, found.group
        unit_criterion = criterion[at]
        flip = np.where((first == low) == (first == low)[at][unit], 1, -1)
        columns |= {
            "unit": unit,
            "label": columns["label"] * flip,
            "first_shown": columns["first_shown"] * flip,
        }
        if self.twins:
            columns = _merge_twins(columns, self.dropped)
        seconds = _median_seconds(blocks, len(self.annotators))
        judges = [
            Judge(
                name=name,
                kind=kind,
                rankings=self.rankings[i],
                skips=self.skips[i],
                seconds=seconds[i],
            )
            for (name, kind), i in self.annotators.items()
        ]
        return PairLabels(
            **columns,
            unit_criterion=unit_criterion,
            unit_items=np.stack([first[at], second[at]], axis=1),
            sources=[source for _, _, source in self.items],
            judges=judges,
            criteria=list(self.criteria),
            tags=self.tags,
            item_length=np.array(self.lengths, np.int64),
            item_texts=self.texts,
            comparison_ids=self.comparison_ids,
            prompt_texts=self.prompt_texts,
            guidelines=list(self.guidelines),
            num_prompts=len(self.prompts),
            blocks=blocks,
            counts=dict(self.counts),
            dropped={reason: count for reason, count in self.dropped.items() if count},
        )


def _median_seconds(blocks: Sequence[RankBlock], annotators: int) -> list[float | None]:
    """Each annotator's median time a ranking; None where no time is known."""
    who = np.concatenate([_EMPTY, *(block.annotator for block in blocks)])
    seconds = np.concatenate([np.empty(0), *(block.seconds for block in blocks)])
    known = np.isfinite(seconds)
    who, seconds = who[known], seconds[known]
    order = np.argsort(who, kind="stable")
    bounds = np.searchsorted(who[order], np.arange(annotators + 1))
    return [
        float(np.median(seconds[order[low:high]])) if high > low else None
        for low, high in pairwise(bounds.tolist())
    ]


def _merge_twins(columns: dict[str, Integers], dropped: Counter[str]) -> dict[str, Integers]:
    """One judgement a ranking and unit: repeated ones are counted once, contradicting ones not at all."""
    key = columns["ranking"] * (int(columns["unit"].max(initial=0)) + 1) + columns["unit"]
    found = group_rows(key)
    at, group, size = found.row, found.group, found.size
    total = np.bincount(group, weights=columns["label"]).astype(np.int64)
    square = np.bincount(group, weights=columns["label"] ** 2).astype(np.int64)
    # All labels of a group are equal just when their variance is 0.
    agreed = total**2 == size * square
    dropped["judgements repeated on copies of one completion"] += int((size - 1)[agreed].sum())
    dropped["judgements that contradict each other on copies of one completion"] += int(size[~agreed].sum())
    keep = np.sort(at[agreed])
    return {name: values[keep] for name, values in columns.items()}


_EMPTY: Integers = np.empty(0, np.int64)


def _excerpt(prompt: Prompt) -> str:
    """The beginning of a prompt; of a conversation, the beginning of its last turn."""
    if isinstance(prompt, str):
        text = prompt
    else:
        text = prompt[-1].content if len(prompt) == 1 else f"[turn {len(prompt)}] {prompt[-1].content}"
    return excerpt(text)


def _key(text: str) -> bytes:
    """What a text is known by: itself where it is short, which is faster, else its digest."""
    data = text.encode()
    return data if len(data) < 16 else blake2b(data, digest_size=16).digest()


def _prompt_key(prompt: Prompt) -> bytes:
    """Plain text and a message with the same words are different prompts."""
    if isinstance(prompt, str):
        return b"t" + _key(prompt)
    # The length of each content keeps a separator inside one from being read as the end of it.
    return b"m" + _key("".join(f"{m.role}\x1f{len(m.content)}\x1e{m.content}" for m in prompt))
