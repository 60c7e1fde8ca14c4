"""Exports: pairs worked out by hand, tie policies, and files that the other tools read."""

import json
import warnings
from dataclasses import replace

import pytest

from storage.exporting import export_hf, export_trl, preference_pairs
from workbench.records import Comparison, Completion, Message, Ranking
from workbench.selection import LabelFilter, Selection, SplitRule
from workbench.snapshots import write_snapshot
from workbench.statistics.preferences.consensus import consensus_of
from workbench.statistics.preferences.label_model import AnnotatorQuality, LabelModel

CHAT = (Message("user", "p"),)


def comparison(*ranks, texts="abc", prompt=CHAT, name="c"):
    return Comparison(
        id=name,
        prompt=prompt,
        completions=tuple(Completion(text) for text in texts),
        rankings=tuple(Ranking(id=f"r{i}", annotator=f"a{i}", ranks=r) for i, r in enumerate(ranks)),
    )


def pairs(made, ties="drop"):
    return [
        (p.chosen, p.rejected, p.p_better, p.margin, p.votes) for p in preference_pairs([made], ties=ties)
    ]


def test_pairs_of_two_annotators_by_hand():
    """Ranks (1, 2, 5) and (1, 1, 2), gaps closed to tiers (0, 1, 2) and (0, 0, 1).

    a over b: one win, one tie: p = 3/4, margin (1 + 0)/2.  a over c: p = 1, margin (2 + 1)/2.  b over c: p = 1, margin 1.
    """
    assert pairs(comparison((1, 2, 5), (1, 1, 2))) == [
        ("a", "b", 0.75, 0.5, 2),
        ("a", "c", 1.0, 1.5, 2),
        ("b", "c", 1.0, 1.0, 2),
    ]


def test_even_votes_are_dropped_or_given_both_ways():
    """One prefers a by one tier, one prefers b by one tier."""
    even = comparison((1, 2), (2, 1), texts="ab")
    assert pairs(even) == []
    assert pairs(even, "both") == [("a", "b", 0.5, 0.0, 2), ("b", "a", 0.5, 0.0, 2)]


def test_what_was_not_ranked_is_no_pair():
    assert pairs(comparison((1, None, 2), (None, 1, None))) == [("a", "c", 1.0, 1.0, 1)]


def test_identical_completions_are_no_pair():
    assert pairs(comparison((1, 2, 3), texts="aab"), "both") == [
        ("a", "b", 1.0, 2.0, 1),
        ("a", "b", 1.0, 1.0, 1),
    ]


def test_criteria_are_kept_apart():
    made = comparison((1, 2), texts="ab")
    other = Ranking(id="o", annotator="a0", ranks=(2, 1), criterion="honest")
    both = Comparison(id="c", prompt="p", completions=made.completions, rankings=(*made.rankings, other))
    assert [(p.criterion, p.chosen) for p in preference_pairs([both], ties="drop")] == [
        ("helpful", "a"),
        ("honest", "b"),
    ]


def test_an_adjudication_counts_alone():
    made = comparison((1, 2), (1, 2), texts="ab")
    judge = Ranking(id="j", annotator="judge", ranks=(2, 1), annotator_kind="adjudicator")
    assert pairs(replace(made, rankings=(*made.rankings, judge))) == [("b", "a", 1.0, 1.0, 1)]
    model = LabelModel(kind="davidson", annotators={})
    (pair,) = preference_pairs([replace(made, rankings=(*made.rankings, judge))], ties="drop", model=model)
    assert (pair.chosen, pair.p_better) == ("b", 1.0)


def test_p_better_of_a_label_model_hears_reliable_annotators():
    """One reliable annotator against two who answer at random."""
    quality = {
        name: AnnotatorQuality(votes=9, logit=logit, logit_se=0.1, bias=0.0, bias_se=0.1)
        for name, logit in (("a0", 4.0), ("a1", 0.0), ("a2", 0.0))
    }
    model = LabelModel(kind="crowdbt", annotators=quality)
    made = comparison((1, 2), (2, 1), (2, 1), texts="ab")
    (votes,) = preference_pairs([made], ties="drop")
    (modelled,) = preference_pairs([made], ties="drop", model=model)
    assert votes.chosen == "b" and votes.p_better == pytest.approx(2 / 3)
    assert modelled.chosen == "a" and modelled.votes == 3 and modelled.margin == pytest.approx(-1 / 3)
    found = consensus_of(made, model)
    assert modelled.p_better == pytest.approx(found.better[0, 1] + found.tied[0, 1] / 2)
    even = comparison((1, 2), (2, 1), texts="ab")
    equal = LabelModel(kind="davidson", annotators={})
    assert len(list(preference_pairs([even], ties="both", model=equal))) == 2


def test_an_unknown_tie_policy():
    with pytest.raises(ValueError, match="ties must be one of drop, both, got 'half'"):
        list(preference_pairs([], ties="half"))


def test_trl_rows_are_conversational_where_the_prompt_is(tmp_path):
    path = tmp_path / "pairs.jsonl"
    made = [comparison((1, 2), texts="ab"), comparison((1, 2), texts="ab", prompt="plain", name="d")]
    assert export_trl(made, path) == 2
    chat, plain = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert chat["prompt"] == [{"role": "user", "content": "p"}]
    assert chat["chosen"] == [{"role": "assistant", "content": "a"}]
    assert (plain["prompt"], plain["chosen"], plain["rejected"]) == ("plain", "a", "b")
    assert (plain["margin"], plain["p_better"], plain["votes"], plain["comparison"]) == (1.0, 1.0, 1, "d")


def test_an_export_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(ValueError, match="ties"):
        export_trl([comparison((1, 2), texts="ab")], path, ties="x")
    assert [p.name for p in tmp_path.iterdir()] == ["pairs.jsonl"]
    assert path.read_text(encoding="utf-8") == "old"


def test_datasets_reads_whole_rankings(tmp_path):
    made = [comparison((1, 2, None), prompt=(Message("user", f"p{i}"),), name=f"c{i:02}") for i in range(30)]
    selection = Selection(comparisons=made, labels=LabelFilter(), splits=SplitRule(), salt="s")
    snapshot = write_snapshot(selection, folder=tmp_path)
    counts = export_hf(snapshot, tmp_path / "hf")
    with warnings.catch_warnings():
        # Third parties of `datasets` warn on import; what is tested here is the data.
        warnings.simplefilter("ignore")
        import datasets
    data = datasets.load_from_disk(str(tmp_path / "hf"))
    assert (
        {name: len(rows) for name, rows in data.items()}
        == counts
        == {name: c["comparisons"] for name, c in snapshot.manifest["splits"]["counts"].items()}
    )
    modelled = export_hf(snapshot, tmp_path / "soft", model=LabelModel(kind="davidson", annotators={}))
    assert modelled == counts
    soft = datasets.load_from_disk(str(tmp_path / "soft"))["train"][0]
    assert soft["p_better"][0][1] + soft["p_better"][1][0] == pytest.approx(1)
    assert soft["p_better"][0][1] > 0.5 and soft["p_best"][0] > soft["p_best"][1]
    row = data["train"][0]
    assert row["rankings"][0]["ranks"] == [1, 2, None]
    assert row["prompt_messages"][0]["role"] == "user"
