"""The demo's story grammar: requests, prompts, and stories that keep to a request well or badly.

A `Request` says what a prompt asks for. `write_story` composes opening, trouble, help and ending around it; `Flaws`
says what goes wrong on the way, so that the demonstrations a policy learns from are of mixed quality, as real ones are.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from workflow.demo_phrases import (
    ASKING,
    BLAND,
    DAYS,
    ENDINGS,
    FACTS,
    FACTS_OF_TWO,
    HARM,
    HELP,
    KIND,
    LOOKS,
    MOOD,
    MOOD_FACT,
    NO_ENDING,
    OPENINGS,
    PROMPTS,
    PROMPTS_WITH_FRIEND,
    THING_INTROS,
    TITLES,
    TITLES_WITH_FRIEND,
    TROUBLE,
)
from workflow.demo_words import KIND_OF, KINDS, MOODS, NAMES, PLACES, SHE, THINGS, TROUBLES

FRIEND_ASKED = 0.25


@dataclass(frozen=True)
class Request:
    """What a prompt asks for. `friend` and `friend_kind` are empty where the prompt leaves the friend open."""

    hero: str
    kind: str
    thing: str
    place: str
    mood: str
    friend: str = ""
    friend_kind: str = ""


@dataclass(frozen=True)
class Flaws:
    """How likely each flaw is in a demonstration."""

    other_thing: float = 0.18
    """The story is about another thing than the one asked for."""
    other_place: float = 0.16
    """The story happens in another place."""
    other_mood: float = 0.22
    """The sentences of mood belong to another mood, or are missing."""
    other_friend: float = 0.15
    """A friend who was asked for is replaced by someone else."""
    harm: float = 0.3
    """The hero does something unkind instead of helping."""
    no_help: float = 0.2
    """Nobody helps; something unimportant happens instead."""
    no_ending: float = 0.3
    """The story just stops."""
    repeats: float = 0.15
    """A sentence comes twice."""
    renamed: float = 0.06
    """Half-way through, the hero has another name."""
    padded: float = 0.15
    """Sentences that say nothing are put in."""
    thin: float = 0.15
    """Sentences are left out."""

    def scaled(self, factor: float) -> "Flaws":
        """The same flaws, each `factor` times as likely."""
        return Flaws(**{f.name: min(1.0, getattr(self, f.name) * factor) for f in fields(self)})


def draw_request(rng: np.random.Generator) -> Request:
    """A random request; about one in three names the friend as well."""
    hero, friend = (str(name) for name in rng.choice(NAMES, 2, replace=False))
    thing, place, mood = _pick(rng, tuple(THINGS)), _pick(rng, tuple(PLACES)), _pick(rng, MOODS)
    if rng.random() >= FRIEND_ASKED:
        return Request(hero, KIND_OF[hero], thing, place, mood)
    return Request(hero, KIND_OF[hero], thing, place, mood, friend, KIND_OF[friend])


def with_friend(request: Request, rng: np.random.Generator) -> Request:
    """The request with a friend, drawn where it names none."""
    if request.friend:
        return request
    friend = _other(rng, NAMES, request.hero)
    return replace(request, friend=friend, friend_kind=KIND_OF[friend])


def write_prompt(request: Request, rng: np.random.Generator) -> str:
    """The request put in words; one of eight wordings."""
    return fill(_pick(rng, PROMPTS_WITH_FRIEND if request.friend else PROMPTS), request)


def write_title(request: Request, rng: np.random.Generator) -> str:
    """The line that stands above a story in the pretraining text."""
    return fill(_pick(rng, TITLES_WITH_FRIEND if request.friend else TITLES), request)


def write_facts(request: Request, rng: np.random.Generator) -> str:
    """A few plain sentences about one hero or two: the shortest text in which names, kinds and things come again."""
    lines = FACTS_OF_TWO if request.friend else FACTS
    chosen = [lines[0], *(str(line) for line in rng.permutation(lines[1:])[:3])]
    if not request.friend and rng.random() < 0.5:
        chosen[-1:] = [MOOD_FACT, str(rng.permutation(MOOD[request.mood])[0])]
    return " ".join(
        fill(line, request, look=_pick(rng, LOOKS), friend_look=_pick(rng, LOOKS)) for line in chosen
    )


def read_request(prompt: str) -> Request:
    """The request behind a prompt, from its words alone: the last name and kind are the hero's."""
    words = re.findall(r"[A-Za-z]+", prompt)
    names = [w for w in reversed(words) if w in NAMES]
    kinds = [w for w in reversed(words) if w in KINDS]
    things, places = [w for w in words if w in THINGS], [w for w in words if w in PLACES]
    moods = [w.lower() for w in words if w.lower() in MOODS]
    if not (names and kinds and things and places and moods) or len(names) != len(kinds):
        raise ValueError(
            f"not a prompt of the demo's world: {prompt!r}; it names no hero, kind, thing, place or mood"
        )
    friend, friend_kind = (names[1], kinds[1]) if len(names) > 1 else ("", "")
    return Request(names[0], kinds[0], things[0], places[0], moods[0], friend, friend_kind)


def write_story(request: Request, rng: np.random.Generator, flaws: Flaws | None = None) -> str:
    """A story for the request, of five to nine sentences; with `flaws`, some of what was asked may go wrong."""
    wrong = {f.name: flaws is not None and rng.random() < getattr(flaws, f.name) for f in fields(Flaws)}
    told = _told(request, rng, wrong)
    mood_lines = tuple(str(line) for line in rng.permutation(MOOD[told.mood]))
    lines = [*_beginning(told, rng, mood_lines[0]), *_middle(told, rng, mood_lines[1], wrong)]
    if wrong["no_ending"]:
        lines.append(_pick(rng, NO_ENDING))
    else:
        lines.append(_pick(rng, ENDINGS[told.mood if rng.random() < 0.55 else "any"]))
    return _write_lines(_marred(lines, rng, wrong), told, rng, renamed=wrong["renamed"])


def fill(
    template: str,
    request: Request,
    *,
    described: str = "",
    day: str = "",
    look: str = "",
    friend_look: str = "",
) -> str:
    """The template with its slots filled and its brackets gone; sentences start with a capital."""
    she, friend_she = request.hero in SHE, request.friend in SHE
    thing, place = request.thing, PLACES[request.place]
    text = re.sub(r"[\[\]]", "", template).format(
        H=request.hero,
        k=request.kind,
        a_k=article(request.kind),
        F=request.friend,
        fk=request.friend_kind,
        him_F="her" if friend_she else "him",
        t=thing,
        a_t=article(thing),
        adj_t=described or article(thing),
        p=request.place,
        a_p=article(request.place),
        at_p=place.at,
        to_p=place.to,
        m=request.mood,
        Mood=request.mood.capitalize(),
        he="she" if she else "he",
        him="her" if she else "him",
        his="her" if she else "his",
        He="She" if she else "He",
        His="Her" if she else "His",
        himself="herself" if she else "himself",
        day=day,
        look=look,
        F_look=friend_look,
    )
    text = re.sub(r"\bA (orchard|island|[aeiou])", r"An \1", text)
    return text[0].upper() + text[1:]


def article(noun: str) -> str:
    """The noun with its indefinite article: "an owl"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _beginning(told: Request, rng: np.random.Generator, mood_line: str) -> list[str]:
    """Who, where, with what, and a first sign of the mood."""
    lines = [_pick(rng, OPENINGS), _pick(rng, THING_INTROS)]
    if rng.random() < 0.05:
        lines.insert(1, _pick(rng, PLACES[told.place].details))
    lines.insert(int(rng.integers(1, len(lines) + 1)), mood_line)
    return lines


def _middle(told: Request, rng: np.random.Generator, mood_line: str, wrong: Mapping[str, bool]) -> list[str]:
    """A trouble, and the help that fits it and the thing; or harm, or nothing."""
    thing = THINGS[told.thing]
    trouble = _pick(rng, tuple(thing.helps)) if rng.random() < 0.75 else _pick(rng, TROUBLES)
    lines = [_pick(rng, TROUBLE[trouble])]
    if rng.random() < 0.1:
        lines.append(mood_line)
    if rng.random() < 0.08:
        lines.append(_pick(rng, ASKING))
    if wrong["harm"]:
        return [*lines, _pick(rng, tuple(HARM.values()))]
    if wrong["no_help"]:
        return [*lines, _pick(rng, BLAND)]
    lines.append(thing.helps[trouble] if trouble in thing.helps else _pick(rng, HELP[trouble]))
    if rng.random() < 0.25:
        lines.append(_pick(rng, tuple(KIND.values())))
    return lines


def _marred(lines: list[str], rng: np.random.Generator, wrong: Mapping[str, bool]) -> list[str]:
    """The lines thinned, padded or repeated where that went wrong."""
    lines = list(lines)
    if wrong["thin"]:
        for _ in range(2):
            del lines[int(rng.integers(1, len(lines)))]
    if wrong["padded"]:
        for _ in range(1):
            lines.insert(int(rng.integers(1, len(lines))), _pick(rng, BLAND))
    if wrong["repeats"]:
        again = int(rng.integers(0, len(lines)))
        for _ in range(int(rng.integers(1, 3))):
            lines.insert(again, lines[again])
    return lines


def _told(request: Request, rng: np.random.Generator, wrong: dict[str, bool]) -> Request:
    """What the story will really be about: the request, less its flaws, with a friend where none was asked for."""
    friend, friend_kind = request.friend, request.friend_kind
    if not friend or wrong["other_friend"]:
        friend = _pick(rng, tuple(name for name in NAMES if name not in (request.hero, friend)))
        friend_kind = KIND_OF[friend]
    return Request(
        request.hero,
        request.kind,
        _other(rng, tuple(THINGS), request.thing) if wrong["other_thing"] else request.thing,
        _other(rng, tuple(PLACES), request.place) if wrong["other_place"] else request.place,
        _other(rng, MOODS, request.mood) if wrong["other_mood"] else request.mood,
        friend,
        friend_kind,
    )


def _write_lines(lines: list[str], told: Request, rng: np.random.Generator, *, renamed: bool) -> str:
    """The lines filled and joined. In a renamed story the second half has another hero."""
    described = _pick(rng, THINGS[told.thing].described)
    new_name = _other(rng, NAMES, told.hero)
    other = replace(told, hero=new_name, kind=KIND_OF[new_name]) if renamed else told
    half = len(lines) // 2
    day, look = _pick(rng, DAYS), _pick(rng, LOOKS)
    return " ".join(
        fill(line, told if i < half else other, described=described, day=day, look=look)
        for i, line in enumerate(lines)
    )


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def _other(rng: np.random.Generator, options: tuple[str, ...], not_this: str) -> str:
    return _pick(rng, tuple(option for option in options if option != not_this))
