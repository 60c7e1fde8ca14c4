"""Who stands out from a panel: how far is no accident, and the reasons to speak with an annotator."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from scipy.special import stdtrit

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
APART = 0.10
"""Share of annotators beyond which it is the guideline that leaves ties open, and not they who misread it."""
STREAK = 8
UNRELIABLE = 0.75


def reasons_to_speak(agreement: "Agreement") -> Iterator[tuple["AnnotatorFigures", list[str]]]:
    """Each annotator with what stands out about them; of most it is nothing."""
    apart = set() if ties_are_left_open(agreement) else set(apart_by_ties(agreement))
    for figures, pace, reliability in zip(
        agreement.annotators, agreement.work.paces, agreement.reliability, strict=True
    ):
        yield (
            figures,
            [
                *_unreliable(reliability.follows),
                *_stands_apart(figures, agreement, apart),
                *_works_badly(pace, figures.judge.rankings, len(agreement.annotators)),
            ],
        )


def critical(comparisons: int, clusters: int) -> float:
    """Standard errors beyond which the largest of so many differences is no accident at 5 % (Bonferroni).

    Student's t with one degree of freedom fewer than the rankings or prompts that the error was found from.
    """
    return float(stdtrit(max(clusters - 1, 1), 1 - 0.025 / max(comparisons, 1)))


def standard_error(estimate: Estimate, clusters: int) -> float | None:
    """From the width of a 95 % interval; None without one, or where it has no width for want of observations.

    Where all say the same, the rule of three stands for the width: at most 3 in `clusters` rankings say otherwise.
    """
    if estimate.low is None or estimate.high is None:
        return None
    if estimate.high > estimate.low:
        return (estimate.high - estimate.low) / 3.92
    return 3 / clusters / 1.96 if clusters >= 3 else None


def apart_by_ties(agreement: "Agreement") -> Iterator[str]:
    """Names of those who tie much more or less than the panel."""
    usual = agreement.ties.value
    for figures in agreement.annotators:
        ties, rankings = figures.ties, figures.judge.rankings
        error = standard_error(ties, rankings)
        if ties.value is None or not error or usual is None:
            continue
        if abs(ties.value - usual) >= max(TIES_APART, critical(len(agreement.annotators), rankings) * error):
            yield figures.judge.name


def ties_are_left_open(agreement: "Agreement") -> bool:
    """Whether so many tie much more or less than the panel that nobody can be blamed for it."""
    return len(list(apart_by_ties(agreement))) > max(2, APART * len(agreement.annotators))


def in_percent(estimate: Estimate) -> str:
    """The figure with its interval and n, for a sentence."""
    return estimate.format(2, percent=True)


def _unreliable(follows: Estimate) -> Iterator[str]:
    if follows.value is not None and follows.high is not None and follows.high < UNRELIABLE:
        yield f"has a reliability of {follows.format(2)}, where 0.5 says nothing"


def _stands_apart(figures: "AnnotatorFigures", agreement: "Agreement", apart: set[str]) -> Iterator[str]:
    panel, rankings = agreement.panel.decisive.value, figures.judge.rankings
    beyond = critical(len(agreement.annotators), rankings)
    found, error = figures.decisive, standard_error(figures.decisive, rankings)
    if (
        found.value is not None
        and error
        and panel is not None
        and panel - found.value >= max(BELOW, beyond * error)
    ):
        yield f"agrees with the others {in_percent(found)} of the time, the panel {panel:.0%}"
    found, error = figures.first_shown, standard_error(figures.first_shown, rankings)
    if found.value is not None and error and abs(found.value - 0.5) >= max(LEANING, beyond * error):
        yield f"takes what is shown first {in_percent(found)} of the time"
    if figures.judge.name in apart:
        yield f"ties {in_percent(figures.ties)} of the pairs, the panel {agreement.ties.value or 0.0:.0%}"
    own = figures.intra
    if own.value is not None and own.high is not None and own.n >= FEW and own.high < 0.7:
        yield f"gives the same verdict on the same pair again only {in_percent(own)} of the time"


def _works_badly(pace: "Pace", rankings: int, annotators: int) -> Iterator[str]:
    streak, chance = pace.streak or 0, 1.0 if pace.streak_chance is None else pace.streak_chance
    if streak >= STREAK and chance * annotators < 0.01:
        yield f"gave one and the same answer, by places on the page, {streak} times running"
    if pace.hurried.value is not None and pace.hurried.n >= FEW and pace.hurried.value >= HURRIED:
        yield f"made {in_percent(pace.hurried)} of the rankings in under a third of the usual time"
    # Two halves, each with an error of its own.
    beyond, error = critical(annotators, rankings // 2), standard_error(pace.drift, rankings // 2)
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
