"""Shares of judgements against plain loops and scikit-learn, on random panels."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.panels import comparison, generator, random_comparisons
from workbench.statistics.agreement import count_units, raw_agreement
from workbench.statistics.annotators import intra_agreement, position_share, tie_share
from workbench.statistics.pair_reader import expand_pairs


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_ties_position_and_repeats_equal_plain_loops(seed: int) -> None:
    """The shares of ties, of what is shown first, and of one's own verdicts that stay, counted one by one."""
    rng = np.random.default_rng(seed)
    comparisons = [
        replace(
            c,
            rankings=tuple(
                replace(r, order=tuple(rng.permutation(len(r.ranks or ())).tolist())) for r in c.rankings
            ),
        )
        for c in random_comparisons(seed)
    ]
    said: dict[tuple[str, str, str, frozenset[str]], list[str]] = {}
    ties = judged = first = decided = 0
    for c in comparisons:
        for r in c.rankings:
            for i, j in combinations(range(len(c.completions)), 2):
                assert r.ranks is not None and r.order is not None
                a, b = r.ranks[i], r.ranks[j]
                if a is None or b is None:
                    continue
                judged, ties = judged + 1, ties + (a == b)
                one, two = c.completions[i].text, c.completions[j].text
                verdict = "tie" if a == b else (one if a < b else two)
                said.setdefault((r.annotator, str(c.prompt), r.criterion, frozenset((one, two))), []).append(
                    verdict
                )
                if a != b:
                    better, worse = (i, j) if a < b else (j, i)
                    decided, first = decided + 1, first + (r.order.index(better) < r.order.index(worse))
    own = [x == y for verdicts in said.values() for x, y in combinations(verdicts, 2)]
    labels = expand_pairs(comparisons)
    for found, part, whole in (
        (tie_share(labels, draws=0, generator=generator()), ties, judged),
        (position_share(labels, draws=0, generator=generator()), first, decided),
        (intra_agreement(labels, draws=0, generator=generator()), sum(own), len(own)),
    ):
        assert found.value == (pytest.approx(part / whole) if whole else None)
        assert found.n == whole


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 40))
def test_raw_agreement_of_two_is_scikit_learns_accuracy(seed: int, n: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    ranks = np.random.default_rng(seed).integers(1, 3, (2, n, 2))
    labels = expand_pairs(
        comparison(f"p{i}", {"ann": ranks[0, i].tolist(), "bob": ranks[1, i].tolist()}) for i in range(n)
    )
    ann, bob = np.sign(ranks[..., 1] - ranks[..., 0])
    with_ties, decisive = raw_agreement(count_units(labels))
    assert with_ties == pytest.approx(metrics.accuracy_score(ann, bob))
    both = (ann != 0) & (bob != 0)
    assert decisive == (pytest.approx(metrics.accuracy_score(ann[both], bob[both])) if both.any() else None)
