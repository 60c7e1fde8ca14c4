"""Leaving annotators out at once is the same as leaving them out one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.panels import generator, panel, random_comparisons
from workbench.statistics.agreement import panel_agreement
from workbench.statistics.influence import influence_of_annotators
from workbench.statistics.pair_reader import expand_pairs


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_equals_leaving_one_out_by_hand(seed: int) -> None:
    labels = expand_pairs(random_comparisons(seed, num=20))
    found = influence_of_annotators(labels)
    assert len(found.without) == len(labels.judges)
    for i, without in enumerate(found.without):
        left = panel_agreement(labels.where(labels.annotator != i), draws=0, generator=generator())
        assert without.meetings == left.with_ties.n
        for one, two in (
            (without.decisive, left.decisive.value),
            (without.alpha, left.alpha_nominal.value),
        ):
            assert one == (None if two is None else pytest.approx(two, abs=1e-9))


def test_jackknife_error_by_hand() -> None:
    """Of the small panel, decisive agreement without ann, bob and cat; (A - 1) / A times the squared deviations."""
    labels = expand_pairs(panel())
    found = influence_of_annotators(labels)
    values = [without.decisive for without in found.without]
    assert None not in values
    spread = np.array(values, float) - np.mean(np.array(values, float))
    assert found.decisive_error.value == pytest.approx(np.sqrt(2 / 3 * (spread**2).sum()))
    assert found.decisive_error.n == 3


def test_two_annotators_have_no_jackknife() -> None:
    labels = expand_pairs(panel())
    two = influence_of_annotators(labels.where(labels.annotator < 2))
    assert two.decisive_error.value is None
    assert "figure left" in str(two.decisive_error.reason)
