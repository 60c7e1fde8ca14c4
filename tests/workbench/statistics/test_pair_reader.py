"""Rankings read as labels of pairs: which completions are the same, and what is not counted."""

from dataclasses import replace

from tests.panels import comparison
from workbench.records import Message, Ranking
from workbench.statistics.agreement import count_units, raw_agreement
from workbench.statistics.pair_reader import expand_pairs


def test_completions_are_matched_across_comparisons_by_words_and_source() -> None:
    first = comparison("p", {"ann": [1, 2]}, texts=("x", "y"), name="c1")
    second = comparison("p", {"bob": [2, 1, 3]}, texts=("y", "x", "z"), name="c2")
    labels = expand_pairs([first, second])
    counts = count_units(labels)
    assert counts.met.sum() / 2 == 1 and raw_agreement(counts)[0] == 1.0
    elsewhere = replace(second, completions=tuple(replace(c, source=("other",)) for c in second.completions))
    assert count_units(expand_pairs([first, elsewhere])).met.sum() == 0


def test_identical_completions_are_never_a_pair() -> None:
    labels = expand_pairs([comparison("p", {"ann": [1, 1, 2], "bob": [1, 2, 3]}, texts=("x", "x", "y"))])
    assert labels.dropped["pairs of completions with the same words"] == 2
    assert labels.dropped["judgements repeated on copies of one completion"] == 2
    assert len(labels) == 2, "one judgement each of x against y"
    contradicting = expand_pairs([comparison("p", {"ann": [1, 3, 2]}, texts=("x", "x", "y"))])
    assert len(contradicting) == 0
    assert contradicting.dropped["judgements that contradict each other on copies of one completion"] == 2


def test_what_is_not_counted_is_told() -> None:
    gold = replace(comparison("g", {"ann": [1, 2]}), kind="gold")
    adjudicated = comparison("p", {"ann": [1, 2], "bob": [1, 2]})
    verdict = Ranking(id="v", annotator="lead", annotator_kind="adjudicator", ranks=(2, 1))
    skipped = Ranking(id="s", annotator="cat", ranks=None, outcome="skipped", reason="unclear")
    partial = comparison("q", {"ann": [1, None, 2]})
    labels = expand_pairs(
        [gold, replace(adjudicated, rankings=(*adjudicated.rankings, verdict, skipped)), partial]
    )
    assert labels.dropped == {
        "rankings of gold comparisons": 1,
        "adjudications": 1,
        "pairs of which a completion was left unranked": 2,
    }
    assert labels.counts == {"comparisons": 3, "rankings": 3, "skips": 1}
    assert raw_agreement(count_units(labels)) == (1.0, 1.0)


def test_not_shown_is_not_left_unranked() -> None:
    labels = expand_pairs([comparison("p", {"ann": [1, 2, None]}, order=(1, 0))])
    assert labels.dropped == {} and len(labels) == 1


def test_prompt_text_and_message_are_different_prompts() -> None:
    text = comparison("p", {"ann": [1, 2]})
    message = replace(comparison("p", {"bob": [1, 2]}, name="m"), prompt=(Message("user", "p"),))
    assert expand_pairs([text, message]).num_prompts == 2
