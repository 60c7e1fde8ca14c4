"""The demo's hidden utility: how good a story is for its prompt; the ground truth behind the simulated annotators.

No model ever sees it. It reads the text alone, and is the weighted sum of eight graded properties (`WEIGHTS`): what was
asked for is there and is used; the events are kind; the trouble is the one that is resolved, and the end is an end; the
mood is the one asked for; names, kinds and pronouns stay true; the sentences read like sentences; the length fits; and
nothing is said twice. Events are phrases with their people in them, each counted once, with falling returns.
"""

import math
import re
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from workbench.seeds import numpy_generator
from workflow.demo_grammar import Flaws, Request, draw_request, write_story
from workflow.demo_phrases import ENDINGS, HARM, HELP, KIND, MOOD, TROUBLE
from workflow.demo_words import HE, KINDS, NAMES, PLACES, SHE, THINGS

WEIGHTS = {
    "coverage": 3.0,
    "kindness": 1.2,
    "plot": 1.6,
    "mood": 1.2,
    "coherence": 1.2,
    "fluency": 2.0,
    "length": 0.8,
    "repetition": -3.0,
}
FITTING_WORDS = 56
REFERENCE_STORIES = 6000
UNKIND_BUT_FLUENT = replace(Flaws().scaled(0.0), harm=0.25, no_help=0.2, no_ending=0.25, padded=0.5)


@dataclass(frozen=True)
class Reading:
    """One story as the utility sees it: sentences, their words, and who is in it."""

    request: Request
    text: str
    sentences: tuple[str, ...]
    words: tuple[str, ...]
    friend: str


def utility(request: Request, text: str) -> float:
    """The hidden utility of a completion; about 3 for a policy's average story, about 8 for a very good one."""
    return sum(WEIGHTS[name] * value for name, value in properties(request, text).items())


def properties(request: Request, text: str) -> dict[str, float]:
    """The eight graded properties, in the order of `WEIGHTS`; most lie in [0, 1]."""
    story = _read(request, text)
    measures = (coverage, kindness, plot, mood, coherence, fluency, length, repetition)
    return {measure.__name__: measure(story) for measure in measures}


def coverage(story: Reading) -> float:
    """How much of what was asked for is there, and used: hero, thing, place and, where asked for, the friend."""
    wanted, text = story.request, story.text
    hero = _presence(text, wanted.hero, wanted.kind) * (0.8 + 0.2 * min(1.0, text.count(wanted.hero) / 3))
    with_thing = [s for s in story.sentences if _has(s, wanted.thing)]
    used = any(_has(s, wanted.thing) for s in _help_sentences(story))
    thing = 0.5 * bool(with_thing) + 0.2 * (len(with_thing) > 1) + 0.3 * used
    in_place = sum(_has(s, wanted.place) for s in story.sentences)
    place = 0.75 * (in_place > 0) + 0.25 * (in_place > 1)
    parts = [hero, thing, place]
    if wanted.friend:
        parts.append(_presence(text, wanted.friend, wanted.friend_kind))
    return float(np.mean(parts))


def kindness(story: Reading) -> float:
    """Kind deeds, each kind of deed once and with falling returns, less 0.6 for every harm done."""
    kind = sum(_occurs(pattern, story) for pattern in _patterns("kind"))
    helped = len(_help_sentences(story)) > 0
    harm = sum(_occurs(pattern, story) for pattern in _patterns("harm"))
    return 1 - math.exp(-0.7 * (kind + helped)) - 0.6 * min(harm, 2)


def plot(story: Reading) -> float:
    """A trouble (0.2), help that fits it and comes after it (0.5), and an end that is one (0.3)."""
    first = _first_trouble(story)
    score = 0.0
    if first is not None:
        trouble, start = first
        score += 0.2
        later = story.sentences[start + 1 :]
        if any(_any("help", trouble).search(s) for s in later):
            score += 0.5
        elif any(_any("help").search(s) for s in later):
            score += 0.15
    last = story.sentences[-1] if story.sentences else ""
    if _any("ending").search(last):
        score += 0.3
    return score


def mood(story: Reading) -> float:
    """Signs of the mood asked for, with falling returns; signs of other moods count half against it."""
    wanted = sum(_occurs(p, story) for p in _patterns("mood", story.request.mood))
    others = sum(
        _occurs(p, story) for name in MOOD if name != story.request.mood for p in _patterns("mood", name)
    )
    return 1 - math.exp(-0.9 * max(0.0, wanted - 0.5 * others))


def coherence(story: Reading) -> float:
    """1 where names, kinds and pronouns stay true; less for every stranger, change of kind or wrong pronoun."""
    text = story.text
    cast = {story.request.hero, story.friend}
    strangers = {w for w in story.words if w in NAMES} - cast
    kinds = {m.group(1): set[str]() for m in re.finditer(r"(\w+) the \w+", text)}
    for m in re.finditer(r"(\w+) the (\w+)", text):
        kinds[m.group(1)].add(m.group(2))
    changed = sum(len(found & set(KINDS)) > 1 for name, found in kinds.items() if name in NAMES)
    she, he = bool(cast & set(SHE)), bool(cast & set(HE))
    lower = [w.lower() for w in story.words]
    wrong = (0 if she else sum(w in ("she", "her") for w in lower)) + (
        0 if he else sum(w in ("he", "him", "his") for w in lower)
    )
    return max(-1.0, 1 - 0.4 * len(strangers) - 0.4 * changed - 0.15 * min(wrong, 4))


def fluency(story: Reading) -> float:
    """The share of word triples, with names and nouns made general, that the world's sentences know; squared."""
    triples = _triples(story.words)
    if not triples:
        return 0.0
    return (sum(t in _known_triples() for t in triples) / len(triples)) ** 2


def length(story: Reading) -> float:
    """1 at 60 words, falling smoothly on both sides of it."""
    return math.exp(-((math.log(max(len(story.words), 1) / FITTING_WORDS) / 0.4) ** 2))


def repetition(story: Reading) -> float:
    """The share of word triples that came before in the same story."""
    triples = [tuple(w.lower() for w in story.words[i : i + 3]) for i in range(len(story.words) - 2)]
    return 1 - len(set(triples)) / len(triples) if triples else 0.0


def _read(request: Request, text: str) -> Reading:
    sentences = tuple(s for s in re.split(r"(?<=[.!?])\s+(?=[A-Z\"])", text.strip()) if s)
    words = tuple(re.findall(r"[A-Za-z']+|[.,!?\"]", text))
    others = [w for w in words if w in NAMES and w != request.hero]
    return Reading(request, text, sentences, words, request.friend or (others[0] if others else ""))


def _presence(text: str, name: str, kind: str) -> float:
    if not _has(text, name):
        return 0.0
    return 0.65 + 0.35 * bool(re.search(rf"\b{name} the {kind}\b|\b{name} was an? \w+ {kind}\b", text))


def _has(text: str, word: str) -> bool:
    return re.search(rf"\b{word}\b", text) is not None


def _occurs(pattern: re.Pattern[str], story: Reading) -> bool:
    return pattern.search(story.text) is not None


def _first_trouble(story: Reading) -> tuple[str, int] | None:
    for i, sentence in enumerate(story.sentences):
        for trouble in TROUBLE:
            if _any("trouble", trouble).search(sentence):
                return trouble, i
    return None


def _help_sentences(story: Reading) -> list[str]:
    """Sentences with a deed of help in which hero or friend is named."""
    people = [name for name in (story.request.hero, story.friend) if name]
    return [
        s
        for s in story.sentences
        if any(_has(s, name) for name in people) and any(p.search(s) for p in _patterns("help"))
    ]


@cache
def _any(family: str, key: str = "") -> re.Pattern[str]:
    """One pattern for all of a family's phrases."""
    return re.compile("|".join(pattern.pattern for pattern in _patterns(family, key)))


@cache
def _patterns(family: str, key: str = "") -> tuple[re.Pattern[str], ...]:
    """The bracketed phrases of a family of sentences as patterns; all keys where `key` is empty."""
    if family == "help":
        by_key = {
            t: [*lines, *(thing.helps[t] for thing in THINGS.values() if t in thing.helps)]
            for t, lines in HELP.items()
        }
    elif family == "mood":
        by_key = {m: [*lines, *ENDINGS[m]] for m, lines in MOOD.items()}
    else:
        table: dict[str, object] = {"trouble": TROUBLE, "kind": KIND, "harm": HARM, "ending": ENDINGS}[family]  # type: ignore[assignment]
        by_key = {k: [v] if isinstance(v, str) else list(v) for k, v in table.items()}  # type: ignore[call-overload]
    chosen = by_key[key] if key else [line for lines in by_key.values() for line in lines]
    return tuple(_pattern(line) for line in chosen)


def _pattern(line: str) -> re.Pattern[str]:
    """The bracketed part of a template, with any word in place of its slots."""
    marked = re.search(r"\[(.*?)\]", line)
    assert marked is not None, line
    return re.compile(re.sub(r"\\\{\w+\\\}", r"\\w+", re.escape(marked.group(1)).replace("\\ ", " ")))


def _triples(words: tuple[str, ...]) -> list[tuple[str, ...]]:
    general = [
        "N"
        if w in NAMES
        else "K"
        if w in KINDS
        else "T"
        if w in THINGS
        else "P"
        if w in PLACES
        else w.lower()
        for w in words
    ]
    return [tuple(general[i : i + 3]) for i in range(len(general) - 2)]


@cache
def _known_triples() -> frozenset[tuple[str, ...]]:
    rng = numpy_generator(0, "demo", "reference stories")
    known: set[tuple[str, ...]] = set()
    for _ in range(REFERENCE_STORIES):
        story = write_story(draw_request(rng), rng, UNKIND_BUT_FLUENT)
        known.update(_triples(tuple(re.findall(r"[A-Za-z']+|[.,!?\"]", story))))
    return frozenset(known)
