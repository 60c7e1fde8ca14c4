"""The agreement report on hard data: a correct answer or a plain sentence, never a crash, a NaN or a row lost."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest

from annotation.agreement import Agreement, measure_agreement
from annotation.report import agreement_page
from annotation.shown import shown
from tests.panels import comparison
from workbench.records import Comparison, Completion, Ranking


def forms(comparisons: list[Comparison], **options: Any) -> tuple[Agreement, dict[str, Any], str]:
    """The figures, as JSON, and the report as text; checked for NaN in every form."""
    found = measure_agreement(comparisons, source="a test", **{"draws": 40, **options})
    figures = json.loads(json.dumps(found.to_json(), allow_nan=False))
    page = agreement_page(found)
    for form in (page.to_html(), page.to_markdown(), page.to_text()):
        words = form.lower().replace(",", " ").replace("<", " ").replace(">", " ").split()
        assert "nan" not in words and "none" not in words and "inf" not in words
    for estimate in estimates(figures):
        assert estimate["value"] is not None or estimate["reason"]
        assert estimate["value"] is None or math.isfinite(estimate["value"])
    return found, figures, page.to_text()


def estimates(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if {"value", "low", "high", "n"} <= set(value):
            yield value
        for inner in value.values():
            yield from estimates(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from estimates(inner)


def test_one_annotator() -> None:
    found, _, text = forms([comparison(f"p{i}", {"ann": [1, 2]}) for i in range(5)])
    assert "no pair of completions was judged by two annotators" in text
    assert "There is one annotator, so there are no pairs of them." in text
    assert "Have a second annotator rank some of the same comparisons." in text
    assert found.counts["rankings"] == 5


def test_no_overlap() -> None:
    _, figures, text = forms([comparison("p", {"ann": [1, 2]}), comparison("q", {"bob": [1, 2]})])
    assert figures["counts"]["units"] == 2 and figures["counts"]["units_with_overlap"] == 0
    assert "Have two annotators judge some of the same pairs" in text
    assert "The ceiling of a reward model cannot be told" in text
    assert figures["annotators"][0]["reliability"]["value"] is None


def test_all_ties() -> None:
    _, figures, text = forms([comparison(f"p{i}", {"ann": [1, 1], "bob": [2, 2]}) for i in range(40)])
    assert figures["raw"]["with_ties"]["value"] == 1.0 and figures["ties"]["value"] == 1.0
    assert "all judgements are the same" in figures["alpha"]["nominal"]["reason"]
    assert figures["raw"]["decisive"]["value"] is None
    assert "No disagreement to show: nobody disagrees." in text
    assert figures["annotator_pairs"][0]["cohen_kappa"]["value"] is None
    assert "one and the same label throughout" in figures["annotator_pairs"][0]["cohen_kappa"]["reason"]


def test_opposed_annotators_are_told_so() -> None:
    _, figures, text = forms(
        [
            comparison(f"p{i}", {"ann": [1 + i % 2, 2 - i % 2], "bob": [2 - i % 2, 1 + i % 2]})
            for i in range(40)
        ]
    )
    assert figures["alpha"]["nominal"]["high"] < 0
    assert "why annotators disagree more than chance would have them" in text
    assert "no better than chance" not in text


def test_identical_completions_are_no_pair() -> None:
    same = [Comparison(f"c{i}", f"p{i}", (Completion("x"), Completion("x")), (
        Ranking("1", "ann", (1, 2)), Ranking("2", "bob", (1, 2)))) for i in range(3)]  # fmt: skip
    _, figures, text = forms(same)
    assert figures["counts"]["judgements"] == 0
    assert "No pair of different completions was judged by two" in text


def test_one_prompt_with_all_the_data() -> None:
    rankings = {f"a{i}": [1, 2, 2] if i % 3 else [2, 1, 3] for i in range(40)}
    _, figures, text = forms([comparison("p", rankings)])
    with_ties = figures["raw"]["with_ties"]
    assert with_ties["n"] == 3 * 40 * 39 / 2
    assert with_ties["low"] is None, "one prompt says nothing of other prompts"
    assert "the prompt listed under On what" in text and "on this one of 1 prompt." in text
    assert "Only 1 prompts" not in text and "Only 1 prompt has overlap" in text


def test_two_rankings_of_one_comparison_by_one_annotator() -> None:
    again = Ranking(id="again", annotator="ann", ranks=(2, 1), attempt=2)
    base = comparison("p", {"ann": [1, 2], "bob": [1, 2]})
    both = Comparison(id="p", prompt="p", completions=base.completions, rankings=(*base.rankings, again))
    _, figures, _ = forms([both, *(comparison(f"q{i}", {"ann": [1, 2], "bob": [1, 2]}) for i in range(5))])
    assert figures["intra_annotator"] == {**figures["intra_annotator"], "value": 0.0, "n": 1}
    assert figures["counts"]["meetings"] == 7, "both of ann's meet bob's, and not each other"


def test_identical_completions() -> None:
    _, figures, text = forms(
        [comparison(f"p{i}", {"ann": [1, 1, 2], "bob": [1, 2, 3]}, texts=("x", "x", "y")) for i in range(3)]
    )
    assert figures["dropped"]["pairs of completions with the same words"] == 6
    assert "pairs of completions with the same words" in text
    pairs_in_rankings = 3 * 2 * 3
    assert figures["counts"]["judgements"] + sum(figures["dropped"].values()) == pairs_in_rankings


def test_every_row_is_counted_or_named() -> None:
    """Skips, gold, adjudications, unranked completions, single completions, a bad time and no ranking at all."""
    base = comparison("p", {"ann": [1, 2, None], "bob": [1, 2, 3]})
    extra = (
        Ranking(id="s", annotator="cat", ranks=None, outcome="skipped", reason="unclear"),
        Ranking(id="j", annotator="lead", annotator_kind="adjudicator", ranks=(1, 2, 3)),
    )
    odd = [
        Comparison(id="p", prompt="p", completions=base.completions, rankings=(*base.rankings, *extra)),
        Comparison(id="none", prompt="n", completions=(Completion("a"), Completion("b"))),
        comparison("one", {"ann": [1]}),
        comparison("time", {"ann": [1, 2]}, at="yesterday"),
    ]
    _, figures, _ = forms(odd)
    assert figures["counts"] == {
        **figures["counts"],
        "comparisons": 4,
        "comparisons_without_rankings": 1,
        "rankings": 4,
        "skips": 1,
    }
    assert figures["dropped"] == {
        "adjudications": 1,
        "pairs of which a completion was left unranked": 2,
        "rankings of a single completion": 1,
        "times that are not ISO 8601 (their rankings count)": 1,
    }


def test_many_prompts_with_one_ranking_each() -> None:
    """Two thousand here; the million of the same kind is a soak test."""
    found, figures, text = forms([comparison(f"p{i}", {f"a{i % 7}": [1, 2]}) for i in range(2000)])
    assert found.counts["rankings"] == figures["counts"]["units"] == 2000
    assert "no pair of completions was judged by two annotators" in text


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_million_prompts_with_one_ranking_each() -> None:
    texts = (Completion("a"), Completion("b"))

    def stream() -> Iterator[Comparison]:
        for i in range(1_000_000):
            ranking = Ranking(id=str(i), annotator=f"a{i % 50}", ranks=(1, 2))
            yield Comparison(id=f"c{i}", prompt=f"prompt {i}", completions=texts, rankings=(ranking,))

    found = measure_agreement(stream(), source="a million", draws=1000)
    assert found.counts["rankings"] == found.counts["units"] == 1_000_000
    assert found.panel.with_ties.reason == "no pair of completions was judged by two annotators"
    json.dumps(found.to_json(), allow_nan=False)


HOSTILE = (
    "<script>alert(1)</script> \x1b[31mred\x07 \u202eevil ![x](http://tracker) | a \\ [y](javascript:1) `c`"
)


def test_hostile_prompts_and_names_do_no_harm() -> None:
    """HTML is escaped, a terminal is not steered, Markdown loads and links nothing, long prompts are cut."""
    name = "<img src=x onerror=alert(1)>\x1b]0;title\x07"
    ranks = {"ann": [1, 2], name: [2, 1], "cat": [1, 2]}
    found = measure_agreement(
        [comparison(HOSTILE + "y" * 10**5, ranks), *(comparison(f"p{i}", ranks) for i in range(3))],
        source="<b>file</b>\x1b[2J",
        draws=0,
    )
    page = agreement_page(found)
    html, markdown, text = page.to_html(), page.to_markdown(), page.to_text()
    assert "<script>" not in html and "<img" not in html and "<b>file" not in html
    assert "&lt;script&gt;" in html
    for form in (html, markdown, text):
        assert not any(mark in form for mark in ("\x1b", "\x07", "\u202e"))
        assert "y" * 300 not in form
    assert re.search(r"(?<!\\)\]\(", markdown) is None and "](http" in markdown.replace("\\", "")


def test_shown_keeps_what_can_be_read() -> None:
    assert shown("  one\n two\tthree ") == "one two three"
    assert shown("x" * 200, 10) == "x" * 9 + "…"
    assert shown("a\u202eb\x00c") == "a\ufffdb\ufffdc"
    assert shown("می\u200cخواهم 中文 👩\u200d💻") == "می\u200cخواهم 中文 👩\u200d💻"
