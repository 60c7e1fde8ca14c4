"""What to do about the agreement found: whom to speak with, what to rank again, what the guideline should say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from annotation.report_parts import percent, plural
from annotation.shown import shown
from annotation.standing_out import (
    BELOW,
    FEW,
    LEANING,
    TIES_APART,
    apart_by_ties,
    critical,
    in_percent,
    reasons_to_speak,
    standard_error,
    ties_are_left_open,
)
from workbench.statistics.estimates import Estimate

if TYPE_CHECKING:
    from annotation.agreement import Agreement

TIES_MATTER = 0.05
"""Share of meetings that end with a tie against a side, from which on a word on ties is worth its place."""
LITTLE = 0.2
"""Alpha under which, with its whole interval, annotators agree hardly at all."""


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


def _no_better_than_chance(agreement: "Agreement") -> Iterator[Advice]:
    alpha = agreement.panel.alpha_nominal
    if alpha.low is None or alpha.high is None or alpha.low > 0:
        return
    why = f"Alpha is {alpha.format(2)}, and 0 is what chance gives."
    if alpha.high >= LITTLE:
        yield Advice(
            kind="collect",
            what="Collect more rankings with overlap before concluding anything.",
            why=f"{why} The interval is so wide that agreement may be good or none.",
        )
        return
    without = [
        (found.alpha, figures.judge.name)
        for found, figures in zip(agreement.influence.without, agreement.annotators, strict=True)
        if found.alpha is not None
    ]
    if without and (best := max(without))[0] >= LITTLE / 2 + (alpha.value or 0.0):
        why += f" Without {shown(best[1], 40)} it would be {best[0]:.2f}."
    they = "agree no better than chance" if alpha.high >= 0 else "disagree more than chance would have them"
    turned = "" if alpha.high >= 0 else ", or a scale that some read the wrong way round"
    yield Advice(
        kind="guideline",
        what=f"Find out first why annotators {they}: the task, the guideline, or who answers{turned}.",
        why=why,
    )


def _rerank(agreement: "Agreement") -> Iterator[Advice]:
    disputes, alpha = agreement.disputes, agreement.panel.alpha_nominal
    # Where all is near chance, no prompt is worse than another but by chance.
    if not disputes.prompts or (alpha.low is not None and alpha.low <= 0):
        return
    ids = [name for prompt in disputes.prompts for name in prompt.comparisons]
    share = disputes.listed / disputes.disagreements
    spread = " The others are spread over many prompts." if share < 0.1 else ""
    few, met = len(disputes.prompts), disputes.prompts_met
    these = "this one" if few == 1 else f"these {few}"
    yield Advice(
        kind="rerank",
        what=f"Rank again, or settle, the {'' if few == 1 else f'{few} '}{plural('prompt', few)} listed under On what.",
        why=(
            f"{disputes.listed:,} of the {disputes.disagreements:,} disagreements ({share:.0%}) are on {these} "
            f"of {met:,} {plural('prompt', met)}.{spread}"
        ),
        refers_to={"comparisons": ids},
    )


def _annotators(agreement: "Agreement") -> list[Advice]:
    """Those who stand out, with most reasons first and, of as many, with least agreement."""
    found = []
    for figures, reasons in reasons_to_speak(agreement):
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


def _guideline(agreement: "Agreement") -> Iterator[Advice]:
    yield from _ties(agreement)
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
            why=f"What is shown first wins {in_percent(first)} of the decisive judgements; without a leaning, half.",
        )
    yield from _fatigue(agreement)


def _ties(agreement: "Agreement") -> Iterator[Advice]:
    tie, meetings = agreement.disputes.with_tie, agreement.counts["meetings"]
    matters = tie.value is not None and tie.n >= FEW and tie.value * tie.n >= TIES_MATTER * meetings
    left_open = ties_are_left_open(agreement)
    if tie.value is None or not (left_open or (matters and tie.value >= 0.5)):
        return
    why = f"In {in_percent(tie)} of the disagreements one of the two called a tie."
    shares = [f.ties.value for f in agreement.annotators if f.ties.value is not None and f.ties.n >= FEW]
    if len(shares) > 1 and max(shares) - min(shares) >= TIES_APART / 2:
        why += f" Annotators tie between {percent(min(shares))} and {percent(max(shares))} of pairs."
    if left_open:
        why += (
            f" {len(list(apart_by_ties(agreement))):,} of {len(agreement.annotators):,} are far from the "
            f"{percent(agreement.ties.value or 0.0)} of all together, so nobody is named for it."
        )
    yield Advice(kind="guideline", what="Say in the guideline when two completions tie.", why=why)


def _weak_slices(agreement: "Agreement") -> Iterator[Advice]:
    overall = agreement.panel.decisive.value
    for part in agreement.slices:
        prompts = part.panel.by_prompt.n
        beyond = critical(len(agreement.slices), prompts)
        found, error = part.panel.decisive, standard_error(part.panel.decisive, prompts)
        if found.value is None or not error or overall is None or found.n < FEW:
            continue
        if overall - found.value >= max(BELOW, beyond * error):
            yield Advice(
                kind="guideline",
                what=f"Clarify the guideline where {shown(part.tag, 40)} is {shown(part.value, 40)}.",
                why=f"Decisive agreement is {in_percent(found)} there, {overall:.0%} over all.",
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
                f"{in_percent(found)} of the decisive judgements."
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
                f"Decisive agreement is {in_percent(fresh)} at {spans[0].name} of a sitting, "
                f"{in_percent(tired)} at {spans[-1].name}."
            ),
        )


def _collect(agreement: "Agreement") -> Iterator[Advice]:
    enough = agreement.enough
    if not enough.prompts:
        if agreement.counts["annotators"] > 1:
            yield Advice(
                kind="collect",
                what="Have two annotators judge some of the same pairs: a tenth of the comparisons is usual.",
                why="No pair of different completions was judged by two, so nothing can be said on agreement.",
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


def _points(estimate: Estimate) -> str:
    value, low, high = (None if v is None else 100 * v for v in (estimate.value, estimate.low, estimate.high))
    return Estimate(value, low, high, estimate.n).format(1)
