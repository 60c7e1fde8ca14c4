"""What an import refuses, where it says the fault is, and that nothing of it stays; on both databases."""

import pytest

from storage.comparisons import read_comparisons
from storage.importing import import_comparisons_file
from storage.projects import create_project
from tests.storage.lines import LINE, counts
from workbench.errors import RecordError


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"prompt": "Who?"}, "prompt"),
        ({"completions": [{"text": "a"}, {"text": "b"}, {"text": "d"}]}, "completions"),
        ({"completions": [{"text": "a", "source": "m"}, {"text": "b"}, {"text": "c"}]}, "completions"),
        ({"tags": {"x": "y"}}, "tags"),
        ({"kind": "gold"}, "kind"),
    ],
)
def test_same_id_other_content_is_an_error(database, project, write_lines, change, what):
    with database.writing() as session:
        import_comparisons_file(session, project.id, write_lines(LINE))
    path = write_lines({**LINE, "id": "c0"}, {**LINE, **change}, name="other.jsonl")
    with pytest.raises(RecordError, match=f"comparison 'c1' is stored with other {what}") as caught, \
            database.writing() as session:  # fmt: skip
        import_comparisons_file(session, project.id, path)
    assert (caught.value.file, caught.value.line, caught.value.field) == (str(path), 2, "id")
    with database.reading() as session:
        assert counts(session) == {"comparisons": 1, "completions": 3, "submissions": 1, "rankings": 1}


def test_same_ranking_id_other_content_is_an_error(database, project, write_lines):
    other = {**LINE, "rankings": [{"id": "r1", "annotator": "a1", "ranks": [2, 1, 1]}]}
    with database.writing() as session:
        import_comparisons_file(session, project.id, write_lines(LINE))
        with pytest.raises(
            RecordError, match="ranking 'r1' of comparison 'c1' stands for two different rankings"
        ):
            import_comparisons_file(session, project.id, write_lines(other))


BAD = {
    b"\xff\xfe": (None, "invalid UTF-8"),
    b"{": (None, "not JSON"),
    b'{"prompt": "p': (None, "not JSON: Invalid control character at column"),
    b"[]": (None, "must be a JSON object"),
    b'{"prompt": "p", "prompt": "q", "completions": [{"text": "a"}]}': ("prompt", "twice"),
    b'{"prompt": "p", "completions": [{"text": "a", "text": "b"}]}': ("text", "twice"),
    b'{"prompt": "p", "completions": [{"text": "a\\ud800"}]}': (None, "lone surrogate"),
    b'{"prompt": "p", "completions": [{"text": "a"}], "tags": {"k": "\\u0000"}}': (None, "NUL"),
    b'{"prompt": "p", "completions": [{"text": 1}]}': ("completions[0].text", "must be a string"),
    b'{"prompt": "p", "completions": [{}]}': ("completions[0].text", "must be a string"),
    b'{"prompt": "p", "completions": [{"text": null}]}': ("completions[0].text", "must be a string"),
    b'{"prompt": "p", "completions": []}': ("completions", "at least one"),
    b'{"completions": [{"text": "a"}]}': ("prompt", "must be text or a list"),
    b'{"prompt": [], "completions": [{"text": "a"}]}': ("prompt", "list of messages"),
    b'{"prompt": "p", "completions": [{"text": "a"}], "ranking": []}': ("ranking", "Did you mean 'rankings'"),
    b'{"prompt": "p", "completions": [{"text": "a", "sampling": {"t": 1e999}}]}': (
        "completions.sampling.t",
        "finite",
    ),
    b'{"prompt": "p", "completions": [{"text": "a", "sampling": {"t": NaN}}]}': (None, "not a JSON number"),
}


BAD_RANKINGS = {
    b'{"annotator": "a", "ranks": [1, 2, 3]}': ("rankings.ranks", "3 ranks for 2 completions"),
    b'{"annotator": "a", "ranks": [1]}': ("rankings.ranks", "1 ranks for 2 completions"),
    b'{"annotator": "a", "ranks": [0, 1]}': ("rankings.ranks", "count from 1"),
    b'{"annotator": "a", "ranks": [1, 1e30]}': ("rankings.ranks", "count from 1"),
    b'{"annotator": "a", "ranks": [1.5, 1]}': ("rankings[0].ranks", "whole numbers"),
    b'{"annotator": "a", "ranks": [1, 2], "order": [0]}': ("rankings.ranks", "was not shown"),
    b'{"annotator": "a", "ranks": [1, 2], "order": [0, 0]}': ("rankings.order", "at most once"),
    b'{"annotator": "a", "ranks": [1, 2], "order": [0, 2]}': ("rankings.order", "completions 0 to 1"),
    b'{"annotator": "a"}': ("rankings.ranks", "needs ranks"),
    b'{"ranks": [1, 2]}': ("rankings[0].annotator", "is missing"),
    b'{"annotator": "a", "ranks": [1, 2], "seconds": -1}': ("rankings.seconds", "0 or more"),
    b'{"annotator": "a", "ranks": [1, 2], "annotator_kind": "robot"}': ("rankings.annotator_kind", "one of"),
    b'{"annotator": "a", "ranks": [1, 2], "flags": [[]]}': ("rankings.flags", "1 lists of flags"),
    b'{"annotator": "a", "ranks": [1, 2], "answers": {"q": [1]}}': ("rankings.answers.q", "1 answers"),
    b'{"annotator": "a", "ranks": [1, 2], "answers": {"q": [[], 1]}}': ("rankings.answers.q", "must be text"),
    b'{"annotator": "a", "ranks": [1, 2], "attempt": 0}': ("rankings.attempt", "counts from 1"),
}


BAD |= {
    b'{"prompt": "p", "completions": [{"text": "a"}, {"text": "b"}], "rankings": ['
    + ranking
    + b"]}": expected
    for ranking, expected in BAD_RANKINGS.items()
}


@pytest.mark.parametrize("line", BAD, ids=range(len(BAD)))
def test_a_bad_line_rejects_the_file_and_says_where(new_database, write_lines, line):
    database = new_database("sqlite")
    field, problem = BAD[line]
    path = write_lines(LINE, line)
    with database.writing() as session:
        project = create_project(session, "test")
    with (
        pytest.raises(RecordError, match=problem.replace("[", r"\[")) as caught,
        database.writing() as session,
    ):
        import_comparisons_file(session, project.id, path)
    assert (caught.value.file, caught.value.line, caught.value.field) == (str(path), 2, field)
    with database.reading() as session:
        assert not any(counts(session).values())


def test_a_line_over_the_limit(database, project, write_lines, monkeypatch):
    monkeypatch.setattr("workbench.jsonl.MAX_LINE_BYTES", 1000)
    long = {**LINE, "id": "c2", "prompt": "x" * 3000}
    path = write_lines(LINE, long, {**LINE, "id": "c3"})
    with database.writing() as session:
        report = import_comparisons_file(session, project.id, path, skip_bad=True)
        assert [c.id for c in read_comparisons(session, project.id)] == ["c1", "c3"]
    (bad,) = report.bad
    assert bad.startswith(f"{path}:2: the line is longer than")


def test_skip_bad_keeps_the_good_and_lists_the_rest(database, project, write_lines):
    conflict = {**LINE, "prompt": "Who?"}
    half = {**LINE, "id": "c4", "rankings": [{"id": "x", "annotator": "a", "ranks": [1, 2, 3]},
                                             {"id": "x", "annotator": "a", "ranks": [3, 2, 1]}]}  # fmt: skip
    path = write_lines(LINE, b"{", {**LINE, "id": "c2"}, conflict, half)
    with database.writing() as session:
        report = import_comparisons_file(session, project.id, path, skip_bad=True)
        assert [c.id for c in read_comparisons(session, project.id)] == ["c1", "c2"]
    assert report.read == 2
    assert [bad.split(": ")[0] for bad in report.bad] == [f"{path}:{line}" for line in (2, 4, 5)]
