"""How annotators work: sittings, order of work, drift, streaks and hurry, by hand and on simulated annotators."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.panels import generator
from workbench.records import Comparison, Completion, Ranking
from workbench.statistics.pair_reader import expand_pairs
from workbench.statistics.simulated import SimulatedAnnotator, rank_all
from workbench.statistics.work import Work, measure_work

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC)


def ranked(number: int, rankings: list[Ranking], k: int = 2) -> Comparison:
    texts = tuple(Completion(text=f"text {i}") for i in range(k))
    return Comparison(id=f"c{number}", prompt=f"prompt {number}", completions=texts, rankings=tuple(rankings))


def one(
    number: int, who: str, minute: float | None, ranks: tuple[int, ...] = (1, 2), **more: object
) -> Ranking:
    at = None if minute is None else (NINE + timedelta(minutes=minute)).isoformat()
    return Ranking(**{"id": f"{who}{number}", "annotator": who, "ranks": ranks, "at": at, **more})


def work(comparisons: list[Comparison]) -> Work:
    return measure_work(expand_pairs(comparisons), draws=50, generator=generator())


def test_a_pause_begins_a_new_sitting() -> None:
    """Work at minutes 1, 20 and 40 is one sitting; at 75, after 34 minutes without work, another one begins."""
    found = work([ranked(i, [one(i, "ann", m, seconds=60)]) for i, m in enumerate((1, 20, 40, 75))])
    assert {span.name: span.rankings for span in found.by_minute} == {
        "0 to 15 min": 2,
        "15 to 30 min": 1,
        "30 to 60 min": 1,
    }
    assert found.by_minute[0].seconds.value == 60 and found.by_minute[0].seconds.n == 2
    assert found.by_quarter == [] and "20 rankings" in str(found.no_quarters)


def test_without_times_it_says_so() -> None:
    found = work([ranked(i, [one(i, "ann", None)]) for i in range(5)])
    assert found.no_minutes == "when rankings were made is not recorded" == found.no_quarters
    assert "not recorded" in str(found.paces[0].drift.reason) and found.paces[0].streak is None


def test_drift_is_the_second_half_less_the_first() -> None:
    """bob sides with ann on all of his first 40 and on one in two of his second 40: drift -0.5."""
    comparisons = []
    for i in range(80):
        agrees = i < 40 or i % 2 == 0
        comparisons.append(ranked(i, [one(i, "ann", None), one(i, "bob", i, (1, 2) if agrees else (2, 1))]))
    found = work(comparisons)
    ann, bob = found.paces
    assert "not recorded" in str(ann.drift.reason) or "fewer than" in str(ann.drift.reason)
    assert bob.drift.value == pytest.approx(-0.5) and bob.drift.n == 80
    assert bob.drift.high is not None and bob.drift.high < -0.3
    assert [span.decisive.value for span in found.by_quarter] == [1, 1, 0.5, 0.5]


def test_streaks_follow_places_on_the_page() -> None:
    """Ten rankings with the first place best, then one with the last: the longest run is ten, whatever the order."""
    comparisons = []
    for i in range(11):
        order = (0, 1) if i % 2 else (1, 0)
        best = order[0] if i < 10 else order[1]
        comparisons.append(
            ranked(i, [one(i, "ann", i, tuple(1 if j == best else 2 for j in range(2)), order=order)])
        )
    (pace,) = work(comparisons).paces
    assert pace.streak == 10


def test_the_chance_of_a_streak_follows_the_panels_favourite_answer() -> None:
    """Of 20 rankings 14 running put the first place best; 3 the second; 3 tie: 20 (0.7^14 + 2 x 0.15^14) = 0.1357."""
    answers = [(1, 2)] * 14 + [(2, 1), (1, 1)] * 3
    (pace,) = work(
        [ranked(i, [one(i, "ann", i, ranks, order=(0, 1))]) for i, ranks in enumerate(answers)]
    ).paces
    assert pace.streak == 14
    assert pace.streak_chance == pytest.approx(20 * (0.7**14 + 2 * 0.15**14))


def test_straight_lining_and_spam_stand_out_among_simulated_annotators() -> None:
    panel = [
        *(SimulatedAnnotator(name=f"careful{i}") for i in range(4)),
        SimulatedAnnotator(name="line", straight_line=1.0),
        SimulatedAnnotator(name="spam", spam=1.0),
    ]
    utilities = np.random.default_rng(0).normal(size=(300, 4)).tolist()
    texts = tuple(Completion(f"text {i}") for i in range(4))
    comparisons = [Comparison(f"c{n}", f"prompt {n}", texts) for n in range(300)]
    done = rank_all(comparisons, utilities, panel, seed=1, overlap=3, overlap_share=1.0)
    labels = expand_pairs(done)
    found = measure_work(labels, draws=0, generator=generator())
    paces = {judge.name: pace for judge, pace in zip(labels.judges, found.paces, strict=True)}
    assert paces["line"].streak == sum(r.annotator == "line" for c in done for r in c.rankings)
    assert paces["line"].streak_chance is not None and paces["line"].streak_chance < 1e-6
    assert all((paces[f"careful{i}"].streak_chance or 0) > 1e-3 for i in range(4))
    assert (paces["spam"].hurried.value or 0) > 0.5 > (paces["careful0"].hurried.value or 0)
