"""The rules of comparisons.jsonl, one test a rule; round trips for what is legal."""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import DataError, RecordError
from workbench.identity import canonical_json, comparison_id, split_of
from workbench.jsonl import read_comparisons, read_demonstrations, read_prompts, write_comparisons
from workbench.record_json import comparison_from_json, comparison_to_json
from workbench.records import Comparison, Completion, Message, Ranking

GOOD = {"prompt": "p", "completions": [{"text": "a"}, {"text": "b"}, {"text": ""}]}


def ranked(**fields):
    return {**GOOD, "rankings": [{"annotator": "a1", "ranks": [1, 2, 2], **fields}]}


BAD = {
    "ranks longer": (ranked(ranks=[1, 2, 3, 4]), "rankings.ranks", "4 ranks for 3 completions"),
    "ranks shorter": (ranked(ranks=[1, 2]), "rankings.ranks", "2 ranks for 3 completions"),
    "rank 0": (ranked(ranks=[0, 1, 2]), "rankings.ranks", "count from 1"),
    "rank of the unshown": (
        ranked(order=[0, 1]),
        "rankings.ranks",
        "completion 2 has rank 2 but was not shown",
    ),
    "order twice": (ranked(order=[0, 1, 1]), "rankings.order", "at most once"),
    "order beyond": (ranked(order=[0, 1, 3]), "rankings.order", "completions 0 to 2"),
    "rank a fraction": (ranked(ranks=[1.5, 2, 3]), "rankings[0].ranks", "whole numbers"),
    "rank true": (ranked(ranks=[True, 2, 3]), "rankings[0].ranks", "whole numbers"),
    "no annotator": ({**GOOD, "rankings": [{"ranks": [1, 2, 3]}]}, "rankings[0].annotator", "missing"),
    "ranked without ranks": ({**GOOD, "rankings": [{"annotator": "a"}]}, "rankings.ranks", "needs ranks"),
    "flags short": (ranked(flags=[[], ["bad"]]), "rankings.flags", "2 lists of flags"),
    "answers short": (ranked(answers={"overall": [1]}), "rankings.answers.overall", "1 answers"),
    "negative seconds": (ranked(seconds=-1), "rankings.seconds", "0 or more"),
    "odd outcome": (ranked(outcome="done"), "rankings.outcome", "ranked, skipped"),
    "text missing": (
        {"prompt": "p", "completions": [{"source": "m"}]},
        "completions[0].text",
        "must be a string",
    ),
    "text null": (
        {"prompt": "p", "completions": [{"text": None}]},
        "completions[0].text",
        "must be a string",
    ),
    "text a number": ({"prompt": "p", "completions": [{"text": 5}]}, "completions[0].text", "got 5"),
    "no completions": ({"prompt": "p", "completions": []}, "completions", "at least one"),
    "no prompt": ({"completions": [{"text": "a"}]}, "prompt", "text or a list of messages"),
    "odd role": ({**GOOD, "prompt": [{"role": "bot", "content": "x"}]}, "prompt.role", "system, user"),
    "unknown key": ({**GOOD, "promt": "x"}, "promt", "Did you mean 'prompt'"),
    "odd tag": ({**GOOD, "tags": {"language": 3}}, "tags", "object of texts"),
    "lone surrogate": ({**GOOD, "prompt": "\ud800"}, "prompt", "surrogate"),
    "repeat of nothing": ({**GOOD, "kind": "repeat"}, "repeat_of", "names the comparison"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_record_names_field_and_value(name):
    record, field, words = BAD[name]
    with pytest.raises(RecordError) as caught:
        comparison_from_json(record)
    assert caught.value.field == field
    assert words in str(caught.value)


BAD_LINES = {
    b'{"prompt": "p", "prompt": "q", "completions": [{"text": "a"}]}': "stands twice",
    b'{"prompt": "\xff", "completions": []}': "invalid UTF-8 at byte 12",
    b'{"prompt": "p"': "not JSON",
    b"[1]": "must be a JSON object",
    b'{"prompt": NaN}': "NaN is not a JSON number",
    b"[" * 100_000: "nested too deeply",
}


@pytest.mark.parametrize("line", BAD_LINES, ids=BAD_LINES.values())
def test_bad_line_names_file_and_line(tmp_path, line):
    path = tmp_path / "x.jsonl"
    path.write_bytes(json.dumps(GOOD).encode() + b"\n" + line + b"\n")
    with pytest.raises(RecordError) as caught:
        list(read_comparisons(path))
    assert str(caught.value).startswith(f"{path}:2: ")
    assert BAD_LINES[line] in str(caught.value)


def test_on_bad_keeps_the_good_and_lists_the_rest(tmp_path):
    path = tmp_path / "x.jsonl"
    lines = [json.dumps(GOOD), "{", json.dumps(ranked(ranks=[0, 1, 1])), "", json.dumps(ranked())]
    path.write_text("\ufeff" + "\n".join(lines))
    errors = []
    kept = list(read_comparisons(path, on_bad=errors.append))
    assert len(kept) == 2
    assert [error.line for error in errors] == [2, 3]


def test_a_line_over_the_limit_is_refused_and_the_next_one_read(tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.jsonl.MAX_LINE_BYTES", 200)
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({**GOOD, "prompt": "x" * 500}) + "\n" + json.dumps(GOOD) + "\n")
    errors = []
    assert len(list(read_comparisons(path, on_bad=errors.append))) == 1
    assert [error.line for error in errors] == [1]


def test_truncated_gzip_is_a_data_error(tmp_path):
    path = tmp_path / "x.jsonl.gz"
    with gzip.open(path, "wb") as file:
        file.write((json.dumps(GOOD) + "\n").encode() * 1000)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="complete"):
        list(read_comparisons(path))


def test_missing_id_does_not_depend_on_the_order_of_completions():
    # Completions sort to a, b, c; ranks 1, 2, 3 of (b, c, a) become 3, 1, 2 and order (2, 0, 1) becomes (0, 1, 2).
    record = {
        "prompt": "p",
        "completions": [{"text": "b"}, {"text": "c"}, {"text": "a"}],
        "rankings": [{"annotator": "x", "ranks": [1, 2, 3], "order": [2, 0, 1], "flags": [["f"], [], []]}],
    }
    comparison = comparison_from_json(record)
    assert [completion.text for completion in comparison.completions] == ["a", "b", "c"]
    ranking = comparison.rankings[0]
    assert (ranking.ranks, ranking.order, ranking.flags) == ((3, 1, 2), (0, 1, 2), ((), ("f",), ()))
    assert comparison.id == comparison_id(
        "p", [Completion(text="c"), Completion(text="a"), Completion(text="b")]
    )


def test_equal_rankings_get_their_occurrence_number():
    record = {**GOOD, "rankings": [{"annotator": "x", "ranks": [1, 2, 3]}] * 2}
    first, second = comparison_from_json(record).rankings
    assert first.id != second.id
    assert comparison_from_json(record).rankings[1].id == second.id


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
names = st.text("abcxyz-_07", min_size=1, max_size=8)
prompts = st.one_of(
    texts,
    st.lists(
        st.builds(Message, role=st.sampled_from(["user", "assistant"]), content=texts), min_size=1, max_size=3
    ).map(tuple),
)


@st.composite
def comparisons(draw):
    k = draw(st.integers(1, 6))
    completions = tuple(
        Completion(text=draw(texts), source=tuple(draw(st.lists(names, max_size=2)))) for _ in range(k)
    )
    rankings = []
    for i in range(draw(st.integers(0, 3))):
        shown = draw(
            st.one_of(st.none(), st.permutations(range(k)).map(lambda p: tuple(p[: draw(st.integers(1, k))])))
        )
        ranks = tuple(
            draw(st.one_of(st.none(), st.integers(1, 9))) if shown is None or j in shown else None
            for j in range(k)
        )
        rankings.append(
            Ranking(id=f"r{i}", annotator=draw(names), ranks=ranks, order=shown, note=draw(st.one_of(st.none(), texts)),
                    seconds=draw(st.one_of(st.none(), st.floats(0, 1e6))), strength=draw(st.one_of(st.none(), st.floats(0, 3))),
                    flags=draw(st.sampled_from([(), (("bad",),) * k])))
        )  # fmt: skip
    return Comparison(id=draw(names), prompt=draw(prompts), completions=completions, rankings=tuple(rankings),
                      tags=draw(st.dictionaries(names, texts, max_size=2)))  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(comparisons(), max_size=4))
def test_written_comparisons_read_back_equal(tmp_path_factory, batch):
    folder = tmp_path_factory.mktemp("jsonl")
    for name in ("x.jsonl", "x.jsonl.gz"):
        write_comparisons(folder / name, batch)
        assert list(read_comparisons(folder / name)) == batch


def test_json_of_a_comparison_leaves_defaults_out():
    record = comparison_to_json(comparison_from_json({**GOOD, "id": "c-1"}))
    assert record == {"id": "c-1", **GOOD}


def test_canonical_json_is_the_same_for_equal_values():
    assert canonical_json({"b": 1, "a": "é"}) == '{"a":"é","b":1}'


def test_split_shares_come_out_and_do_not_move():
    fractions = {"train": 0.8, "validation": 0.1, "test": 0.1}
    splits = [split_of(f"prompt {i}", "salt", fractions) for i in range(4000)]
    # Binomial: 0.8 +- 4 standard deviations of sqrt(.8 * .2 / 4000) = 0.0063.
    assert abs(splits.count("train") / 4000 - 0.8) < 0.026
    conversation = (Message("user", "prompt 7"), Message("assistant", "x"), Message("user", "y"))
    assert split_of(conversation, "salt", fractions) == splits[7]
    with pytest.raises(ValueError, match="sum to 1"):
        split_of("p", "s", {"train": 0.5})


def test_prompts_and_demonstrations(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt": "hello", "use": "reward"}\n')
    (prompt,) = read_prompts(path)
    assert (prompt.prompt, prompt.use, prompt.id[:2]) == ("hello", "reward", "p-")
    path.write_text('{"messages": [{"role": "user", "content": "hi"}]}\n')
    with pytest.raises(RecordError, match="ends with the assistant's turn"):
        list(read_demonstrations(path))
