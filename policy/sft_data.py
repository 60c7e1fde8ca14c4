"""Demonstrations as training examples: token ids, and labels on what the assistant says and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from policy.sft_config import SFTConfig
from workbench.artifacts import hash_file
from workbench.errors import DataError
from workbench.identity import content_hash, split_of
from workbench.jsonl import read_comparisons, read_demonstrations
from workbench.modeling.chat import encode_completion, encode_prompt, prompt_messages
from workbench.records import Comparison, Demonstration, Message
from workbench.snapshots import open_snapshot

IGNORED = -100
"""The label of a token that no loss is taken on."""
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Example:
    """One demonstration as tokens: input_ids and labels of one length, IGNORED where no loss is taken."""

    id: str
    input_ids: list[int]
    labels: list[int]


@dataclass(kw_only=True)
class Counts:
    """What was done with the demonstrations."""

    examples: int = 0
    tokens: int = 0
    trained_tokens: int = 0
    truncated: int = 0
    """Examples cut at the end, so that they do not teach where to stop."""
    too_long: list[str] = field(default_factory=list)
    """Ids of examples left out because nothing of the assistant was inside the context."""
    no_winner: int = 0
    """Comparisons without a single best completion."""


@dataclass(frozen=True, kw_only=True)
class SFTSource:
    """The demonstrations of a run, and what its lineage says of them."""

    demonstrations: Sequence[Demonstration]
    hashes: dict[str, str]
    """Hash by file name of every file that was read."""
    snapshot: str | None
    """Content hash, if comparisons came from a snapshot."""
    no_winner: int


def read_source(config: SFTConfig) -> SFTSource:
    """Every demonstration that the settings name: those people wrote, then the winners of comparisons."""
    found: list[Demonstration] = []
    hashes: dict[str, str] = {}
    for path in config.demonstrations:
        if not Path(path).is_file():
            raise DataError(f"there is no file of demonstrations at {path}")
        found += read_demonstrations(path)
        hashes[Path(path).name] = hash_file(path)
    snapshot, no_winner = None, 0
    if config.comparisons:
        if Path(config.comparisons).is_file():
            comparisons: Iterable[Comparison] = read_comparisons(config.comparisons)
            hashes[Path(config.comparisons).name] = hash_file(config.comparisons)
        else:
            opened = open_snapshot(config.comparisons)
            comparisons, snapshot = opened.comparisons("train"), opened.content_hash
        winners = [winner(comparison, config.criterion) for comparison in comparisons]
        found += [one for one in winners if one is not None]
        no_winner = sum(one is None for one in winners)
    if not found:
        raise DataError(
            f"there is nothing to learn from: no demonstration, and {no_winner} comparisons without a single best "
            "completion"
        )
    return SFTSource(demonstrations=found, hashes=hashes, snapshot=snapshot, no_winner=no_winner)


def winner(comparison: Comparison, criterion: str | None = None) -> Demonstration | None:
    """The completion that rankings put first, as a demonstration; None where none stands alone at the top.

    Each ranking scores a completion by the share of the others it ranked that are below it, ties half; scores are
    averaged. Several criteria and none chosen is a DataError. An empty completion is never taken.
    """
    rankings = [r for r in comparison.rankings if r.ranks is not None and r.outcome == "ranked"]
    criteria = sorted({r.criterion for r in rankings})
    if criterion is None and len(criteria) > 1:
        raise DataError(
            f"comparison {comparison.id} is ranked by {' and '.join(criteria)}; choose one with --criterion"
        )
    scores: dict[int, list[float]] = {}
    for ranking in rankings:
        if criterion not in (None, ranking.criterion):
            continue
        ranks = {i: rank for i, rank in enumerate(ranking.ranks or ()) if rank is not None}
        for i, rank in ranks.items():
            others = [other for j, other in ranks.items() if j != i]
            if others:
                beaten = sum((rank < other) + 0.5 * (rank == other) for other in others)
                scores.setdefault(i, []).append(beaten / len(others))
    means = {i: sum(values) / len(values) for i, values in scores.items()}
    best = [i for i, mean in means.items() if mean == max(means.values())]
    if len(best) != 1 or not comparison.completions[best[0]].text.strip():
        return None
    answer = Message("assistant", comparison.completions[best[0]].text)
    return Demonstration(
        id=comparison.id, messages=(*prompt_messages(comparison.prompt), answer), tags=comparison.tags
    )


def encode(tokenizer: PreTrainedTokenizerBase, demonstration: Demonstration) -> Example:
    """Tokens of the whole conversation; labels on every assistant turn, its end token included.

    An earlier assistant turn is trained on only where the template shows it exactly as it was said (some templates
    cut what a model thought aloud out of earlier turns).
    """
    messages = demonstration.messages
    prompt = encode_prompt(tokenizer, _prompt(demonstration))
    answer = encode_completion(tokenizer, messages[-1].content)
    input_ids = prompt + answer
    labels = [IGNORED] * len(prompt) + answer
    for turn, message in enumerate(messages[:-1]):
        if message.role == "assistant" and turn:
            before = encode_prompt(tokenizer, messages[:turn])
            said = encode_completion(tokenizer, message.content)
            place = slice(len(before), len(before) + len(said))
            if input_ids[: place.stop] == before + said:
                labels[place] = said
    return Example(demonstration.id, input_ids, labels)


def encode_all(
    tokenizer: PreTrainedTokenizerBase,
    demonstrations: Iterable[Demonstration],
    *,
    max_length: int,
    skip_too_long: bool,
) -> tuple[list[Example], Counts]:
    """The examples, cut at `max_length` tokens, and what happened to them.

    An example that has no trained token left would train nothing, silently: unless `skip_too_long`, any such example
    is a DataError with its id and lengths.
    """
    counts = Counts()
    examples: list[Example] = []
    lengths: list[tuple[str, int, int]] = []
    for example in _encoded(tokenizer, demonstrations):
        labels = example.labels[:max_length]
        # The first token has nothing before it to be predicted from.
        trained = sum(label != IGNORED for label in labels[1:])
        if not trained:
            first = next(
                (i for i, label in enumerate(example.labels) if label != IGNORED), len(example.labels)
            )
            lengths.append((example.id, first, len(example.input_ids)))
            continue
        counts.truncated += len(example.input_ids) > max_length
        counts.examples += 1
        counts.tokens += len(labels)
        counts.trained_tokens += trained
        examples.append(Example(example.id, example.input_ids[:max_length], labels))
    if lengths and (not skip_too_long or not examples):
        raise DataError(_too_long(lengths, counts.examples + len(lengths), max_length))
    counts.too_long = [id for id, _, _ in lengths]
    return examples, counts


def divide(
    demonstrations: Sequence[Demonstration], fraction: float
) -> tuple[list[Demonstration], list[Demonstration]]:
    """Training and held-out demonstrations, by the hash of the opening turn."""
    shares = {"train": 1.0 - fraction, "validation": fraction, "test": 0.0}
    held = [fraction > 0 and split_of(_prompt(one), "sft", shares) == "validation" for one in demonstrations]
    train = [one for one, out in zip(demonstrations, held, strict=True) if not out]
    if not train:
        raise DataError(
            f"all {len(demonstrations)} demonstrations fell into the held-out share of {fraction}; give more, or "
            "set validation_fraction to 0"
        )
    return train, [one for one, out in zip(demonstrations, held, strict=True) if out]


def tag_values(demonstrations: Iterable[Demonstration]) -> dict[str, list[str]]:
    """Every tag and the values it has, for the lineage."""
    values: dict[str, set[str]] = {}
    for demonstration in demonstrations:
        for key, value in demonstration.tags.items():
            values.setdefault(key, set()).add(value)
    return {key: sorted(found) for key, found in sorted(values.items())}


def examples_hash(examples: Sequence[Example]) -> str:
    """A hash of what is trained on: ids, tokens and labels in order."""
    return content_hash([[one.id, one.input_ids, one.labels] for one in examples])


def _prompt(demonstration: Demonstration) -> tuple[Message, ...]:
    if len(demonstration.messages) < 2:
        raise DataError(
            f"demonstration {demonstration.id} has no prompt; put a user's message before the answer"
        )
    return demonstration.messages[:-1]


def _encoded(
    tokenizer: PreTrainedTokenizerBase, demonstrations: Iterable[Demonstration]
) -> Iterator[Example]:
    for demonstration in demonstrations:
        try:
            yield encode(tokenizer, demonstration)
        except DataError as error:
            raise DataError(f"demonstration {demonstration.id}: {error}") from error


def _too_long(lengths: list[tuple[str, int, int]], total: int, max_length: int) -> str:
    named = "; ".join(
        f"{id}: the assistant begins after {first} of {whole} tokens" for id, first, whole in lengths[:_NAMED]
    )
    more = f"; and {len(lengths) - _NAMED} more" if len(lengths) > _NAMED else ""
    return (
        f"{len(lengths)} of {total} demonstrations have no token of the assistant within {max_length} tokens, so they "
        f"would train nothing ({named}{more}). Shorten their prompts, use a model with a longer context, or leave "
        "them out with --skip-too-long"
    )
