from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.tiny_models import byte_tokenizer
from workbench.errors import DataError
from workbench.modeling.ranking_losses import all_pairs_loss, davidson
from workbench.modeling.rankings import collate_rankings, count_pairs, prepare_rankings
from workbench.records import Comparison, Completion, Message, Ranking
from workbench.statistics.preferences.consensus import consensus_of
from workbench.statistics.preferences.label_model import LabelModel


def comparison(name, texts, *rankings, prompt="P"):
    made = [Ranking(f"{name}{i}", f"a{i}", ranks) for i, ranks in enumerate(rankings)]
    return Comparison(name, prompt, tuple(map(Completion, texts)), tuple(made))


def prepare(comparisons, **settings):
    return prepare_rankings(comparisons, byte_tokenizer(), **{"max_length": 100, **settings})


def test_only_what_was_ranked_is_encoded():
    groups, counts = prepare([comparison("c", ["aa", "b", "cccc", "b"], (1, None, 5, 2), (2, None, 1, None))])
    (group,) = groups
    assert group.kept == (0, 2, 3)
    assert [len(tokens) for tokens in group.group.completions] == [3, 5, 2]
    assert group.ranks.tolist() == [[1, 5, 2], [2, 1, 0]]
    assert group.weights.tolist() == [0.5, 0.5]
    assert counts["comparisons_used"] == 1 and counts["rankings"] == 2


def test_rankings_that_say_nothing_are_counted():
    one = comparison("one", ["a", "b"], (1, None))
    same = comparison("same", ["a", "a"], (1, 2))
    tied = comparison("tied", ["a", "b"], (1, 1))
    skipped = Comparison(
        "s", "P", (Completion("a"), Completion("b")), (Ranking("r", "x", None, outcome="skipped"),)
    )
    groups, counts = prepare([one, same, tied, skipped], ties="rao_kupper")
    assert [g.group.id for g in groups] == ["tied"]
    assert (counts["rankings_without_pair"], counts["skips"]) == (2, 1)
    groups, counts = prepare([one, same, tied, skipped], ties="drop")
    assert not groups and counts["rankings_without_pair"] == 3


def test_drop_keeps_a_ranking_whose_only_order_is_between_different_texts():
    # 0 and 1 are the same words in different tiers; 2 ties with 0, but stands below 1.
    groups, _ = prepare([comparison("c", ["a", "a", "b"], (2, 1, 2))], ties="drop")
    assert len(groups) == 1
    assert count_pairs(groups) == (1, 2)


def test_an_adjudication_stands_alone():
    base = comparison("c", ["a", "b"], (1, 2), (1, 2))
    judge = Ranking("j", "judge", (2, 1), annotator_kind="adjudicator")
    groups, _ = prepare([Comparison("c", "P", base.completions, (*base.rankings, judge))])
    assert groups[0].ranks.tolist() == [[2, 1]] and groups[0].annotators == ("judge",)


def test_soft_labels_are_the_cross_entropy_with_the_consensus():
    """Three different texts and a copy; 0 and 2 were judged, 1 by nobody beside them: pairs 0-2, 0-3 and 2-3, not 1."""
    given = comparison("c", ["a", "b", "c", "d"], (1, None, 2, 2), (1, None, 3, 2))
    model = LabelModel(kind="davidson", annotators={})
    (group,), counts = prepare([given], label_model=model)
    assert counts["rankings"] == 2
    found = consensus_of(given, model)
    pairs = [(0, 2), (0, 3), (2, 3)]
    assert group.kept == (0, 2, 3) and group.ranks.shape == (9, 3)
    batch = collate_rankings([group], [0], 0)
    values, log_width = torch.tensor([0.7, -0.2, 0.4]), torch.tensor(-0.3)
    loss = (all_pairs_loss(values[batch.items], batch.ranks, batch.twins, ties="davidson", log_width=log_width)
            * batch.weights).sum()  # fmt: skip
    expected = 0.0
    for i, j in pairs:
        x = values[group.kept.index(i)] - values[group.kept.index(j)]
        for p, order in ((found.better[i, j], 1), (found.tied[i, j], 0), (found.better[j, i], -1)):
            expected += p * float(davidson(x, torch.tensor(order), log_width)) / 3
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    ties, total = count_pairs([group])
    assert total == pytest.approx(3) and ties == pytest.approx(sum(found.tied[i, j] for i, j in pairs))
    # Without ties the decisive two sum to 1.
    (group,), _ = prepare([given], label_model=model, ties="drop")
    assert group.ranks.shape == (6, 3) and group.weights.sum() == pytest.approx(1)
    # An adjudication is the consensus by itself.
    judge = Ranking("j", "judge", (2, None, 1, 3), annotator_kind="adjudicator")
    (group,), _ = prepare([replace(given, rankings=(*given.rankings, judge))], label_model=model)
    assert group.ranks.tolist() == [[2, 1, 3]] and group.counts is None


def test_annotator_weights_sum_to_one():
    groups, _ = prepare([comparison("c", ["a", "b"], (1, 2), (2, 1))], annotator_weights={"a0": 3.0})
    assert groups[0].weights.tolist() == [0.75, 0.25]
    assert not prepare([comparison("c", ["a", "b"], (1, 2))], annotator_weights={"a0": 0.0})[0]


def test_criteria_are_not_mixed():
    rankings = (Ranking("r", "a", (1, 2)), Ranking("s", "a", (2, 1), criterion="honest"))
    with pytest.raises(DataError, match="helpful, honest|honest, helpful"):
        prepare([Comparison("c", "P", (Completion("a"), Completion("b")), rankings)])


def test_conversations_need_a_template():
    chat = comparison("c", ["a", "b"], (1, 2), prompt=(Message("user", "Hi"),))
    with pytest.raises(DataError, match="no chat template"):
        prepare_rankings([chat], byte_tokenizer(template=None), max_length=50)


def test_what_is_too_long_is_dropped_on_request():
    long = comparison("long", ["a" * 200, "b"], (1, 2))
    with pytest.raises(DataError, match="'long'"):
        prepare([long])
    assert prepare([long], too_long="drop")[1]["too_long"] == 1


def test_a_batch_by_hand():
    groups, _ = prepare(
        [comparison("x", ["a", "b", "c"], (1, 2, 3), (1, 1, 2)), comparison("y", ["d", "e"], (2, 1))]
    )
    batch = collate_rankings(groups, [1, 0], pad_id=0)
    assert batch.items.tolist() == [[0, 1, 0], [2, 3, 4], [2, 3, 4]]
    assert batch.ranks.tolist() == [[2, 1, 0], [1, 2, 3], [1, 1, 2]]
    assert batch.comparison.tolist() == [0, 1, 1] and batch.ids == ("y", "x") and batch.members == (1, 0)
    np.testing.assert_allclose(batch.weights, [1, 0.5, 0.5])
    assert batch.grouped.sizes == (2, 3)
