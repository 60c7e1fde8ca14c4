"""Damaged gold: comparisons whose answer is known because one completion was spoilt, made from a project's own data."""

import random
from collections.abc import Callable, Iterator, Sequence

from sqlalchemy.orm import Session

from storage.comparisons import read_comparisons
from storage.importing import ImportReport, import_comparisons
from workbench.errors import DataError
from workbench.identity import content_hash
from workbench.records import Comparison, Completion, Ranking
from workbench.seeds import derive_seed
from workbench.text import is_unspaced

SHORTEST = 12
"""Words (characters in scripts without spaces) that a completion needs to be worth spoiling."""
MOST_COMPLETIONS = 4
JUDGE = "damage"
"""The adjudicator that the known rankings carry."""


def truncate(text: str, draw: random.Random, other: str) -> str:
    """The first third to half, cut within a sentence."""
    parts, between = _parts(text)
    return between.join(parts[: max(2, int(len(parts) * draw.uniform(0.33, 0.5)))])


def shuffle(text: str, draw: random.Random, other: str) -> str:
    """The same words in a drawn order."""
    parts, between = _parts(text)
    mixed = parts[:]
    draw.shuffle(mixed)
    return between.join(mixed)


def misplace(text: str, draw: random.Random, other: str) -> str:
    """A completion of another prompt."""
    return other


DAMAGES: dict[str, Callable[[str, random.Random, str], str]] = {
    "truncated": truncate,
    "shuffled": shuffle,
    "misplaced": misplace,
}


def make_damaged_gold(
    session: Session, project_id: int, count: int, *, seed: int, actor: str
) -> ImportReport:
    """Add up to `count` gold comparisons to a project; the same seed on the same data adds nothing twice."""
    sources = [
        comparison
        for comparison in read_comparisons(session, project_id)
        if comparison.kind == "ordinary" and any(map(_is_worth, comparison.completions))
    ]
    if len(sources) < 2:
        raise DataError(
            f"{len(sources)} comparisons have a completion of {SHORTEST} words or more; gold needs two, "
            "since one kind of damage is the completion of another prompt"
        )
    random.Random(derive_seed(seed, "damaged gold")).shuffle(sources)
    made = list(damaged_comparisons(sources, count, seed=seed))
    return import_comparisons(
        session, project_id, lambda _: enumerate(made, start=1), source="damaged gold", actor=actor
    )


def damaged_comparisons(sources: Sequence[Comparison], count: int, *, seed: int) -> Iterator[Comparison]:
    """One gold comparison of each source: up to four completions, of which one is a spoilt copy of another.

    Only that pair is decided: nothing else about the completions is known. The kinds of damage take turns.
    """
    kinds = list(DAMAGES)
    for number, source in enumerate(sources[:count]):
        kind = kinds[number % len(kinds)]
        draw = random.Random(derive_seed(seed, "damage", source.id))
        whole = draw.choice([completion for completion in source.completions if _is_worth(completion)])
        stranger = sources[(number + 1) % len(sources)]
        other = draw.choice([completion.text for completion in stranger.completions if _is_worth(completion)])
        spoilt = DAMAGES[kind](whole.text, draw, other)
        if spoilt == whole.text:
            continue
        rest = [completion for completion in source.completions if completion is not whole]
        completions = [whole, Completion(text=spoilt), *rest[: MOST_COMPLETIONS - 2]]
        name = f"gold-{content_hash([source.id, kind, seed])[:16]}"
        right = Ranking(
            id=f"{name}-right",
            annotator=JUDGE,
            annotator_kind="adjudicator",
            ranks=(1, 2, *([None] * (len(completions) - 2))),
            note=f"One completion was {kind}.",
        )
        yield Comparison(
            id=name,
            prompt=source.prompt,
            completions=tuple(completions),
            rankings=(right,),
            tags={"damage": kind},
            kind="gold",
        )


def _is_worth(completion: Completion) -> bool:
    return len(_parts(completion.text)[0]) >= SHORTEST


def _parts(text: str) -> tuple[list[str], str]:
    return (list(text), "") if is_unspaced(text) else (text.split(), " ")
