"""comparisons.jsonl in and out: round trips, merging, refusals, and what the report counts; on both databases."""

import gc
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from storage.comparisons import read_comparisons
from storage.importing import import_comparisons_file
from storage.projects import create_project
from storage.tables import Adjudication, Base, Comparison, Completion, Ranking, Submission
from tests.record_strategies import comparisons, filled
from workbench.errors import RecordError
from workbench.identity import with_ids
from workbench.jsonl import write_comparisons
from workbench.record_json import comparison_to_json
from workbench.records import Comparison as Record
from workbench.records import Completion as Text

NUMBERS = itertools.count()
LINE = {
    "id": "c1",
    "prompt": "Which?",
    "completions": [{"text": "a"}, {"text": "b"}, {"text": "c"}],
    "rankings": [{"id": "r1", "annotator": "a1", "ranks": [1, 2, 2]}],
}


def counts(session):
    tables = {
        "comparisons": Comparison,
        "completions": Completion,
        "submissions": Submission,
        "rankings": Ranking,
    }
    return {name: session.scalar(select(func.count()).select_from(table)) for name, table in tables.items()}


def everything(session):
    """Every row of every table but the audit trail and the migration's own."""
    return {
        table.name: session.execute(select(table)).all()
        for table in Base.metadata.sorted_tables
        if table.name != "audit"
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(
        comparisons(identifier=st.just("") | filled), max_size=4, unique_by=lambda c: with_ids(c).id
    )
)
def test_round_trip(database, tmp_path, made):
    """file -> database -> file gives the same records, ids included, and the second import adds nothing."""
    made = [with_ids(comparison) for comparison in made]
    path = tmp_path / "in.jsonl"
    write_comparisons(path, made)
    with database.writing() as session:
        project = create_project(session, f"round trip {next(NUMBERS)}")
        import_comparisons_file(session, project.id, path)
        again = import_comparisons_file(session, project.id, path)
        assert not any(again.added.values())
        back = list(read_comparisons(session, project.id))
    wanted = sorted(made, key=lambda comparison: comparison.id)
    assert [comparison_to_json(c) for c in back] == [comparison_to_json(c) for c in wanted]


def test_the_same_file_twice_adds_nothing(database, project, write_lines):
    path = write_lines(LINE, {**LINE, "id": "c2"})
    with database.writing() as session:
        first = import_comparisons_file(session, project.id, path)
        before = everything(session)
        second = import_comparisons_file(session, project.id, path)
        assert everything(session) == before
    assert first.added == {"comparisons": 2, "completions": 6, "rankings": 2}
    assert second.added == {"comparisons": 0, "completions": 0, "rankings": 0}
    assert second.known == {"comparisons": 2, "rankings": 2}


def test_rankings_merge_into_the_same_comparison(database, project, write_lines):
    more = {**LINE, "rankings": [{"id": "r2", "annotator": "a2", "ranks": [3, 1, 1]}]}
    with database.writing() as session:
        import_comparisons_file(session, project.id, write_lines(LINE))
        report = import_comparisons_file(session, project.id, write_lines(more, name="more.jsonl"))
        assert report.added == {"comparisons": 0, "completions": 0, "rankings": 1}
        (merged,) = read_comparisons(session, project.id)
    assert [(r.id, r.annotator, r.ranks) for r in merged.rankings] == [
        ("r1", "a1", (1, 2, 2)),
        ("r2", "a2", (3, 1, 1)),
    ]


def test_rankings_merge_within_one_file(database, project, write_lines):
    more = {**LINE, "rankings": [LINE["rankings"][0], {"annotator": "a2", "ranks": [3, 1, 1]}]}
    with database.writing() as session:
        report = import_comparisons_file(session, project.id, write_lines(LINE, more, more))
    assert report.added == {"comparisons": 1, "completions": 3, "rankings": 2}


def test_files_without_ids_agree_on_completions_in_another_order(database, project, write_lines):
    """'a b' with a first, and 'b a' with a first, are one comparison with two rankings that agree."""
    one = {"prompt": "p", "completions": [{"text": "a"}, {"text": "b"}],
           "rankings": [{"annotator": "x", "ranks": [1, 2], "order": [1, 0]}]}  # fmt: skip
    two = {"prompt": "p", "completions": [{"text": "b"}, {"text": "a"}],
           "rankings": [{"annotator": "y", "ranks": [2, 1], "order": [0, 1]}]}  # fmt: skip
    with database.writing() as session:
        import_comparisons_file(session, project.id, write_lines(one))
        import_comparisons_file(session, project.id, write_lines(two, name="two.jsonl"))
        (merged,) = read_comparisons(session, project.id)
    assert [c.text for c in merged.completions] == ["a", "b"]
    assert [(r.ranks, r.order) for r in merged.rankings] == [((1, 2), (1, 0)), ((1, 2), (1, 0))]


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


def test_an_import_leaves_the_search_for_cycles_as_it_was(database, project, write_lines):
    with database.writing() as session:
        import_comparisons_file(session, project.id, write_lines(LINE))
    assert gc.isenabled()
    with pytest.raises(RecordError), database.writing() as session:
        import_comparisons_file(session, project.id, write_lines({**LINE, "prompt": None}))
    assert gc.isenabled()
    gc.disable()
    try:
        with database.writing() as session:
            import_comparisons_file(session, project.id, write_lines(LINE))
        assert not gc.isenabled()
    finally:
        gc.enable()


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


def test_the_report_counts_what_is_unusual(database, project, write_lines):
    """By hand: one empty text; two equal texts; ranks 1, 3 have a gap; 2, 2 begins above 1; a1 ranks twice."""
    path = write_lines(
        {"prompt": "p", "completions": [{"text": ""}, {"text": "b"}]},
        {
            "prompt": "q",
            "completions": [{"text": "b"}, {"text": "b"}],
            "rankings": [
                {"annotator": "a1", "ranks": [1, 3]},
                {"annotator": "a1", "ranks": [2, 2]},
                {"annotator": "a1", "ranks": [1, 2], "criterion": "honest"},
                {"annotator": "a2", "ranks": [1, None]},
            ],
        },
    )
    with database.writing() as session:
        report = import_comparisons_file(session, project.id, path)
    assert report.unusual == {
        "empty_completions": 1,
        "comparisons_with_identical_completions": 1,
        "rankings_with_gaps": 1,
        "rankings_with_best_above_1": 1,
        "repeated_annotators": 1,
    }


def test_equal_rankings_without_ids_are_two_rankings(database, project, write_lines):
    twice = {**LINE, "rankings": [{"annotator": "a1", "ranks": [1, 2, 2]}] * 2}
    with database.writing() as session:
        path = write_lines(twice)
        assert import_comparisons_file(session, project.id, path).added["rankings"] == 2
        assert import_comparisons_file(session, project.id, path).added["rankings"] == 0


def test_criteria_of_one_page_are_one_submission(database, project, write_lines):
    """Two criteria ranked at once are one submission; the same criterion again is another."""
    base = {"annotator": "a1", "at": "2026-11-22T09:00:00Z", "ranks": [1, 2, 3]}
    line = {**LINE, "rankings": [base, {**base, "criterion": "honest"}, {**base, "ranks": [3, 2, 1]}]}
    with database.writing() as session:
        import_comparisons_file(session, project.id, write_lines(line))
        assert counts(session)["submissions"] == 2


def test_an_adjudication_is_marked(database, project, write_lines):
    judged = {"id": "j", "annotator": "lead", "annotator_kind": "adjudicator", "ranks": [1, 1, 1]}
    with database.writing() as session:
        import_comparisons_file(
            session, project.id, write_lines({**LINE, "rankings": [*LINE["rankings"], judged]})
        )
        assert session.scalar(select(func.count()).select_from(Adjudication)) == 1
        (back,) = read_comparisons(session, project.id)
    assert [r.annotator_kind for r in back.rankings] == ["imported", "adjudicator"]


def test_superseded_rankings_are_not_read(database, project, write_lines):
    with database.writing() as session:
        import_comparisons_file(session, project.id, write_lines(LINE))
        old = session.scalars(select(Submission)).one()
        new = Submission(
            comparison_id=old.comparison_id, annotator_id=old.annotator_id, annotator_kind="person", origin="service",
            revision=2, supersedes_id=old.id, outcome="ranked",
        )  # fmt: skip
        session.add(new)
        session.flush()
        session.add(
            Ranking(
                submission_id=new.id,
                comparison_id=old.comparison_id,
                record_id="r2",
                criterion="helpful",
                ranks=[3, 2, 1],
                content_hash="",
            )
        )
        session.flush()
        (back,) = read_comparisons(session, project.id)
    assert [r.id for r in back.rankings] == ["r2"]


def test_projects_do_not_share_ids(database, project, write_lines):
    path = write_lines(LINE)
    with database.writing() as session:
        other = create_project(session, "other")
        import_comparisons_file(session, project.id, path)
        assert import_comparisons_file(session, other.id, path).added["comparisons"] == 1
        assert len(list(read_comparisons(session, other.id))) == 1


def test_pages_of_many_comparisons_come_sorted(database, project, tmp_path):
    """1,203 comparisons cross two pages and three batches; locale-aware sorting would put these ids in another order."""
    ids = [f"{'aBÄ😀z'[i % 5]}{i}" for i in range(1203)]
    path = tmp_path / "many.jsonl"
    write_comparisons(path, (Record(id=name, prompt="p", completions=(Text("a"),)) for name in ids))
    with database.writing() as session:
        import_comparisons_file(session, project.id, path)
        assert [c.id for c in read_comparisons(session, project.id)] == sorted(ids)


def test_two_imports_at_once_add_everything_once(database, project, write_lines):
    path = write_lines(*({**LINE, "id": f"c{i}"} for i in range(50)))

    def run(_):
        with database.writing() as session:
            return import_comparisons_file(session, project.id, path).added["comparisons"]

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(run, range(3))) == [0, 0, 50]
    with database.reading() as session:
        assert counts(session)["comparisons"] == 50
