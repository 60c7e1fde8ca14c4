"""comparisons.jsonl in and out: round trips, merging, and what the report counts; on both databases."""

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
from storage.tables import Adjudication, Base, Ranking, Submission
from tests.record_strategies import comparisons, filled
from tests.storage.lines import LINE, counts
from workbench.errors import RecordError
from workbench.identity import with_ids
from workbench.jsonl import write_comparisons
from workbench.record_json import comparison_to_json
from workbench.records import Comparison as Record
from workbench.records import Completion as Text

NUMBERS = itertools.count()


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
