"""Results: what an annotation says, checked for all that Label Studio lets pass."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotation.label_studio.layout import ASIDE, NOTE, PAIR, RANKER, STRENGTH, STRENGTHS, bucket
from annotation.label_studio.tasks import Shown
from workbench.errors import quoted

UNPLACED = "_"
_LONGEST = 1e9


class Rejected(Exception):
    """An annotation that cannot become a label: what is wrong with it, and the way out."""

    def __init__(self, problem: str, fix: str) -> None:
        self.problem, self.fix = problem, fix
        super().__init__(f"{problem}. {fix}")


@dataclass(frozen=True, kw_only=True)
class Label:
    """What an annotation says of a comparison, by completion and no longer by position."""

    outcome: str
    ranks: tuple[int | None, ...] | None
    strength: float | None = None
    note: str | None = None
    seconds: float | None = None


def read_annotation(annotation: Mapping[str, Any], shown: Shown, layout: str, tiers: int) -> Label:
    """The label that an annotation makes; raises Rejected."""
    seconds = _seconds(annotation.get("lead_time"))
    if annotation.get("was_cancelled"):
        return Label(outcome="skipped", ranks=None, seconds=seconds)
    by_name = _by_name(annotation.get("result"), (PAIR, STRENGTH) if layout == "pairwise" else (RANKER,))
    note = _note(by_name)
    if layout == "pairwise":
        places, strength = _pair(by_name)
    else:
        places, strength = _tiers(by_name, shown, tiers), None
    ranks: list[int | None] = [None] * len(places)
    for position, tier in enumerate(places):
        ranks[shown.order[position]] = tier
    return Label(outcome="ranked", ranks=tuple(ranks), strength=strength, note=note, seconds=seconds)


def _by_name(result: Any, controls: tuple[str, ...]) -> dict[str, Mapping[str, Any]]:
    if not isinstance(result, list) or not all(isinstance(part, Mapping) for part in result):
        raise Rejected("its result is not a list of objects", "Annotate the task again in Label Studio")
    found: dict[str, Mapping[str, Any]] = {}
    for part in result:
        name = part.get("from_name")
        if name not in (*controls, NOTE):
            raise Rejected(
                f"it has a result from {quoted(name)}, and this project's controls are {', '.join((*controls, NOTE))}",
                "Give the project the layout that Accord made, and annotate the task again",
            )
        if name in found:
            raise Rejected(f"it has two results from '{name}'", "Annotate the task again in Label Studio")
        value = part.get("value")
        found[name] = value if isinstance(value, Mapping) else {}
    return found


def _tiers(by_name: Mapping[str, Mapping[str, Any]], shown: Shown, tiers: int) -> list[int | None]:
    """The tier at each position; None is set aside."""
    placed = by_name.get(RANKER, {}).get("ranker")
    if not isinstance(placed, Mapping):
        raise Rejected("it ranks nothing", "Place every completion, or skip the task")
    names = {bucket(tier): tier for tier in range(1, tiers + 1)} | {ASIDE: None, UNPLACED: None}
    if set(placed) == {RANKER}:
        return _plain_order(placed[RANKER], shown)
    position = {name: p for p, name in enumerate(shown.item_ids)}
    found: dict[int, int | None] = {}
    unplaced = 0
    for name, items in placed.items():
        if name not in names:
            raise Rejected(
                f"it uses the bucket {quoted(name)}, which is none of this project's",
                "Give the project the layout that Accord made, and annotate the task again",
            )
        for p in _positions(items, position):
            if p in found:
                raise Rejected(f"it places item {_letter(p)} twice", "Annotate the task again")
            found[p] = names[name]
            unplaced += name == UNPLACED
    missing = [_letter(p) for p in range(len(shown.order)) if p not in found]
    if unplaced or missing:
        raise Rejected(
            f"{unplaced + len(missing)} of {len(shown.order)} completions are not placed",
            "Move each into a bucket (one that cannot be ranked into 'Set aside') and update the annotation",
        )
    if all(tier is None for tier in found.values()):
        raise Rejected("every completion is set aside", "Skip the task instead")
    return [found[p] for p in range(len(shown.order))]


def _plain_order(items: Any, shown: Shown) -> list[int | None]:
    """The strict ranking of a Ranker without buckets, unless it may be just what was shown."""
    order = list(_positions(items, {name: p for p, name in enumerate(shown.item_ids)}))
    if sorted(order) != list(range(len(shown.order))):
        raise Rejected("it does not rank each completion once", "Annotate the task again in Label Studio")
    if order == sorted(order):
        raise Rejected(
            "it ranks the completions in the order shown, which a Ranker without buckets also records when someone "
            "only presses Submit",
            "Give the project the layout with buckets that Accord made, and annotate the task again",
        )
    return [order.index(p) + 1 for p in range(len(order))]


def _positions(items: Any, position: Mapping[str, int]) -> list[int]:
    if not isinstance(items, list):
        raise Rejected("a bucket is not a list of item ids", "Annotate the task again in Label Studio")
    found = []
    for name in items:
        if not isinstance(name, str) or name not in position:
            raise Rejected(
                f"it ranks an item {quoted(name)} that this task does not have",
                "Annotate the task again; items of other tasks or made-up ids cannot be ranked",
            )
        found.append(position[name])
    return found


def _pair(by_name: Mapping[str, Mapping[str, Any]]) -> tuple[list[int | None], float | None]:
    selected = by_name.get(PAIR, {}).get("selected")
    if selected not in (None, "left", "right"):
        raise Rejected(f"it selects {quoted(selected)}, not left or right", "Annotate the task again")
    choices = by_name.get(STRENGTH, {}).get("choices", [])
    if not isinstance(choices, list) or len(choices) > 1 or any(c not in list(STRENGTHS) for c in choices):
        raise Rejected(
            f"its strength is {quoted(choices)}", f"Choose one of {', '.join(STRENGTHS)}, or nothing"
        )
    strength = STRENGTHS[choices[0]] if choices else None
    if strength == 0:
        if selected is not None:
            raise Rejected(
                f"it says 'equally good' and selects {selected}",
                "Take back the side, or choose how much better",
            )
        return [1, 1], 0.0
    if selected is None:
        raise Rejected(
            "it selects no side", "Select the better side, or choose 'equally good', or skip the task"
        )
    return ([1, 2] if selected == "left" else [2, 1]), strength


def _note(by_name: Mapping[str, Mapping[str, Any]]) -> str | None:
    text = by_name.get(NOTE, {}).get("text", [])
    parts = [text] if isinstance(text, str) else text
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise Rejected(f"its note is no text: {quoted(text)}", "Write the note again")
    note = "\n".join(parts).strip()
    if "\x00" in note or any("\ud800" <= character <= "\udfff" for character in note):
        raise Rejected(
            "its note holds a character that no database can store (NUL or half a surrogate pair)",
            "Remove it from the note",
        )
    return note or None


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LONGEST:
        raise Rejected(f"its lead_time {quoted(value)} is no time", "Annotate the task again in Label Studio")
    return float(value)


def _letter(position: int) -> str:
    return chr(ord("A") + position) if position < 26 else str(position + 1)
