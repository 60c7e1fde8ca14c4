"""Annotators' own figures and those of each two of them, by hand."""

from dataclasses import replace

import pytest

from tests.panels import comparison, generator, panel
from workbench.records import Ranking
from workbench.statistics.agreement import count_units, raw_agreement
from workbench.statistics.annotator_pairs import annotator_pairs, meetings
from workbench.statistics.annotators import annotator_figures, intra_agreement
from workbench.statistics.pair_reader import expand_pairs


def test_position_bias_counts_the_first_shown() -> None:
    """In three pairs ann prefers what stood first twice; the tie says nothing."""
    parts = [
        comparison("p", {"ann": [1, 2]}, order=(0, 1)),
        comparison("q", {"ann": [1, 2]}, order=(1, 0)),
        comparison("r", {"ann": [2, 1]}, order=(1, 0)),
        comparison("s", {"ann": [1, 1]}, order=(0, 1)),
    ]
    (figures,) = annotator_figures(expand_pairs(parts), draws=0, generator=generator())
    assert (figures.first_shown.value, figures.first_shown.n) == (pytest.approx(2 / 3), 3)
    assert figures.ties.value == pytest.approx(1 / 4)


def test_one_annotator_with_themselves() -> None:
    again = [
        Ranking(id=str(i), annotator="ann", ranks=ranks, attempt=i)
        for i, ranks in enumerate([(1, 2), (1, 2), (2, 1)], start=1)
    ]
    base = comparison("p", {"bob": [1, 2]})
    labels = expand_pairs([replace(base, rankings=(*base.rankings, *again))])
    intra = intra_agreement(labels, draws=0, generator=generator())
    assert (intra.value, intra.n) == (pytest.approx(1 / 3), 3)
    with_ties, _ = raw_agreement(count_units(labels))
    assert with_ties == pytest.approx(2 / 3), "all of ann's judgements meet bob's; never one another"


def test_annotator_figures_and_pairs_by_hand() -> None:
    """ann and bob: p1 agrees on 4 of 6 (bob has no tie where ann has one, and turns one pair around)."""
    labels = expand_pairs(panel())
    figures = {f.judge.name: f for f in annotator_figures(labels, draws=0, generator=generator())}
    assert set(figures) == {"ann", "bob", "cat"}
    met = meetings(labels)
    assert not isinstance(met, str)
    pairs = annotator_pairs(labels, met, intervals=False)
    totals = {(labels.judges[p.one].name, labels.judges[p.two].name): p for p in pairs}
    assert {key: p.with_ties.n for key, p in totals.items()} == {
        ("ann", "bob"): 12,
        ("ann", "cat"): 12,
        ("bob", "cat"): 6,
    }
    assert totals["ann", "bob"].with_ties.value == pytest.approx(10 / 12)
    few = totals["ann", "bob"].kappa
    assert few.value is not None and few.low is None and "fewer than 30" in str(few.reason)
    met_of_ann = sum(p.with_ties.n for key, p in totals.items() if "ann" in key)
    assert figures["ann"].with_ties.n == met_of_ann


def test_too_many_meetings_are_refused_with_their_number() -> None:
    labels = expand_pairs([comparison("p", {f"a{i}": [1, 2] for i in range(100)})])
    assert "4,950 meetings" in str(meetings(labels, limit=1000))
