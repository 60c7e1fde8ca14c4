"""The label model and the consensus: known annotators found again, exact posteriors matched, odd data answered."""

import math
from dataclasses import replace

import numpy as np
import pytest

from workbench.records import Comparison, Completion, Ranking
from workbench.statistics.overlap import StoppingRule, another_vote
from workbench.statistics.pair_reader import expand_pairs
from workbench.statistics.preferences import davidson
from workbench.statistics.preferences.consensus import consensus_of, consensuses
from workbench.statistics.preferences.label_model import (
    PRIOR_MODEL,
    LabelModel,
    fit_label_model,
    fit_label_model_to_votes,
)
from workbench.statistics.preferences.local_votes import local_votes, votes_of_labels
from workbench.statistics.simulated import SimulatedAnnotator, rank_all


def comparison(*texts, rankings=(), name="c", kind="simulated"):
    made = tuple(
        Ranking(id=f"r{i}", annotator=who, ranks=ranks, annotator_kind=kind)
        for i, (who, ranks) in enumerate(rankings)
    )
    return Comparison(name, "p", tuple(Completion(text) for text in texts), rankings=made)


@pytest.fixture(scope="module")
def panel_data():
    rng = np.random.default_rng(1)
    utilities = rng.standard_normal((400, 4))
    blank = [replace(comparison(*"abcd"), id=f"c{i}", prompt=f"p{i}") for i in range(400)]
    panel = [
        SimulatedAnnotator(name="good", noise=0.3),
        SimulatedAnnotator(name="leans", noise=0.5, position_bias=0.5),
        SimulatedAnnotator(name="noisy", noise=1.2),
        SimulatedAnnotator(name="spam", spam=1.0),
    ]
    return rank_all(blank, utilities, panel, seed=0, overlap=3, overlap_share=1.0), utilities


def test_reliability_and_position_bias_of_a_known_panel(panel_data):
    model = fit_label_model(panel_data[0])
    quality = model.annotators
    assert quality["good"].reliability > quality["noisy"].reliability > 0.75
    assert abs(quality["spam"].reliability - 0.5) < 0.1
    assert quality["leans"].bias - 2 * quality["leans"].bias_se > 0.3
    assert abs(quality["good"].bias) < 3 * quality["good"].bias_se
    weights = model.weights()
    assert weights["spam"] < 0.3 < 1 < weights["good"]
    assert np.mean(list(weights.values())) == pytest.approx(1)


def test_reliabilities_make_the_consensus_right_more_often(panel_data):
    ranked, utilities = panel_data
    truth = utilities.argmax(1)
    right = {}
    for kind in ("davidson", "crowdbt"):
        found = list(consensuses(ranked, fit_label_model(ranked, kind)))
        right[kind] = np.mean([c.best == t for c, t in zip(found, truth, strict=True)])
    assert right["crowdbt"] > right["davidson"] + 0.03


def test_columns_of_pair_labels_give_the_same_model(panel_data):
    ranked = panel_data[0][:120]
    one, two = fit_label_model(ranked), fit_label_model_to_votes(votes_of_labels(expand_pairs(ranked)))
    assert two.spread == pytest.approx(one.spread, rel=1e-3)
    for name, quality in one.annotators.items():
        assert two.annotators[name].logit == pytest.approx(quality.logit, abs=1e-3)
        assert two.annotators[name].votes == quality.votes


def test_the_sample_of_many_pairs_keeps_rare_annotators(panel_data, monkeypatch):
    from workbench.statistics.preferences import label_model

    monkeypatch.setattr(label_model, "MOST_PAIRS", 600)
    monkeypatch.setattr(label_model, "FEWEST_VOTES", 100)
    rare = panel_data[0][0]
    extra = replace(rare.rankings[0], id="x", annotator="rare")
    ranked = [replace(rare, rankings=(*rare.rankings, extra)), *panel_data[0][1:]]
    model = fit_label_model(ranked)
    assert 400 < model.pairs < 900
    assert model.annotators["rare"].votes == 6
    assert model.to_json() == fit_label_model(ranked).to_json()


def test_two_completions_agree_with_the_exact_integral():
    """P(a is better) by quadrature over the difference, Normal(0, 2 spread^2), against the normal approximation."""
    model = LabelModel(kind="davidson", spread=1.5, log_tie=math.log(0.4), annotators={})
    x = np.linspace(-12, 12, 4001)
    for labels in ([1], [1, 1], [1, 1, -1], [0], [0, 1], [1] * 5):
        density = np.exp(-(x**2) / (4 * 1.5**2))
        for label in labels:
            density *= np.exp(davidson.link(x, np.full(len(x), label), model.log_tie).value)
        density /= density.sum()
        rankings = [(f"a{i}", {1: (1, 2), 0: (1, 1), -1: (2, 1)}[label]) for i, label in enumerate(labels)]
        found = consensus_of(comparison("a", "b", rankings=rankings), model)
        assert found.winner[0] == pytest.approx(density[x > 0].sum() + density[x == 0].sum() / 2, abs=0.02)
        outcomes = (density[:, None] * davidson.outcomes(x, model.log_tie)).sum(0)
        assert [found.better[0, 1], found.tied[0, 1], found.better[1, 0]] == pytest.approx(outcomes, abs=0.02)
    # The order of completions changes nothing.
    one = consensus_of(comparison("a", "b", rankings=[("x", (1, 2))]), model)
    two = consensus_of(comparison("a", "b", rankings=[("x", (2, 1))]), model)
    assert one.winner == pytest.approx(two.winner[::-1])


def test_identical_texts_are_one_item():
    found = consensus_of(
        comparison("a", "b", "a", rankings=[("x", (2, 3, 1)), ("y", (1, 2, 1))]), PRIOR_MODEL
    )
    assert found.winner[0] == found.winner[2] > found.winner[1]
    assert found.winner[0] + found.winner[1] == pytest.approx(1)
    assert found.tied[0, 2] == 1 and found.better[0, 2] == 0
    assert found.ranks[0] == found.ranks[2] == 1


@pytest.mark.parametrize(
    "rankings",
    [
        [],
        [("x", (1, 1, 1)), ("y", (1, 1, 1))],
        [("x", (1, None, 2))],
        [("x", (1, 2, 3)), ("y", (3, 2, 1))],
        [("x", (1, 2, 3))] * 40,
    ],
    ids=["none", "all ties", "partial", "opposite", "one annotator again and again"],
)
@pytest.mark.parametrize("kind", ["davidson", "crowdbt"])
def test_odd_rankings_give_finite_answers(rankings, kind):
    given = comparison("a", "b", "c", rankings=rankings)
    model = fit_label_model([given], kind)
    found = consensus_of(given, model)
    for values in (found.worth, found.worth_se, found.better, found.tied, found.winner):
        assert np.isfinite(values).all()
    assert found.winner.sum() == pytest.approx(1)
    off = ~np.eye(3, dtype=bool)
    assert (found.better + found.better.T + found.tied)[off] == pytest.approx(1)
    assert all(math.isfinite(q.logit_se) for q in model.annotators.values())


def test_a_batch_changes_no_consensus(panel_data):
    ranked = panel_data[0][:30]
    model = fit_label_model(ranked)
    mixed = [*ranked[:3], comparison("x", "y", rankings=[("good", (1, 2))]), *ranked[3:]]
    together = list(consensuses(mixed, model))
    for given, found in zip(mixed, together, strict=True):
        alone = consensus_of(given, model)
        assert found.comparison == given.id
        assert found.worth == pytest.approx(alone.worth, abs=1e-5)
        assert found.winner == pytest.approx(alone.winner, abs=0.005)


def test_when_to_ask_again():
    rule = StoppingRule(probability=0.9, at_least=1, at_most=5)
    model = LabelModel(kind="davidson", spread=3.0, log_tie=-1.0, annotators={})

    def ask(*rankings, **more):
        return another_vote(comparison("a", "b", rankings=rankings, **more), model=model, rule=rule)

    assert ask().wanted and "at least 1" in ask().reason
    agreed = [ask(*[(f"a{i}", (1, 2)) for i in range(n)]) for n in range(1, 4)]
    assert [a.wanted for a in agreed] == [True, False, False]
    assert agreed[0].probability < agreed[1].probability < agreed[2].probability
    assert ask(("x", (1, 2)), ("y", (2, 1))).wanted
    most = ask(*[(f"a{i}", (1, 2) if i % 2 else (2, 1)) for i in range(5)])
    assert not most.wanted and "5 is the most" in most.reason
    assert not ask(("x", (1, 2)), kind="adjudicator").wanted
    assert not another_vote(comparison("a", "a")).wanted
    with pytest.raises(ValueError, match="probability"):
        StoppingRule(probability=1.0)
    with pytest.raises(ValueError, match="at_most"):
        StoppingRule(at_least=6)


def test_skips_and_adjudications_are_no_votes():
    skip = Ranking(
        id="s", annotator="s", ranks=None, outcome="skipped", annotator_kind="simulated", reason="unclear"
    )
    given = comparison("a", "b", rankings=[("x", (1, 2))])
    judged = Ranking(id="j", annotator="j", ranks=(2, 1), annotator_kind="adjudicator")
    votes = local_votes([replace(given, rankings=(*given.rankings, skip, judged))])
    assert len(votes) == 1 and list(votes.names) == ["x"]


def test_one_ranking_a_prompt_says_nothing_of_reliability_but_something_of_leaning():
    """Everybody ranks what they are shown first as best, and nobody overlaps: the prior's reliability, and a bias."""
    given = [
        replace(
            comparison("a", "b", "c"),
            id=f"c{i}",
            prompt=f"p{i}",
            rankings=(Ranking(f"r{i}", f"a{i % 3}", (1, 2, 3), order=(0, 1, 2)),),
        )
        for i in range(60)
    ]
    model = fit_label_model(given)
    for quality in model.annotators.values():
        assert quality.logit == pytest.approx(2.0, abs=0.05) and quality.logit_se == pytest.approx(
            1.0, abs=0.05
        )
        assert quality.bias > 1
    # A panel that takes whatever comes first gives no clear winner.
    assert consensus_of(given[0], model).winner.max() < 0.5
    assert fit_label_model([comparison("a", "b")]).annotators == {}
