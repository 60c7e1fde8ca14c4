"""What to do about the agreement found: whom to speak with, what to rank again, what the guideline should say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scipy.special import ndtri

from annotation.report_parts import plural
from annotation.shown import shown
from workbench.statistics.estimates import Estimate

if TYPE_CHECKING:
    from annotation.agreement import Agreement
    from workbench.statistics.annotators import AnnotatorFigures
    from workbench.statistics.work import Pace

BELOW = 0.03
"""Decisive agreement below the panel's by this much is worth speaking of, if it is no accident."""
LEANING = 0.05
"""The same for the share won by the first shown, away from one half."""
TIES_APART = 0.20
"""The same for the share of ties, away from the panel's."""
HURRIED = 0.30
"""Share of hurried rankings from which on they are spoken of; n at least `FEW`."""
FEW = 30
STREAK = 8
UNRELIABLE = 0.75


@dataclass(frozen=True, kw_only=True)
class Advice:
    """One thing to do, and the figures that say so."""

    kind: str
    """rerank, annotator, guideline or collect."""
    what: str
    why: str
    refers_to: Mapping[str, Any] = field(default_factory=dict)
    """For programs: the annotator, the comparisons, the slice."""


def give_advice(agreement: "Agreement") -> list[Advice]:
    """What stands out, in the order in which it is best done; empty where nothing does."""
    return [
        *_no_better_than_chance(agreement),
        *_rerank(agreement),
        *_annotators(agreement),
        *_guideline(agreement),
        *_collect(agreement),
    ]


def critical(comparisons: int) -> float:
    """Standard errors beyond which the largest of so many differences is no accident at 5 % (Bonferroni)."""
    return float(ndtri(1 - 0.025 / max(comparisons, 1)))


def standard_error(estimate: Estimate) -> float | None:
    """From the width of a 95 % interval; None without one, or where it has no width for want of observations.

    Where all of many observations say the same, the rule of three stands for the width: at most 3 / n say otherwise.
    """
    if estimate.low is None or estimate.high is None:
        return None
    if estimate.high > estimate.low:
        return (estimate.high - estimate.low) / 3.92
    return 3 / estimate.n / 1.96 if estimate.n >= FEW else None


def _no_better_than_chance(agreement: "Agreement") -> Iterator[Advice]:
    alpha = agreement.panel.alpha_nominal
    if alpha.low is not None and alpha.low <= 0:
        yield Advice(
            kind="guideline",
            what="Find out first why annotators agree no better than chance: the task, the guideline, or who answers.",
            why=f"Alpha is {alpha.format(2)}, and 0 is what chance gives.",
        )


def _rerank(agreement: "Agreement") -> Iterator[Advice]:
    disputes = agreement.disputes
    if not disputes.prompts:
        return
    ids = [name for prompt in disputes.prompts for name in prompt.comparisons]
    share = disputes.listed / disputes.disagreements
    few = len(disputes.prompts)
    yield Advice(
        kind="rerank",
        what=f"Rank again, or settle, the {few} {plural('prompt', few)} listed under On what.",
        why=(
            f"{disputes.listed:,} of the {disputes.disagreements:,} disagreements ({share:.0%}) are on these "
            f"{len(disputes.prompts)} of {disputes.prompts_met:,} prompts."
        ),
        refers_to={"comparisons": ids},
    )


def _annotators(agreement: "Agreement") -> list[Advice]:
    """Those who stand out, with most reasons first and, of as many, with least agreement."""
    beyond = critical(len(agreement.annotators))
    found = []
    for figures, pace, reliability in zip(
        agreement.annotators, agreement.work.paces, agreement.reliability, strict=True
    ):
        reasons = [
            *_unreliable(reliability.follows),
            *_stands_apart(figures, agreement, beyond),
            *_works_badly(pace, beyond, len(agreement.annotators)),
        ]
        if not reasons:
            continue
        advice = Advice(
            kind="annotator",
            what=f"Go over some rankings with {shown(figures.judge.name, 40)}.",
            why="; ".join(reasons) + ".",
            refers_to={"annotator": figures.judge.name},
        )
        agrees = 1.0 if figures.decisive.value is None else figures.decisive.value
        found.append((-len(reasons), agrees, figures.judge.name, advice))
    return [advice for *_, advice in sorted(found, key=lambda entry: entry[:3])]


def _unreliable(follows: Estimate) -> Iterator[str]:
    if follows.value is not None and follows.high is not None and follows.high < UNRELIABLE:
        yield f"has a reliability of {follows.format(2)}, where 0.5 says nothing"


def _stands_apart(figures: "AnnotatorFigures", agreement: "Agreement", beyond: float) -> Iterator[str]:
    panel = agreement.panel.decisive.value
    found, error = figures.decisive, standard_error(figures.decisive)
    if (
        found.value is not None
        and error
        and panel is not None
        and panel - found.value >= max(BELOW, beyond * error)
    ):
        yield f"agrees with the others {_percent(found)} of the time, the panel {panel:.0%}"
    found, error = figures.first_shown, standard_error(figures.first_shown)
    if found.value is not None and error and abs(found.value - 0.5) >= max(LEANING, beyond * error):
        yield f"takes what is shown first {_percent(found)} of the time"
    ties, error = figures.ties, standard_error(figures.ties)
    usual = agreement.ties.value
    if ties.value is not None and error and usual is not None:
        apart = abs(ties.value - usual)
        if apart >= max(TIES_APART, beyond * error):
            yield f"ties {_percent(ties)} of the pairs, the panel {usual:.0%}"
    own = figures.intra
    if own.value is not None and own.high is not None and own.n >= FEW and own.high < 0.7:
        yield f"gives the same verdict on the same pair again only {_percent(own)} of the time"


def _works_badly(pace: "Pace", beyond: float, annotators: int) -> Iterator[str]:
    streak, chance = pace.streak or 0, 1.0 if pace.streak_chance is None else pace.streak_chance
    if streak >= STREAK and chance * annotators < 0.01:
        yield f"gave one and the same answer, by places on the page, {streak} times running"
    if pace.hurried.value is not None and pace.hurried.n >= FEW and pace.hurried.value >= HURRIED:
        yield f"made {_percent(pace.hurried)} of the rankings in under a third of the usual time"
    error = standard_error(pace.drift)
    if (
        pace.drift.value is not None
        and error
        and pace.drift.value < 0
        and -pace.drift.value >= max(BELOW, beyond * error)
    ):
        yield (
            f"agreed with the others less in the second half of the work, by {-100 * pace.drift.value:.0f} points"
            f" (n={pace.drift.n:,})"
        )


def _guideline(agreement: "Agreement") -> Iterator[Advice]:
    tie = agreement.disputes.with_tie
    if tie.value is not None and tie.n >= FEW and tie.value >= 0.5:
        shares = [f.ties.value for f in agreement.annotators if f.ties.value is not None and f.ties.n >= FEW]
        spread = (
            f" Annotators tie between {min(shares):.0%} and {max(shares):.0%} of pairs."
            if len(shares) > 1
            else ""
        )
        yield Advice(
            kind="guideline",
            what="Say in the guideline when two completions tie.",
            why=f"In {_percent(tie)} of the disagreements one of the two called a tie.{spread}",
        )
    yield from _weak_slices(agreement)
    yield from _length(agreement)
    for change in agreement.guideline_changes:
        if change.change.high is not None and change.change.high < 0:
            yield Advice(
                kind="guideline",
                what=(
                    f"See what changed from guideline {shown(change.before, 40)} to {shown(change.after, 40)}."
                ),
                why=f"Decisive agreement changed by {_points(change.change)} points.",
            )
        elif change.change.low is not None and change.change.low > 0:
            yield Advice(
                kind="rerank",
                what=(
                    f"Consider ranking again what was ranked under guideline {shown(change.before, 40)} "
                    f"({change.old_rankings:,} rankings)."
                ),
                why=(
                    f"Decisive agreement rose by {_points(change.change)} points under "
                    f"{shown(change.after, 40)}."
                ),
                refers_to={"guideline": change.before},
            )
    first = agreement.first_shown
    if first.value is not None and first.low is not None and first.low > 0.5 + LEANING / 2:
        yield Advice(
            kind="guideline",
            what="Tell annotators to read every completion before placing the first.",
            why=f"What is shown first wins {_percent(first)} of the decisive judgements; without a leaning, half.",
        )
    yield from _fatigue(agreement)


def _weak_slices(agreement: "Agreement") -> Iterator[Advice]:
    overall = agreement.panel.decisive.value
    beyond = critical(len(agreement.slices))
    for part in agreement.slices:
        found, error = part.panel.decisive, standard_error(part.panel.decisive)
        if found.value is None or not error or overall is None or found.n < FEW:
            continue
        if overall - found.value >= max(BELOW, beyond * error):
            yield Advice(
                kind="guideline",
                what=f"Clarify the guideline where {shown(part.tag, 40)} is {shown(part.value, 40)}.",
                why=f"Decisive agreement is {_percent(found)} there, {overall:.0%} over all.",
                refers_to={"slice": {part.tag: part.value}},
            )


def _length(agreement: "Agreement") -> Iterator[Advice]:
    leaning = [part for part in agreement.lengths if part.longer_wins.low is not None]
    if not leaning:
        return
    found = leaning[-1].longer_wins
    if found.low is not None and found.low > 0.6:
        yield Advice(
            kind="guideline",
            what="Say in the guideline whether length counts.",
            why=(
                f"Where two completions differ in length by {leaning[-1].name}, the longer one wins "
                f"{_percent(found)} of the decisive judgements."
            ),
        )


def _fatigue(agreement: "Agreement") -> Iterator[Advice]:
    spans = [span for span in agreement.work.by_minute if span.decisive.n >= FEW]
    if len(spans) < 2:
        return
    fresh, tired = spans[0].decisive, spans[-1].decisive
    if fresh.low is None or tired.high is None or tired.value is None or fresh.value is None:
        return
    if tired.high < fresh.low and fresh.value - tired.value >= BELOW:
        yield Advice(
            kind="annotator",
            what=f"Suggest a break before {spans[-1].name.split(' ')[0]} minutes of work.",
            why=(
                f"Decisive agreement is {_percent(fresh)} at {spans[0].name} of a sitting, "
                f"{_percent(tired)} at {spans[-1].name}."
            ),
        )


def _collect(agreement: "Agreement") -> Iterator[Advice]:
    enough = agreement.enough
    if not enough.prompts:
        if agreement.counts["annotators"] > 1:
            yield Advice(
                kind="collect",
                what="Give some comparisons to two annotators: a tenth of them is usual.",
                why="No pair of completions was judged by two annotators, so nothing can be said on agreement.",
            )
        else:
            yield Advice(
                kind="collect",
                what="Have a second annotator rank some of the same comparisons.",
                why=f"There are rankings by {agreement.counts['annotators']} annotator.",
            )
        return
    for need in enough.needs["decisive"]:
        if need.half_width == 0.03 and need.rankings:
            hours = "" if need.hours is None else f", about {need.hours:,.0f} hours"
            yield Advice(
                kind="collect",
                what=(
                    f"Add about {need.rankings:,} rankings on {need.prompts:,} more prompts with overlap{hours}."
                ),
                why=(
                    "The interval of decisive agreement would then be the figure ± 3 points; it rests on "
                    f"{enough.prompts:,} prompts now."
                ),
            )


def _percent(estimate: Estimate) -> str:
    return estimate.format(2, percent=True)


def _points(estimate: Estimate) -> str:
    value, low, high = (None if v is None else 100 * v for v in (estimate.value, estimate.low, estimate.high))
    return Estimate(value, low, high, estimate.n).format(1)
