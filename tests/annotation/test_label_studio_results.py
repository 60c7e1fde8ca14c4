"""Results of Label Studio: each is a label, or is rejected with what is wrong and the way out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.label_studio.results import Rejected, read_annotation
from annotation.label_studio.tasks import Shown
from tests.annotation.label_studio_json import json_values, ranker

SHOWN = Shown(key="k", order=(2, 0, 1), item_ids=("x", "y", "z"))


def pair(selected, choices=None):
    result = [{"from_name": "pair", "value": {"selected": selected}}]
    if choices is not None:
        result.append({"from_name": "strength", "value": {"choices": choices}})
    return {"result": result}


def test_tiers_go_back_to_the_completions_they_were_given_to() -> None:
    """Shown were completions 2, 0, 1 as x, y, z. x best, y set aside, z second: completion 0 unranked, 1 second, 2 best."""
    label = read_annotation(ranker({"r1": ["x"], "aside": ["y"], "r2": ["z"], "_": []}), SHOWN, "ranker", 3)
    assert (label.ranks, label.seconds, label.outcome) == ((None, 2, 1), 3.5, "ranked")


def test_a_skip_has_no_ranks() -> None:
    label = read_annotation({"was_cancelled": True, "result": [], "lead_time": 2}, SHOWN, "ranker", 3)
    assert (label.outcome, label.ranks, label.seconds) == ("skipped", None, 2.0)


@pytest.mark.parametrize(
    ("annotation", "problem"),
    [
        (ranker({"r1": ["x", "y", "z", "made-up"]}), "an item 'made-up' that this task does not have"),
        (ranker({"r1": ["x", "y"], "_": ["z"]}), "1 of 3 completions are not placed"),
        (ranker({"r1": ["x"]}), "2 of 3 completions are not placed"),
        (ranker({"r1": ["x", "y"], "r2": ["z", "x"]}), "places item A twice"),
        (ranker({"r9": ["x", "y", "z"]}), "the bucket 'r9', which is none of this project's"),
        (ranker({"aside": ["x", "y", "z"]}), "every completion is set aside"),
        (ranker({"rank": ["x", "y", "z"]}), "only presses Submit"),
        (ranker({"rank": ["z", "y"]}), "does not rank each completion once"),
        (ranker({"r1": "xyz"}), "not a list of item ids"),
        (ranker({"r1": [{"id": "x"}]}), "that this task does not have"),
        ({"result": []}, "it ranks nothing"),
        ({"result": None}, "not a list of objects"),
        ({"result": [{"from_name": "other", "value": {}}]}, "a result from 'other'"),
        ({"result": ranker({})["result"] * 2}, "two results from 'rank'"),
        (ranker({"r1": ["x", "y", "z"]}, lead_time=-1), "lead_time -1 is no time"),
        (ranker({"r1": ["x", "y", "z"]}, lead_time=float("nan")), "lead_time nan is no time"),
        (ranker({"r1": ["x", "y", "z"]}, lead_time=10**400), "is no time"),
        (ranker({"r1": ["x", "y", "z"]}, lead_time=True), "is no time"),
    ],
)
def test_what_cannot_be_a_label_is_rejected_with_the_way_out(annotation, problem) -> None:
    with pytest.raises(Rejected) as caught:
        read_annotation(annotation, SHOWN, "ranker", 3)
    assert problem in caught.value.problem and caught.value.fix[0].isupper()


def test_notes_are_kept_and_what_no_database_can_store_is_not() -> None:
    def noted(*text):
        part = {"from_name": "note", "value": {"text": list(text)}}
        return {"result": [*ranker({"r1": ["x", "y", "z"]})["result"], part]}

    assert read_annotation(noted("one", "two "), SHOWN, "ranker", 3).note == "one\ntwo"
    assert read_annotation(noted(" "), SHOWN, "ranker", 3).note is None
    for bad in ("\x00", "\ud800"):
        with pytest.raises(Rejected, match="no database can store"):
            read_annotation(noted(bad), SHOWN, "ranker", 3)


def test_pairs() -> None:
    shown = Shown(key="k", order=(1, 0), item_ids=("x", "y"))
    label = read_annotation(pair("left", ["slightly better"]), shown, "pairwise", 2)
    assert (label.ranks, label.strength) == ((2, 1), 1.0)
    label = read_annotation(pair(None, ["equally good"]), shown, "pairwise", 2)
    assert (label.ranks, label.strength) == ((1, 1), 0.0)
    for bad, problem in (
        (pair("left", ["equally good"]), "says 'equally good' and selects left"),
        (pair(None), "selects no side"),
        (pair("middle"), "not left or right"),
        (pair("left", ["a lot"]), "its strength is"),
        (pair("left", [["better"]]), "its strength is"),
    ):
        with pytest.raises(Rejected, match=problem):
            read_annotation(bad, shown, "pairwise", 2)


parts = st.fixed_dictionaries(
    {"from_name": st.sampled_from(["rank", "note", "pair", "strength"]), "value": json_values}
)


@settings(max_examples=300, deadline=None)
@given(
    annotation=st.fixed_dictionaries(
        {"result": st.lists(parts, max_size=3) | json_values, "lead_time": json_values}
    ),
    layout=st.sampled_from(["ranker", "pairwise"]),
)
def test_any_json_is_a_label_or_is_rejected(annotation, layout) -> None:
    shown = SHOWN if layout == "ranker" else Shown(key="k", order=(1, 0), item_ids=("x", "y"))
    try:
        label = read_annotation(annotation, shown, layout, 2)
    except Rejected:
        return
    assert label.ranks is not None and len(label.ranks) == len(shown.order)
