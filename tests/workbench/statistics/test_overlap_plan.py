"""Overlap plans: the numbers by hand, budgets, and comparisons that need nothing."""

from dataclasses import replace

import numpy as np
import pytest

from workbench.errors import DataError
from workbench.records import Comparison, Completion, Ranking
from workbench.statistics.agreement import panel_agreement
from workbench.statistics.overlap import StoppingRule
from workbench.statistics.overlap_plan import plan_agreement, plan_winners, plannable
from workbench.statistics.pair_reader import expand_pairs
from workbench.statistics.preferences.label_model import LabelModel

MODEL = LabelModel(kind="davidson", spread=3.0, log_tie=-1.0, annotators={})


def comparison(name, *ranks, criterion="helpful", kind="simulated"):
    rankings = tuple(
        Ranking(f"{name}-{i}", f"a{i}", r, criterion=criterion, annotator_kind=kind)
        for i, r in enumerate(ranks)
    )
    return Comparison(name, f"prompt {name}", (Completion("a"), Completion("b")), rankings)


def test_the_least_clear_come_first_and_a_budget_goes_round():
    made = [
        comparison("agreed", (1, 2), (1, 2)),
        comparison("split", (1, 2), (2, 1)),
        comparison("once", (1, 2)),
        comparison("new"),
        comparison("full", *[(1, 2), (2, 1)] * 2),
    ]
    rule = StoppingRule(probability=0.9, at_most=4)
    plan = plan_winners(made, MODEL, rule)
    assert [(p.comparison, p.rankings, p.overlap) for p in plan.planned] == [
        ("new", 0, 1),
        ("split", 2, 3),
        ("once", 1, 2),
    ]
    assert (plan.votes, plan.summary["clear"], plan.summary["unclear"], plan.summary["at_most"]) == (
        3,
        1,
        3,
        1,
    )
    assert plan.planned[0].priority == 0.5 and "at least 1" in plan.planned[0].reason
    assert [p.comparison for p in plan_winners(made, MODEL, rule, budget=2).planned] == ["new", "split"]
    more = plan_winners(made, MODEL, rule, budget=7)
    assert {p.comparison: p.overlap for p in more.planned} == {"new": 3, "split": 4, "once": 3}
    assert more.votes == 7
    # The most that any may get ends it: new 4, split 2, once 3.
    assert plan_winners(made, MODEL, rule, budget=100).votes == 9
    assert plan_winners([], MODEL, rule).summary["expected_accuracy"]["reason"] == "there is no comparison"
    with pytest.raises(ValueError, match="budget must be 1"):
        plan_winners(made, MODEL, rule, budget=0)


def test_half_widths_shrink_with_the_square_root_of_shared_comparisons():
    rng = np.random.default_rng(0)
    both = [comparison(f"s{i:03}", (1, 2), (1, 2) if rng.random() < 0.75 else (2, 1)) for i in range(100)]
    alone = [comparison(f"o{i:03}", (1, 2)) for i in range(400)]
    new = [comparison(f"z{i:03}") for i in range(5)]
    made = [*both, *alone, *new]
    now = panel_agreement(expand_pairs(both), draws=1000, generator=np.random.default_rng(1)).decisive
    half = (now.high - now.low) / 2
    plan = plan_agreement(made, half / 2, measure="decisive")
    # Half the width takes four times the comparisons: 300 more, as far as resamples tell the width.
    assert abs(plan.votes - 300) < 60 and plan.summary["shared"] == 100
    assert all(p.overlap == 2 and p.comparison.startswith("o") for p in plan.planned)
    assert plan.planned == plan_agreement(made, half / 2).planned
    assert plan.planned != plan_agreement(made, half / 2, seed=1).planned
    short = plan_agreement(made, half / 4)
    # 405 can be had, of 1,500 or so; the untouched ones take two votes each.
    assert len(short.planned) == 405 and short.votes == 410 and short.summary["missing"] > 900
    assert plan_agreement(made, half / 2, budget=50).votes == 50
    assert plan_agreement(made, 0.5).planned == ()


def test_without_overlap_a_usual_agreement_is_assumed():
    """1.96^2 * 0.73 * 0.27 / 0.1^2 = 75.7."""
    plan = plan_agreement([comparison(f"c{i}", (1, 2)) for i in range(100)], 0.1)
    assert plan.summary["assumed"] == 0.73 and len(plan.planned) == plan.votes == 76
    assert plan.summary["now"]["value"] is None and plan.summary["now"]["reason"]


def test_what_cannot_be_planned():
    made = comparison("c", (1, 2))
    gold = replace(made, id="g", kind="gold")
    same = replace(made, id="s", completions=(Completion("a"), Completion("a")))
    judged = replace(comparison("j", (1, 2), kind="adjudicator"), id="j")
    assert [c.id for c in plannable([made, gold, same, judged])] == ["c"]
    honest = comparison("h", (2, 1), criterion="honest")
    with pytest.raises(DataError, match="several criteria"):
        plannable([made, honest])
    assert [len(c.rankings) for c in plannable([made, honest], "honest")] == [0, 1]
    with pytest.raises(DataError, match="no ranking has the criterion 'kind'"):
        plannable([made], "kind")
    for settings, words in (
        ({"measure": "kappa"}, "measure must be"),
        ({"half_width": 0}, "half_width must"),
    ):
        with pytest.raises(ValueError, match=words):
            plan_agreement([made], **{"half_width": 0.1, **settings})
