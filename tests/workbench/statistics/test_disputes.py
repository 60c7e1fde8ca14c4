"""On what annotators disagree: by hand."""

from dataclasses import replace

import pytest

from tests.panels import comparison, generator
from workbench.statistics.disputes import by_length, find_disputes, guideline_changes
from workbench.statistics.pair_reader import expand_pairs


def test_the_prompt_that_drives_disagreement_comes_first() -> None:
    """Three prompts of one mind, one with a tie against a side, one split two to one."""
    comparisons = [
        *(comparison(f"calm {i}", {"ann": [1, 2], "bob": [1, 2], "cat": [1, 2]}) for i in range(3)),
        comparison("tied", {"ann": [1, 2], "bob": [1, 1]}),
        comparison("split", {"ann": [1, 2], "bob": [2, 1], "cat": [1, 2]}, name="c-split"),
    ]
    found = find_disputes(expand_pairs(comparisons))
    assert (found.disagreements, found.prompts_met, found.prompts_agreed) == (3, 5, 3)
    first = found.prompts[0]
    assert (first.text, list(first.comparisons), first.votes) == ("split", ["c-split"], (2, 1, 0))
    assert (first.meetings, first.same, first.opposite, first.one_tie) == (3, 1, 2, 0)
    assert found.with_tie.value == pytest.approx(1 / 3)
    assert found.listed == sum(prompt.disagreements for prompt in found.prompts)


def test_without_disagreement_or_overlap_it_says_so() -> None:
    agreed = find_disputes(expand_pairs([comparison("p", {"ann": [1, 2], "bob": [1, 2]})]))
    assert agreed.prompts == [] and agreed.with_tie.reason == "nobody disagrees"
    alone = find_disputes(expand_pairs([comparison("p", {"ann": [1, 2]})]))
    assert "judged by two annotators" in str(alone.with_tie.reason)


def test_long_prompts_are_kept_short() -> None:
    found = find_disputes(
        expand_pairs([comparison("x" * 10**6, {"ann": [1, 2], "bob": [2, 1], "cat": [1, 2]})])
    )
    labels = expand_pairs([comparison("y" * 10**6, {"ann": [1, 2]})])
    assert len(labels.prompt_texts[0]) == 280 and labels.prompt_texts[0].endswith("…")
    assert found.disagreements == 2


def test_length_classes_by_hand() -> None:
    """4 against 5 characters is a difference of 20 %; 1 against 10, of 90 %, where the longer wins once of twice."""
    comparisons = [
        comparison("p", {"ann": [1, 2], "bob": [1, 2]}, texts=("aaaa", "bbbbb")),
        comparison("q", {"ann": [1, 2], "bob": [2, 1]}, texts=("a", "b" * 10)),
    ]
    near, far = by_length(expand_pairs(comparisons), draws=0, generator=generator())
    assert (near.name, near.decisive.value, near.decisive.n) == ("10% to 25%", 1, 1)
    assert (near.longer_wins.value, near.longer_wins.n) == (0, 2)
    assert (far.name, far.decisive.value, far.longer_wins.value) == ("50% and more", 0, 0.5)


def test_guidelines_before_and_after() -> None:
    """Under v1 one meeting of two agrees, under v2 both do; v2 came later, though its name stands first in the file."""
    comparisons = []
    for i, (version, month, turned) in enumerate(
        [("v2", "03", False), ("v2", "03", False), ("v1", "01", True), ("v1", "01", False)]
    ):
        made = {"guideline": version, "at": f"2026-{month}-01T09:00:00Z"}
        ranks = {"ann": [1, 2], "bob": [2, 1] if turned else [1, 2]}
        comparisons.append(comparison(f"p{i}", ranks, **made))
    (change,) = guideline_changes(expand_pairs(comparisons), draws=200, generator=generator())
    assert (change.before, change.after) == ("v1", "v2")
    assert (change.decisive_before.value, change.decisive_after.value) == (0.5, 1.0)
    assert change.change.value == pytest.approx(0.5)
    assert (change.old_rankings, change.change.n, change.decisive_before.n) == (4, 4, 2)


def test_one_version_is_no_change() -> None:
    base = comparison("p", {"ann": [1, 2]}, guideline="v1")
    same = [base, replace(base, id="q", prompt="q", rankings=(replace(base.rankings[0], id="q"),))]
    assert guideline_changes(expand_pairs(same), draws=0, generator=generator()) == []
