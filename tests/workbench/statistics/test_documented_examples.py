"""The examples that docs/agreement.md works out by hand: each number is computed here, and looked for on the page."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.panels import comparison, generator
from workbench.records import Comparison, Ranking
from workbench.statistics.agreement import panel_agreement
from workbench.statistics.annotators import annotator_figures, intra_agreement, position_share, tie_share
from workbench.statistics.bootstrap import ratio, resample
from workbench.statistics.disputes import by_length, guideline_changes
from workbench.statistics.estimates import Estimate
from workbench.statistics.influence import influence_of_annotators
from workbench.statistics.kappa import brennan_prediger, cohen_kappa, fleiss_kappa, gwet_ac, scott_pi
from workbench.statistics.pair_reader import expand_pairs
from workbench.statistics.ranks import spearman_rho
from workbench.statistics.sufficiency import needed
from workbench.statistics.work import Work, measure_work

PAGE = Path(__file__).parents[3] / "docs" / "agreement.md"
NINE = datetime(2026, 1, 5, 9, tzinfo=UTC)
COHEN = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]])


@cache
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def stands(text: str) -> None:
    """The page has this number, in bold as a result."""
    assert f"**{text}**" in page(), f"docs/agreement.md does not say {text}"


def example() -> list[Comparison]:
    return [
        comparison("p1", {"ann": [1, 2, 2], "bob": [1, 2, 3], "eve": [2, 1, 3]}),
        comparison("p2", {"ann": [2, 1, 3], "bob": [1, 2, 3]}),
    ]


def test_without_an_annotator() -> None:
    found = influence_of_annotators(expand_pairs(example()))
    assert [one.decisive for one in found.without] == pytest.approx([2 / 3, 1 / 2, 4 / 5])
    assert found.decisive_error.value is not None
    stands(f"{found.decisive_error.value:.3f}")
    assert found.decisive_error.value == pytest.approx(0.174, abs=5e-4)


def test_one_annotator_by_themselves() -> None:
    """Ties of ann, what is shown first, and ann's second ranking of prompt 1 against the first."""
    first, second = example()
    ann, bob, eve = first.rankings
    again = replace(ann, id="again", ranks=(1, 2, 3), attempt=2)
    labels = expand_pairs([replace(first, rankings=(ann, bob, eve, again)), second])
    intra = intra_agreement(labels, draws=0, generator=generator())
    assert (intra.value, intra.n) == (pytest.approx(2 / 3), 3)
    shown = expand_pairs(
        [replace(first, rankings=(replace(ann, order=(2, 0, 1)), replace(bob, order=(2, 0, 1))))]
    )
    position = position_share(shown, draws=0, generator=generator())
    assert (position.value, position.n) == (pytest.approx(2 / 5), 5)
    ties = tie_share(
        expand_pairs([replace(first, rankings=(ann, bob)), second]), draws=0, generator=generator()
    )
    assert ties.value == pytest.approx(1 / 12)
    assert ties.value is not None and intra.value is not None and position.value is not None
    for value in (ties.value, intra.value, position.value):
        stands(f"{value:.3f}")
    figures = {
        one.judge.name: one
        for one in annotator_figures(expand_pairs(example()), draws=0, generator=generator())
    }
    assert (figures["eve"].decisive.value, figures["eve"].decisive.n) == (pytest.approx(3 / 5), 5)
    assert figures["eve"].with_ties.value == pytest.approx(3 / 6)
    stands("0.600")
    stands("0.500")


def test_interval_over_two_prompts() -> None:
    """Four draws, as probable each: 2 of 2 twice, both prompts (two ways), 2 of 3 twice."""
    sums = np.array([[2.0, 2.0], [2.0, 3.0]])
    found = resample(sums, draws=4000, generator=generator()).share(0, "none")
    assert (found.value, found.low, found.high) == (pytest.approx(0.8), pytest.approx(2 / 3), 1.0)
    stands("0.667 to 1")
    without = ratio(sums.sum(0) - sums)
    assert ((without.mean() - without) ** 3).sum() == pytest.approx(0.0, abs=1e-12)


def timed(number: int, who: str, ranks: tuple[int, ...], **more: object) -> Ranking:
    at = (NINE + timedelta(minutes=number)).isoformat()
    return Ranking(**{"id": f"{who}{number}", "annotator": who, "ranks": ranks, "at": at, **more})


def work(comparisons: list[Comparison]) -> Work:
    return measure_work(expand_pairs(comparisons), draws=0, generator=generator())


def of_two(number: int, rankings: list[Ranking]) -> Comparison:
    return replace(comparison(f"prompt {number}", {"x": [1, 2]}), rankings=tuple(rankings))


def test_drift() -> None:
    """bob sides with ann on all of his first 40, and on every other one of his second 40."""
    rankings = []
    for i in range(80):
        with_ann = i < 40 or i % 2 == 0
        ann = Ranking(id=f"ann{i}", annotator="ann", ranks=(1, 2))
        rankings.append(of_two(i, [ann, timed(i, "bob", (1, 2) if with_ann else (2, 1))]))
    drift = work(rankings).paces[1].drift
    assert (drift.value, drift.n) == (pytest.approx(-0.5), 80)
    # 40 prompts move it by half of 1/39 = 0.01282 when left out, the others by nothing.
    error = np.sqrt(79 / 80 * 40 * (0.5 / 39) ** 2)
    assert drift.low is not None and drift.high is not None
    assert (drift.low, drift.high) == pytest.approx((-0.5 - 1.96 * error, -0.5 + 1.96 * error), abs=1e-4)
    stands(f"−50 points [−{-100 * drift.low:.1f}, −{-100 * drift.high:.1f}]")


def test_streak() -> None:
    """ann: the first place wins eight times running, then twice the second; bob changes each time."""
    ann = [(1, 2)] * 8 + [(2, 1)] * 2
    bob = [(1, 2), (2, 1)] * 5
    rankings = [
        of_two(i, [timed(i, "ann", a, order=(0, 1)), timed(i, "bob", b, order=(0, 1))])
        for i, (a, b) in enumerate(zip(ann, bob, strict=True))
    ]
    pace = work(rankings).paces[0]
    assert pace.streak == 8
    assert pace.streak_chance == pytest.approx(10 * (0.65**8 + 0.35**8))
    stands(f"{pace.streak_chance:.3f}")


def test_hurried() -> None:
    """Medians 60, 50 and 6 s; a third of the middle one is 16.7 s."""
    seconds = {"ann": (60, 60, 10), "bob": (50, 50, 50), "eve": (6, 6, 20)}
    rankings = [
        of_two(i, [timed(i, who, (1, 2), seconds=float(took[i])) for who, took in seconds.items()])
        for i in range(3)
    ]
    assert [pace.hurried.value for pace in work(rankings).paces] == pytest.approx([1 / 3, 0, 2 / 3])
    stands("0.333, 0 and 0.667")


def test_sitting() -> None:
    """Rankings of one minute each, done at minutes 1, 20, 40 and 75."""
    rankings = [of_two(i, [timed(m, "ann", (1, 2), seconds=60.0)]) for i, m in enumerate((1, 20, 40, 75))]
    counted = {span.name: span.rankings for span in work(rankings).by_minute}
    assert counted == {"0 to 15 min": 2, "15 to 30 min": 1, "30 to 60 min": 1}
    stands("2, 1 and 1")


def test_difference_in_length() -> None:
    parts = [
        comparison("p", {"ann": [1, 2], "bob": [1, 2]}, texts=["x" * 100, "y" * 80]),
        comparison("q", {"ann": [2, 1], "bob": [1, 2]}, texts=["x" * 100, "y" * 80]),
    ]
    (found,) = by_length(expand_pairs(parts), draws=0, generator=generator())
    assert found.name == "10% to 25%"
    assert (found.longer_wins.value, found.longer_wins.n) == (0.75, 4)
    stands("0.750")


def test_change_of_the_guideline() -> None:
    """Under v1 they agree on one of two prompts, under v2 on both."""
    parts = []
    for i, (version, bob) in enumerate((("v1", (1, 2)), ("v1", (2, 1)), ("v2", (1, 2)), ("v2", (1, 2)))):
        parts.append(
            of_two(i, [timed(i, "ann", (1, 2), guideline=version), timed(i, "bob", bob, guideline=version)])
        )
    (change,) = guideline_changes(expand_pairs(parts), draws=0, generator=generator())
    assert (change.decisive_before.value, change.decisive_after.value) == (0.5, 1.0)
    assert change.change.value == pytest.approx(0.5)
    stands("50 points")


def test_more_rankings() -> None:
    need = needed(Estimate(0.75, 0.71, 0.79, 400), 0.02, prompts=100, rankings_a_prompt=3, seconds=60)
    assert need is not None and (need.prompts, need.rankings, need.hours) == (300, 900, 15.0)
    for text in ("300", "900", "15 hours"):
        stands(text)


def test_coefficients_of_cohens_table() -> None:
    marks = np.repeat(np.array([(i, j) for i in range(3) for j in range(3)]), COHEN.ravel(), axis=0)
    counts = np.stack([(marks == k).sum(1) for k in range(3)], axis=1)
    found = {
        "Cohen": float(cohen_kappa(COHEN)),
        "Cohen, linear": float(cohen_kappa(COHEN, "linear")),
        "Scott": float(scott_pi(COHEN)),
        "Fleiss": fleiss_kappa(counts).value,
        "AC1": gwet_ac(counts).value,
        "AC2": gwet_ac(counts, "linear").value,
        "Brennan": brennan_prediger(counts).value,
    }
    expected = [0.4915, 0.4737, 0.4872, 0.4872, 0.5760, 0.6098, 0.55]
    assert list(found.values()) == pytest.approx(expected, abs=5e-5)
    for value in found.values():
        stands(f"{value:.3f}")
    assert spearman_rho([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]) == pytest.approx(8 / np.sqrt(95))
    stands("0.821")


def test_decisive_agreement_with_eve() -> None:
    """The jackknife's panel: seven of ten decisive meetings agree."""
    panel = panel_agreement(expand_pairs(example()), draws=0, generator=generator())
    assert (panel.decisive.value, panel.decisive.n) == (pytest.approx(0.7), 10)
    stands("0.700")
