"""Importers: hand-made lines of each format, what they refuse, and the real data whose figures are published."""

import gzip
import json

import pytest
from sqlalchemy import func, select

from storage.comparisons import read_comparisons
from storage.importers.hh import read_hh, split_transcript
from storage.importers.pairs import read_pairs
from storage.importers.pandalm import read_pandalm
from storage.importers.rated import ranks_from_scores, read_rated
from storage.importers.trees import read_trees
from storage.importers.wmt import read_wmt
from storage.importing import import_comparisons
from storage.projects import create_project
from storage.tables import Ranking
from workbench.errors import DataError, RecordError
from workbench.records import Message


def texts(comparison):
    return [completion.text for completion in comparison.completions]


# Pairs


def test_pairs_of_text(write_lines):
    path = write_lines(
        {"prompt": "Why?", "chosen": "z", "rejected": "b", "id": 7},
        {"prompt": [{"role": "user", "content": "Hi"}], "chosen": "a", "rejected": ""},
    )
    first, second = read_pairs(path, annotator="me")
    assert (first.id, first.prompt, texts(first)) == ("7", (Message("user", "Why?"),), ["z", "b"])
    assert (first.rankings[0].ranks, first.rankings[0].annotator) == ((1, 2), "me")
    # Without an id the completions are sorted, and the ranks go with them.
    assert (texts(second), second.rankings[0].ranks) == (["", "a"], (2, 1))


def test_pairs_of_several_prompt_fields(write_lines):
    path = write_lines(
        {"instruction": "Do", "input": "this", "chosen": "a", "rejected": "b"},
        {"instruction": "Do", "input": "", "chosen": "a", "rejected": "b"},
    )
    prompts = [c.prompt[0].content for c in read_pairs(path, prompt_fields=("instruction", "input"))]
    assert prompts == ["Do\n\nthis", "Do"]


def test_pairs_of_conversations_share_their_prompt(write_lines):
    user = {"role": "user", "content": "Hi"}
    good, bad = ({"role": "assistant", "content": text} for text in ("good", "bad"))
    (whole,) = read_pairs(write_lines({"chosen": [user, good], "rejected": [user, bad]}))
    (explicit,) = read_pairs(
        write_lines({"prompt": [user], "chosen": [good], "rejected": [bad]}, name="b.jsonl")
    )
    assert whole == explicit
    assert whole.prompt == (Message("user", "Hi"),)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ({"prompt": "p", "chosen": "a"}, "rejected"),
        ({"chosen": "a", "rejected": "b"}, "prompt"),
        ({"prompt": "p", "chosen": [], "rejected": []}, "chosen"),
        ({"prompt": "p", "chosen": [{"role": "user", "content": "a"}], "rejected": [{"role": "user", "content": "b"}]}, "chosen"),
        ({"chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "x"}],
          "rejected": [{"role": "user", "content": "b"}, {"role": "assistant", "content": "y"}]}, "rejected"),
    ],
)  # fmt: skip
def test_bad_pairs_name_line_and_field(write_lines, line, field):
    with pytest.raises(RecordError) as caught:
        list(read_pairs(write_lines({"prompt": "p", "chosen": "a", "rejected": "b"}, line)))
    assert (caught.value.line, caught.value.field) == (2, field)


# HH


def test_transcripts_are_split_at_their_turns():
    text = '\n\nHuman: Hi\n\nAssistant: Yes?\nMore.\n\nHuman: Say "Human: x"\n\nAssistant:'
    assert split_transcript(text, "chosen") == (
        Message("user", "Hi"),
        Message("assistant", "Yes?\nMore."),
        Message("user", 'Say "Human: x"'),
        Message("assistant", ""),
    )


@pytest.mark.parametrize(
    ("chosen", "rejected", "field"),
    [
        ("no turns", "\n\nHuman: a\n\nAssistant: b", "chosen"),
        ("\n\nHuman: a\n\nAssistant: b", "\n\nHuman: a", "rejected"),
        ("\n\nHuman: a\n\nAssistant: b\n\nHuman: c", "\n\nHuman: a\n\nAssistant: b", "chosen"),
        ("\n\nHuman: a\n\nAssistant: b", "\n\nHuman: c\n\nAssistant: b", "rejected"),
    ],
)
def test_bad_transcripts(write_lines, chosen, rejected, field):
    with pytest.raises(RecordError) as caught:
        list(read_hh(write_lines({"chosen": chosen, "rejected": rejected})))
    assert (caught.value.line, caught.value.field) == (1, field)


def test_real_hh_pairs_that_differ_before_the_last_turn_are_left_out(shared):
    bad = []
    good = [*read_hh(shared / "hh_rlhf/harmless_train.jsonl.gz", on_bad=bad.append)]
    good += read_hh(shared / "hh_rlhf/harmless_dev.jsonl.gz", on_bad=bad.append)
    assert (len(good), len(bad)) == (1601, 4)
    assert all(error.field == "rejected" and "differ before the last turn" in error.problem for error in bad)
    with pytest.raises(RecordError, match="--skip-bad"):
        list(read_hh(shared / "hh_rlhf/harmless_train.jsonl.gz"))
    # Nothing is lost: each transcript is its prompt and completion again.
    with gzip.open(shared / "hh_rlhf/harmless_dev.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    assert sum(len(c.prompt) for c in good[-266:]) == sum(
        len(split_transcript(row["chosen"], "chosen")) - 1 for row in rows
    )


# Rated


def test_scores_become_ranks_with_ties():
    assert ranks_from_scores([3.0, 5.0, 3.0, None, 1.0], higher_is_better=True) == (2, 1, 2, None, 4)
    assert ranks_from_scores([3.0, 5.0, 3.0, None, 1.0], higher_is_better=False) == (2, 4, 2, None, 1)
    assert ranks_from_scores([None, None], higher_is_better=True) == (None, None)


def test_ultrafeedback(write_lines):
    def item(model, text, helpful, honest):
        ratings = {"helpfulness": {"Rating": helpful, "Rationale": ""}, "honesty": {"Rating": honest}}
        return {"model": model, "response": text, "annotations": ratings}

    line = {
        "source": "evol",
        "instruction": "Do",
        "completions": [item("m1", "a", "5", "3"), item("m2", "b", "2", "N/A")],
    }
    (comparison,) = read_rated(write_lines(line), "ultrafeedback")
    found = {r.criterion: (r.ranks, r.annotator_kind, r.answers["rating"]) for r in comparison.rankings}
    assert found == {
        "helpfulness": ((1, 2), "model", (5.0, 2.0)),
        "honesty": ((1, None), "model", (3.0, None)),
    }
    assert comparison.tags == {"source": "evol"}
    line["completions"][0]["annotations"]["honesty"]["Rating"] = "good"
    with pytest.raises(RecordError, match="must be a number") as caught:
        list(read_rated(write_lines(line), "ultrafeedback"))
    assert caught.value.field == "completions.annotations.honesty.Rating"


def test_helpsteer_groups_consecutive_lines_of_a_prompt(write_lines):
    def row(prompt, text, score):
        names = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
        return {"prompt": prompt, "response": text, **dict.fromkeys(names, 1), "helpfulness": score}

    path = write_lines(row("p", "b", 4), row("p", "a", 2), row("q", "c", 3))
    first, second = read_rated(path, "helpsteer")
    assert texts(first) == ["a", "b"]
    assert {r.criterion: r.ranks for r in first.rankings}["helpfulness"] == (2, 1)
    assert {r.criterion: r.ranks for r in first.rankings}["verbosity"] == (1, 1)
    assert texts(second) == ["c"]


def test_an_unknown_layout(write_lines):
    with pytest.raises(DataError, match="layout must be one of ultrafeedback, helpsteer, mqm, got 'x'"):
        read_rated(write_lines({}), "x")


def test_real_mqm_gives_full_rankings_with_ties(shared):
    """377 segments x 3 raters; the pairwise order of ranks is that of the scores, ties included (16,965 x 3 pairs)."""
    comparisons = list(read_rated(shared / "mqm_zhen/mqm_zhen_3raters.jsonl.gz", "mqm"))
    rankings = [r for c in comparisons for r in c.rankings]
    assert (len(comparisons), len(rankings)) == (377, 1131)
    assert all(len(c.completions) == 10 and len(c.rankings) == 3 for c in comparisons)
    pairs = 0
    for ranking in rankings:
        scores = ranking.answers["mqm"]
        for i in range(10):
            for j in range(i):
                pairs += 1
                assert (ranking.ranks[i] > ranking.ranks[j]) == (scores[i] > scores[j])
                assert (ranking.ranks[i] == ranking.ranks[j]) == (scores[i] == scores[j])
    assert pairs == 50895


# Trees


def tree():
    """A question with three answers, the second unranked; the best has a follow-up with two ranked answers."""

    def message(name, role, rank=None, replies=(), text=None):
        return {
            "message_id": name,
            "role": role,
            "text": text or name,
            "rank": rank,
            "lang": "en",
            "replies": list(replies),
        }

    follow = message("q2", "prompter", 0, [message("b1", "assistant", 1), message("b2", "assistant", 0)])
    answers = [
        message("a1", "assistant", 0, [follow]),
        message("a2", "assistant"),
        message("a3", "assistant", 1),
    ]
    return {"message_tree_id": "q1", "prompt": message("q1", "prompter", replies=answers)}


def test_every_turn_with_ranked_replies_is_a_comparison(write_lines):
    first, second = read_trees(write_lines(tree()))
    assert (first.id, texts(first), first.rankings[0].ranks) == ("oasst-q1", ["a1", "a2", "a3"], (1, None, 2))
    assert (second.id, texts(second), second.rankings[0].ranks) == ("oasst-q2", ["b1", "b2"], (2, 1))
    assert second.prompt == (Message("user", "q1"), Message("assistant", "a1"), Message("user", "q2"))
    assert first.tags == {"language": "en"}


@pytest.mark.parametrize(
    ("key", "value"), [("role", "bot"), ("text", None), ("rank", -1), ("rank", "first"), ("replies", "x")]
)
def test_bad_trees_name_line_and_field(write_lines, key, value):
    bad = tree()
    target = bad["prompt"]["replies"][2] if key in ("rank", "text") else bad["prompt"]
    target[key] = value
    path = write_lines(tree(), bad)
    with pytest.raises(RecordError) as caught:
        list(read_trees(path))
    assert (caught.value.line, caught.value.field) == (2, key)
    listed = []
    assert len(list(read_trees(path, on_bad=listed.append))) == 2
    assert len(listed) == 1


# PandaLM


def test_the_published_pandalm_file(tmp_path):
    """The published form is one list with NaN for no input, and booleans among the completions."""
    item = {
        "idx": 4, "motivation_app": "Search", "cmp_key": "llama-7b_cerebras-gpt-6.7B", "instruction": "Do", "input": float("nan"),
        "response1": True, "response2": "", "annotator1": 1, "annotator2": 0, "annotator3": 2,
    }  # fmt: skip
    path = tmp_path / "testset-v1.json"
    path.write_text(json.dumps([item]), encoding="utf-8")
    (comparison,) = read_pandalm(path)
    assert comparison.id == "pandalm-4"
    assert [(c.text, c.source) for c in comparison.completions] == [
        ("True", ("llama-7b",)),
        ("", ("cerebras-gpt-6.7B",)),
    ]
    assert [r.ranks for r in comparison.rankings] == [(1, 2), (1, 1), (2, 1)]
    assert comparison.prompt == (Message("user", "Do"),)
    path.write_text(json.dumps([item, {**item, "annotator2": 3}]), encoding="utf-8")
    with pytest.raises(RecordError, match="item 2: must be 1, 2 or 0") as caught:
        list(read_pandalm(path))
    assert caught.value.field == "annotator2"
    assert len(list(read_pandalm(path, on_bad=lambda error: None))) == 1


def test_real_pandalm(database, project, shared):
    """999 comparisons by 3 annotators, 54 with an empty completion, 326 of 2,997 labels ties (2,671 are not)."""
    path = shared / "pandalm/pandalm_3annotators.jsonl.gz"
    with database.writing() as session:
        report = import_comparisons(
            session, project.id, lambda _: ((None, c) for c in read_pandalm(path)), source=path
        )
        back = list(read_comparisons(session, project.id))
    assert report.added == {"comparisons": 999, "completions": 1998, "rankings": 2997}
    assert report.unusual["empty_completions"] == 54
    assert back == sorted(read_pandalm(path), key=lambda c: c.id)
    assert sum(r.ranks != (1, 1) for c in back for r in c.rankings) == 2671


# WMT


def test_wmt_gathers_a_segments_rankings(write_lines):
    """Two judges saw overlapping sets; B and C wrote the same words; judge1 came back."""

    def row(number, judge, *ranking):
        return {
            "rid": number,
            "src": "cze",
            "trg": "eng",
            "segment": 5,
            "judge": judge,
            "seconds": 60.5,
            "ranking": ranking,
        }

    path = write_lines(
        row(1, "j1", [["C", "B"], 2], [["A"], 1]),
        row(2, "j2", [["D"], 3], [["A"], 3], [["B", "C"], 5]),
        row(3, "j1", [["A"], 1], [["D"], 1]),
    )
    (comparison,) = read_wmt(path)
    assert [(c.text, c.source) for c in comparison.completions] == [
        ("A", ("A",)),
        ("B = C", ("B", "C")),
        ("D", ("D",)),
    ]
    assert [(r.annotator, r.attempt, r.order, r.ranks) for r in comparison.rankings] == [
        ("wmt16-j1", 1, (1, 0), (1, 2, None)),
        ("wmt16-j2", 1, (2, 0, 1), (3, 5, 3)),
        ("wmt16-j1", 2, (0, 2), (1, None, 1)),
    ]
    assert comparison.tags == {"language": "cze-eng"}
    assert comparison.rankings[0].seconds == 60.5


@pytest.mark.parametrize(
    "ranking", [[], [["A", 1]], [[["A"], "1"]], [[[], 1]], [[["A"], 1], [["A"], 2]], [[["A"], 0]]]
)
def test_bad_wmt_rankings_name_the_line(write_lines, ranking):
    good = {
        "rid": 1,
        "src": "a",
        "trg": "b",
        "segment": 1,
        "judge": "j",
        "seconds": 1,
        "ranking": [[["A"], 1]],
    }
    with pytest.raises(RecordError) as caught:
        list(read_wmt(write_lines(good, {**good, "rid": 2, "ranking": ranking})))
    assert caught.value.line == 2


def test_real_wmt_keeps_every_ranking_and_pair(shared):
    """31,758 rankings of 9,265 segments; 4,952 are a judge's further look; pairs as published (cze-eng: 43,991)."""
    comparisons = list(read_wmt(shared / "wmt16/rankings.jsonl.gz"))
    rankings = [(c, r) for c in comparisons for r in c.rankings]
    assert (len(comparisons), len(rankings)) == (9265, 31758)
    assert sum(r.attempt > 1 for _, r in rankings) == 4952
    assert max(len(c.completions) for c in comparisons) == 20
    assert all(sum(rank is not None for rank in r.ranks) == len(r.order) for _, r in rankings)
    shown = [len(r.order) for c, r in rankings if c.tags["language"] == "cze-eng"]
    assert sum(n * (n - 1) // 2 for n in shown) == 43991


def test_real_wmt_in_the_database(new_database, shared):
    """One language pair through SQLite and back: order, judge, seconds and attempt survive; gaps are counted."""
    wanted = [c for c in read_wmt(shared / "wmt16/rankings.jsonl.gz") if c.tags["language"] == "ron-eng"]
    with new_database("sqlite").writing() as session:
        project = create_project(session, "wmt")
        report = import_comparisons(session, project.id, lambda _: ((None, c) for c in wanted), source="wmt")
        assert session.scalar(select(func.count()).select_from(Ranking)) == 1260
        back = list(read_comparisons(session, project.id))
    assert back == sorted(wanted, key=lambda c: c.id)
    assert report.unusual["rankings_with_gaps"] > 0 and report.unusual["rankings_with_best_above_1"] > 0
