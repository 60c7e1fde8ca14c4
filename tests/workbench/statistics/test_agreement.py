"""Agreement of rankings: by hand on a small table, by the properties it must have, and against plain loops."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.panels import PANEL, comparison, generator, panel, random_comparisons
from workbench.records import Comparison, Completion
from workbench.statistics.agreement import count_units, pair_label_alpha, panel_agreement, raw_agreement
from workbench.statistics.annotator_pairs import annotator_pairs, meetings
from workbench.statistics.annotators import annotator_figures
from workbench.statistics.disputes import find_disputes
from workbench.statistics.estimates import Estimate
from workbench.statistics.kappa import cohen_kappa
from workbench.statistics.pair_reader import expand_pairs
from workbench.statistics.ranks import kendall_tau_b, kendall_w
from workbench.statistics.sufficiency import majority_accuracy, reward_model_ceiling
from workbench.statistics.whole_rankings import concordance_of_panels, tau_b_of_meetings


def test_small_panel_by_hand() -> None:
    """18 pairs have two annotators or more; 20 of 30 meetings agree, and 20 of the 23 where both took a side."""
    labels = expand_pairs(panel())
    counts = count_units(labels)
    assert int((counts.met.sum((1, 2)) > 0).sum()) == 18
    assert counts.met.sum() / 2 == 30
    assert raw_agreement(counts) == (pytest.approx(20 / 30), pytest.approx(20 / 23))
    assert pair_label_alpha(counts, symmetrise=False) == pytest.approx(0.227536, abs=1e-6)
    assert pair_label_alpha(counts) == pytest.approx(0.494547, abs=1e-6)
    figures = panel_agreement(labels, draws=50, generator=generator())
    assert (figures.with_ties.value, figures.with_ties.n) == (pytest.approx(20 / 30), 30)
    assert (figures.decisive.value, figures.decisive.n) == (pytest.approx(20 / 23), 23)
    assert figures.by_prompt.n == 3, "nobody agreed or disagreed on p4"
    assert figures.alpha_nominal.low is not None and figures.alpha_nominal.low <= 0.494547


def test_the_documented_example() -> None:
    """The example that docs/agreement.md works out by hand, digit by digit."""
    labels = expand_pairs(
        [
            comparison("p1", {"ann": [1, 2, 2], "bob": [1, 2, 3]}),
            comparison("p2", {"ann": [2, 1, 3], "bob": [1, 2, 3]}),
        ]
    )
    figures = panel_agreement(labels, draws=0, generator=generator())
    assert (figures.with_ties.value, figures.with_ties.n) == (pytest.approx(4 / 6), 6)
    assert (figures.decisive.value, figures.decisive.n) == (pytest.approx(4 / 5), 5)
    assert figures.chance_with_ties.value == pytest.approx(0.42708, abs=1e-5)
    assert figures.alpha_nominal.value == pytest.approx(1 - (4 / 12) / (82.5 / 132))
    assert figures.alpha_nominal.value == pytest.approx(0.46667, abs=1e-5)
    assert figures.alpha_ordinal.value == pytest.approx(0.58333, abs=1e-5)
    assert figures.ac1.value == pytest.approx(0.53285, abs=1e-5)
    met = meetings(labels)
    assert not isinstance(met, str)
    assert sorted(tau_b_of_meetings(labels, met).values) == pytest.approx([1 / 3, 2 / np.sqrt(6)])
    table = np.array([[2, 0, 0.5], [0.5, 0, 0.5], [0.5, 0, 2]])
    assert cohen_kappa(table) == pytest.approx(3 / 7)
    assert figures.by_prompt.value == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert figures.by_prompt_decisive.value == pytest.approx((2 / 2 + 2 / 3) / 2)
    assert kendall_w([[1, 2, 2], [1, 2, 3], [2, 1, 3]]) == pytest.approx(126 / 198)
    # Beyond the panel's rate: the second prompt 1 - 3 * 2/6 = 0, the first, with its tie, 1 - 3 * 2/6 - 1/2.
    disputes = find_disputes(labels)
    assert [prompt.text for prompt in disputes.prompts] == ["p2", "p1"]
    assert disputes.with_tie.value == pytest.approx(1 / 2)
    ceiling = reward_model_ceiling(figures.decisive)
    assert (ceiling.low.value, ceiling.high.value) == (0.8, pytest.approx(0.88730, abs=1e-5))
    assert majority_accuracy(0.8, 3) == pytest.approx(0.96476, abs=1e-5)


def test_whole_rankings_by_hand() -> None:
    labels = expand_pairs(panel())
    met = meetings(labels)
    assert not isinstance(met, str)
    tau = tau_b_of_meetings(labels, met)
    expected = [
        kendall_tau_b(one, two)
        for rankings in PANEL.values()
        for one, two in combinations(rankings.values(), 2)
    ]
    assert sorted(tau.values) == pytest.approx(sorted(value for value in expected if value is not None))
    assert float(tau.values.mean()) == pytest.approx(0.644963, abs=1e-6)
    assert concordance_of_panels(labels).values == pytest.approx([0.702381], abs=1e-6)
    two = concordance_of_panels(labels, rankers=2)
    assert dict(zip(two.prompt, two.values, strict=True))[1] == pytest.approx(0.973684, abs=1e-6)


def loops(comparisons: Sequence[Comparison]) -> tuple[int, int, int, int]:
    """Agreeing and all meetings, with ties and decisive, by the slowest and plainest way."""
    said: dict[tuple[str, str, frozenset[str]], list[tuple[str, str]]] = {}
    for c in comparisons:
        for r in c.rankings:
            for i, j in combinations(range(len(c.completions)), 2):
                one, two = c.completions[i].text, c.completions[j].text
                assert r.ranks is not None
                a, b = r.ranks[i], r.ranks[j]
                if one == two or a is None or b is None:
                    continue
                verdict = "tie" if a == b else (one if a < b else two)
                key = (str(c.prompt), r.criterion, frozenset((one, two)))
                said.setdefault(key, []).append((r.annotator, verdict))
    agree = total = agree_decisive = decisive = 0
    for verdicts in said.values():
        for (who, x), (other, y) in combinations(verdicts, 2):
            if who == other:
                continue
            total += 1
            agree += x == y
            if "tie" not in (x, y):
                decisive += 1
                agree_decisive += x == y
    return agree, total, agree_decisive, decisive


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_equals_plain_loops(seed: int) -> None:
    comparisons = random_comparisons(seed)
    agree, total, agree_decisive, decisive = loops(comparisons)
    with_ties, only_decisive = raw_agreement(count_units(expand_pairs(comparisons)))
    assert with_ties == (pytest.approx(agree / total) if total else None)
    assert only_decisive == (pytest.approx(agree_decisive / decisive) if decisive else None)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_order_of_anything_is_nothing(seed: int) -> None:
    """Shuffled comparisons, rankings and completions give the same figures."""
    comparisons = random_comparisons(seed)
    rng = np.random.default_rng(seed)
    shuffled = []
    for i in rng.permutation(len(comparisons)):
        c = comparisons[i]
        order = rng.permutation(len(c.completions))
        rankings = [
            replace(r, ranks=tuple((r.ranks or ())[j] for j in order))
            for r in (c.rankings[j] for j in rng.permutation(len(c.rankings)))
        ]
        shuffled.append(
            replace(c, completions=tuple(c.completions[j] for j in order), rankings=tuple(rankings))
        )
    one, two = (
        panel_agreement(expand_pairs(those), draws=0, generator=generator())
        for those in (comparisons, shuffled)
    )
    for name in (
        "with_ties",
        "decisive",
        "chance_with_ties",
        "by_prompt",
        "alpha_nominal",
        "alpha_ordinal",
        "ac1",
    ):
        a, b = getattr(one, name), getattr(two, name)
        assert (a.n, a.reason) == (b.n, b.reason)
        assert a.value == (None if b.value is None else pytest.approx(b.value, abs=1e-9))


def test_best_first_storage_does_not_lower_alpha() -> None:
    """The same judgements stored best first: alpha as stored falls, the symmetrised one stays."""
    rng = np.random.default_rng(4)
    stored = []
    for p in range(60):
        ranks = {who: list(rng.permutation([1, 2]) if rng.random() < 0.3 else [2, 1]) for who in "ab"}
        stored.append(comparison(f"p{p}", ranks, texts=("x", "y") if p % 2 else ("y", "x")))
    flipped = [
        c
        if i % 2
        else replace(
            c,
            completions=c.completions[::-1],
            rankings=tuple(replace(r, ranks=(r.ranks or ())[::-1]) for r in c.rankings),
        )
        for i, c in enumerate(stored)
    ]
    one, two = (count_units(expand_pairs(those)) for those in (stored, flipped))
    assert pair_label_alpha(one) == pytest.approx(pair_label_alpha(two))
    assert pair_label_alpha(one, symmetrise=False) != pytest.approx(
        pair_label_alpha(two, symmetrise=False), abs=0.02
    )


BAD = {
    "one annotator": [comparison("p", {"ann": [1, 2]}), comparison("q", {"ann": [1, 2]})],
    "no overlap": [comparison("p", {"ann": [1, 2]}), comparison("q", {"bob": [1, 2]})],
    "all ties": [comparison(f"p{i}", {"ann": [1, 1], "bob": [2, 2]}) for i in range(3)],
    "one prompt with all": [
        comparison("p", {f"a{i}": [1, 2, 2] if i % 3 else [2, 1, 3] for i in range(9)}),
    ],
    "single completions": [comparison("p", {"ann": [1], "bob": [1]})],
    "rankings without ranks": [comparison("p", {"ann": [None, None], "bob": [1, 2]})],
    "no rankings": [Comparison(id="c", prompt="p", completions=(Completion(text="x"),))],
}


@pytest.mark.parametrize("case", BAD)
def test_hard_cases_give_a_number_or_a_sentence(case: str) -> None:
    labels = expand_pairs(BAD[case])
    figures = panel_agreement(labels, draws=50, generator=generator())
    for estimate in vars(figures).values():
        assert isinstance(estimate, Estimate) and (estimate.value is not None or estimate.reason)
    met = meetings(labels)
    assert not isinstance(met, str)
    annotator_pairs(labels, met)
    annotator_figures(labels, draws=50, generator=generator())
    concordance_of_panels(labels), tau_b_of_meetings(labels, met)


def test_all_ties_agree_and_have_no_alpha() -> None:
    figures = panel_agreement(expand_pairs(BAD["all ties"]), draws=0, generator=generator())
    assert figures.with_ties.value == 1.0
    assert "all judgements are the same" in str(figures.alpha_nominal.reason)
    assert "decisive" in str(figures.decisive.reason)
