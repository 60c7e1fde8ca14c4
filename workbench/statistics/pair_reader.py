"""Reading rankings into pair labels: rows of ranks first, then all judgements of a block of rows at once."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

import numpy as np

from workbench.records import Comparison, Prompt, Ranking
from workbench.statistics.pairs import COUNTED_KINDS, Integers, Judge, PairLabels, RankBlock


def expand_pairs(comparisons: Iterable[Comparison]) -> PairLabels:
    """All judgements that the rankings of `comparisons` make on pairs of completions.

    Not counted, and told in `dropped`: adjudications, rankings of gold and qualification comparisons, pairs of
    completions with the same words, pairs of which one was left unranked. Where a comparison holds the same completion
    twice, both copies give the same unit with a third one: one judgement is counted if they agree and none if they
    do not. Reads the stream once.
    """
    reader = _Reader()
    for comparison in comparisons:
        reader.read(comparison)
    return reader.labels()


class _Reader:
    """Gathers rankings as rows by their number of completions, then expands each block at once."""

    def __init__(self) -> None:
        self.prompts: dict[bytes, int] = {}
        self.items: dict[tuple[int, bytes, tuple[str, ...]], int] = {}
        self.words: dict[tuple[int, bytes], int] = {}
        self.twins_of: dict[int, int] = {}
        """The words of items that met another with the same words, as numbers below zero."""
        self.criteria: dict[str, int] = {}
        self.annotators: dict[tuple[str, str], int] = {}
        self.seconds: list[list[float]] = []
        self.rankings: list[int] = []
        self.skips: list[int] = []
        self.tags: list[Mapping[str, str]] = []
        self.blocks: dict[int, _Block] = {}
        self.counts: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.twins = False

    def read(self, comparison: Comparison) -> None:
        self.counts["comparisons"] += 1
        if not comparison.rankings:
            return
        if comparison.kind not in COUNTED_KINDS:
            self.dropped[f"rankings of {comparison.kind} comparisons"] += len(comparison.rankings)
            return
        prompt = self.prompts.setdefault(_prompt_key(comparison.prompt), len(self.prompts))
        texts = [_key(completion.text) for completion in comparison.completions]
        items = [
            self.items.setdefault((prompt, text, completion.source), len(self.items))
            for text, completion in zip(texts, comparison.completions, strict=True)
        ]
        if len(set(texts)) < len(texts):
            self.twins |= len(set(items)) < len(items)
            for item, text in zip(items, texts, strict=True):
                self.twins_of[item] = self.words.setdefault((prompt, text), -1 - len(self.words))
        index = len(self.tags)
        self.tags.append(comparison.tags)
        block = self.blocks.setdefault(len(items), _Block(len(items)))
        for ranking in comparison.rankings:
            self._read_ranking(ranking, index, prompt, items, block)

    def _read_ranking(
        self, ranking: Ranking, index: int, prompt: int, items: list[int], block: "_Block"
    ) -> None:
        if ranking.annotator_kind == "adjudicator":
            self.dropped["adjudications"] += 1
            return
        annotator = self._annotator(ranking)
        if ranking.outcome == "skipped" or ranking.ranks is None:
            self.skips[annotator] += 1
            self.counts["skips"] += 1
            return
        self.counts["rankings"] += 1
        self.rankings[annotator] += 1
        if ranking.seconds is not None:
            self.seconds[annotator].append(ranking.seconds)
        criterion = self.criteria.setdefault(ranking.criterion, len(self.criteria))
        block.add(items, ranking.ranks, ranking.order, (index, prompt, annotator, criterion))

    def _annotator(self, ranking: Ranking) -> int:
        key = (ranking.annotator, ranking.annotator_kind)
        known = self.annotators.get(key)
        if known is not None:
            return known
        self.annotators[key] = len(self.annotators)
        self.seconds.append([])
        self.rankings.append(0)
        self.skips.append(0)
        return self.annotators[key]

    def labels(self) -> PairLabels:
        blocks = [block.arrays() for _, block in sorted(self.blocks.items())]
        columns: dict[str, list[Integers]] = {name: [_EMPTY] for name in _COLUMNS}
        offset, words = 0, np.arange(len(self.items))
        words[list(self.twins_of)] = list(self.twins_of.values())
        for block in blocks:
            for name, values in _expand(block, words, offset, self.dropped).items():
                columns[name].append(values)
            offset += len(block.items)
            if block.items.shape[1] == 1:
                self.dropped["rankings of a single completion"] += len(block.items)
        return self._numbered({name: np.concatenate(parts) for name, parts in columns.items()}, blocks)

    def _numbered(self, columns: dict[str, Integers], blocks: Sequence[RankBlock]) -> PairLabels:
        """Give units their numbers, and each unit the orientation of the comparison that first held it."""
        first, second = columns.pop("first"), columns.pop("second")
        criterion = columns.pop("criterion")
        low, high = np.minimum(first, second), np.maximum(first, second)
        key = (low * max(len(self.items), 1) + high) * max(len(self.criteria), 1) + criterion
        _, at, unit = np.unique(key, return_index=True, return_inverse=True)
        unit_criterion = criterion[at]
        flip = np.where((first == low) == (first == low)[at][unit], 1, -1)
        columns |= {
            "unit": unit.astype(np.int64),
            "label": columns["label"] * flip,
            "first_shown": columns["first_shown"] * flip,
        }
        if self.twins:
            columns = _merge_twins(columns, self.dropped)
        judges = [
            Judge(
                name=name,
                kind=kind,
                rankings=self.rankings[i],
                skips=self.skips[i],
                seconds=float(np.median(self.seconds[i])) if self.seconds[i] else None,
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
            num_prompts=len(self.prompts),
            blocks=blocks,
            counts=dict(self.counts),
            dropped={reason: count for reason, count in self.dropped.items() if count},
        )


def _merge_twins(columns: dict[str, Integers], dropped: Counter[str]) -> dict[str, Integers]:
    """One judgement a ranking and unit: repeated ones are counted once, contradicting ones not at all."""
    key = columns["ranking"] * (int(columns["unit"].max(initial=0)) + 1) + columns["unit"]
    _, at, group, size = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    total = np.bincount(group, weights=columns["label"]).astype(np.int64)
    square = np.bincount(group, weights=columns["label"] ** 2).astype(np.int64)
    # All labels of a group are equal just when their variance is 0.
    agreed = total**2 == size * square
    dropped["judgements repeated on copies of one completion"] += int((size - 1)[agreed].sum())
    dropped["judgements that contradict each other on copies of one completion"] += int(size[~agreed].sum())
    keep = np.sort(at[agreed])
    return {name: values[keep] for name, values in columns.items()}


_COLUMNS = (
    "first",
    "second",
    "label",
    "annotator",
    "ranking",
    "prompt",
    "comparison",
    "criterion",
    "first_shown",
)
_EMPTY: Integers = np.empty(0, np.int64)


class _Block:
    """The rankings of comparisons with K completions, flat: R rows of K items, ranks (0: none) and positions."""

    def __init__(self, k: int) -> None:
        self.k = k
        self.items: list[int] = []
        self.ranks: list[int] = []
        self.positions: list[int] = []
        self.meta: list[int] = []

    def add(
        self,
        items: list[int],
        ranks: tuple[int | None, ...],
        order: tuple[int, ...] | None,
        meta: tuple[int, int, int, int],
    ) -> None:
        self.items += items
        self.ranks += [rank or 0 for rank in ranks]
        positions = [-1] * self.k
        for position, i in enumerate(order or ()):
            positions[i] = position
        self.positions += positions
        self.meta += meta

    def arrays(self) -> RankBlock:
        items, ranks, positions = (
            np.array(values, np.int64).reshape(-1, self.k)
            for values in (self.items, self.ranks, self.positions)
        )
        comparison, prompt, annotator, criterion = np.array(self.meta, np.int64).reshape(-1, 4).T
        return RankBlock(
            items=items,
            ranks=ranks,
            positions=positions,
            comparison=comparison,
            prompt=prompt,
            annotator=annotator,
            criterion=criterion,
        )


def _expand(block: RankBlock, words: Integers, offset: int, dropped: Counter[str]) -> dict[str, Integers]:
    """The judgements of a block's rankings, which are numbered from `offset`; `words` are those of each item."""
    one, two = np.triu_indices(block.items.shape[1], 1)
    rank_one, rank_two = block.ranks[:, one], block.ranks[:, two]
    same = words[block.items[:, one]] == words[block.items[:, two]]
    unranked = ~same & ((rank_one == 0) | (rank_two == 0))
    keep = ~same & ~unranked
    dropped["pairs of completions with the same words"] += int(same.sum())
    # A completion that an annotator never saw was not left out by them.
    hidden = (block.positions < 0) & (block.positions >= 0).any(1, keepdims=True)
    seen = ~hidden[:, one] & ~hidden[:, two]
    dropped["pairs of which a completion was left unranked"] += int((unranked & seen).sum())
    row, _ = np.nonzero(keep)
    place_one, place_two = block.positions[:, one], block.positions[:, two]
    shown = np.where((place_one < 0) | (place_two < 0), 0, np.sign(place_two - place_one))
    return {
        "first": block.items[:, one][keep],
        "second": block.items[:, two][keep],
        "label": np.sign(rank_two - rank_one)[keep],
        "annotator": block.annotator[row],
        "ranking": row + offset,
        "prompt": block.prompt[row],
        "comparison": block.comparison[row],
        "criterion": block.criterion[row],
        "first_shown": shown[keep],
    }


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
