"""Snapshots of a project: one hash everywhere, and exactly the labels that the filter takes."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from storage.importing import import_comparisons_file, import_prompts_file
from storage.projects import count_project, create_project
from storage.snapshots import create_snapshot, list_snapshots, read_selected
from storage.tables import Snapshot as SnapshotRow
from storage.tables import SnapshotAnnotator
from storage.withdrawals import withdraw_annotator
from tests.record_strategies import comparisons
from workbench.errors import DataError
from workbench.identity import with_ids
from workbench.jsonl import write_comparisons
from workbench.selection import LabelFilter, SplitRule
from workbench.snapshots import open_snapshot, recompute_content_hash, snapshot_from_file

NUMBERS = itertools.count()


def comparison(name, *rankings, **more):
    """A comparison of two completions; a ranking is (annotator, ranks) with further fields."""
    made = [{"id": f"{name}-{i}", "annotator": r[0], "ranks": r[1], **(r[2] if len(r) > 2 else {})}
            for i, r in enumerate(rankings)]  # fmt: skip
    return {
        "id": name,
        "prompt": f"p {name}",
        "completions": [{"text": "a"}, {"text": "b"}],
        "rankings": made,
        **more,
    }


@pytest.fixture
def freeze(database, project, write_lines, tmp_path):
    """Import lines, make a snapshot, and return {comparison: [ranking ids]} and the snapshot."""

    def freeze(*lines, labels=None, splits=None):
        with database.writing() as session:
            if lines:
                import_comparisons_file(
                    session, project.id, write_lines(*lines, name=f"{next(NUMBERS)}.jsonl")
                )
            snapshot = create_snapshot(
                session, project, labels=labels, splits=splits, folder=tmp_path / "snapshots"
            )
        return {c.id: [r.id for r in c.rankings] for c in snapshot.comparisons()}, snapshot

    return freeze


@pytest.fixture
def one_database_of_each(new_database):
    """SQLite and PostgreSQL side by side."""
    return [new_database("sqlite"), new_database("postgresql")]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(
        comparisons(identifier=st.just("")).map(with_ids), min_size=1, max_size=4, unique_by=lambda c: c.id
    ),
    random=st.randoms(use_true_random=False),
)
def test_one_hash_on_both_databases_and_from_the_file(one_database_of_each, tmp_path, made, random):
    """Whatever the database and the order of lines, the same labels have the same hash; the file alone has it too."""
    number = next(NUMBERS)
    labels = LabelFilter(criterion="helpful", include_evaluation=True)
    path = tmp_path / f"{number}.jsonl"
    write_comparisons(path, made)
    try:
        hashes = {snapshot_from_file(path, folder=tmp_path / "file", labels=labels, salt="s").content_hash}
    except DataError:
        return  # Nothing to freeze in this example.
    for i, database in enumerate(one_database_of_each):
        random.shuffle(made)
        write_comparisons(path, made)
        with database.writing() as session:
            project = create_project(session, f"project {number}", salt="s")
            import_comparisons_file(session, project.id, path)
            snapshot = create_snapshot(session, project, labels=labels, folder=tmp_path / str(i))
        assert recompute_content_hash(snapshot) == snapshot.content_hash
        hashes.add(snapshot.content_hash)
    assert len(hashes) == 1


def test_notes_and_database_ids_do_not_count(database, tmp_path, write_lines, project):
    hashes = set()
    for note in ("one", "two"):
        with database.writing() as session:
            other = create_project(session, note, salt="s")
            line = comparison("c", ("x", [1, 2], {"note": note}))
            import_comparisons_file(session, other.id, write_lines(line))
            snapshot = create_snapshot(session, other, folder=tmp_path / note)
        assert all(ranking.note is None for c in snapshot.comparisons() for ranking in c.rankings)
        hashes.add(snapshot.content_hash)
    assert len(hashes) == 1


def test_making_it_again_changes_nothing(database, project, freeze):
    _, first = freeze(comparison("c", ("x", [1, 2])))
    before = {path: path.read_bytes() for path in first.path.iterdir()}
    _, second = freeze()
    assert second.path == first.path
    assert {path: path.read_bytes() for path in first.path.iterdir()} == before
    with database.reading() as session:
        assert count_project(session, project.id)["snapshots"] == 1


def test_skips_and_unranked_comparisons_are_left_out(freeze):
    skip = {"outcome": "skipped", "reason": "unclear"}
    taken, snapshot = freeze(comparison("c1", ("x", [1, 2]), ("y", None, skip)), comparison("c2"))
    assert taken == {"c1": ["c1-0"]}
    assert snapshot.counts["left_out"] == {"skipped": 1}


def test_an_adjudication_is_the_consensus(freeze):
    judged = ("lead", [2, 1], {"annotator_kind": "adjudicator"})
    other = ("x", [1, 2], {"criterion": "honest"})
    taken, snapshot = freeze(
        comparison("c", ("x", [1, 2]), ("y", [1, 2]), judged, other), labels=LabelFilter(criterion="helpful")
    )
    assert taken == {"c": ["c-2"]}
    assert snapshot.counts["left_out"] == {"adjudicated": 2, "other_criterion": 1}


def test_more_than_one_criterion_needs_a_choice(freeze):
    lines = [comparison("c", ("x", [1, 2]), ("x", [2, 1], {"criterion": "honest"}))]
    with pytest.raises(
        DataError, match=r"more than one criterion \(helpful, honest, ...\); .* --criterion helpful"
    ):
        freeze(*lines)
    assert freeze(*lines, labels=LabelFilter(criterion="honest"))[0] == {"c": ["c-1"]}


def test_evaluation_labels_are_refused_and_then_marked(freeze):
    lines = [comparison("c", ("x", [1, 2])), comparison("e", ("x", [1, 2]), kind="evaluation")]
    taken, snapshot = freeze(*lines)
    assert taken == {"c": ["c-0"]}
    assert (snapshot.manifest["includes_evaluation"], snapshot.counts["left_out"]) == (
        False,
        {"evaluation": 1},
    )
    taken, snapshot = freeze(labels=LabelFilter(include_evaluation=True))
    assert taken == {"c": ["c-0"], "e": ["e-0"]}
    assert snapshot.manifest["includes_evaluation"] is True
    with pytest.raises(ValueError, match="--include-evaluation"):
        LabelFilter(kinds=("evaluation",))


def test_prompts_of_the_evaluation_pool_are_evaluation(database, project, write_lines, freeze):
    with database.writing() as session:
        path = write_lines({"prompt": "p c2", "use": "evaluation"}, {"prompt": "p c1", "use": "reward"})
        import_prompts_file(session, project.id, path)
    assert freeze(comparison("c1", ("x", [1, 2])), comparison("c2", ("x", [1, 2])))[0] == {"c1": ["c1-0"]}


def test_gold_and_qualification_are_left_out_unless_asked_for(freeze):
    lines = [comparison(kind, ("x", [1, 2]), kind=kind) for kind in ("gold", "qualification", "ordinary")]
    assert set(freeze(*lines)[0]) == {"ordinary"}
    assert set(freeze(labels=LabelFilter(kinds=("gold",)))[0]) == {"gold"}


def test_repeats_count_once_an_annotator(freeze):
    """x ranked the original and both repeats; y the second repeat, then the first; z the second alone."""
    early, late = {"at": "2026-01-01T00:00:00Z"}, {"at": "2026-02-01T00:00:00Z"}
    taken, snapshot = freeze(
        comparison("c", ("x", [1, 2], late)),
        comparison("d1", ("x", [2, 1], early), ("y", [1, 2], late), kind="repeat", repeat_of="c"),
        comparison("d2", ("x", [1, 1]), ("y", [2, 1], early), ("z", [1, 2]), kind="repeat", repeat_of="c"),
    )
    assert taken == {"c": ["c-0"], "d2": ["d2-1", "d2-2"]}
    assert snapshot.counts["left_out"] == {"repeat": 3}


def test_the_first_attempt_counts(freeze):
    taken, _ = freeze(
        comparison(
            "c", ("x", [1, 2], {"attempt": 2}), ("x", [2, 1]), ("x", [1, 1]), ("y", [1, 2], {"attempt": 2})
        )
    )
    assert taken == {"c": ["c-1", "c-2", "c-3"]}


def test_withdrawn_labels_are_left_out_and_the_old_snapshot_stays(database, project, freeze):
    _, before = freeze(comparison("c", ("x", [1, 2]), ("y", [1, 2])))
    with database.writing() as session:
        withdraw_annotator(session, "x", reason="test", actor="me", project_id=project.id)
    taken, after = freeze()
    assert taken == {"c": ["c-1"]}
    assert after.content_hash != before.content_hash
    assert open_snapshot(before.path).counts["rankings"] == 2


def test_nothing_to_freeze_is_an_error_and_leaves_nothing(freeze, tmp_path):
    with pytest.raises(
        DataError, match="no label to freeze; left out: nothing, there are no rankings that count"
    ):
        freeze(comparison("c"))
    assert list((tmp_path / "snapshots").iterdir()) == []


def test_annotator_disjoint_splits(freeze):
    """In every split, the annotators are its own."""
    people = [f"a{i}" for i in range(12)]
    lines = [comparison(f"c{i}", *((name, [1, 2]) for name in people)) for i in range(30)]
    _, snapshot = freeze(*lines, splits=SplitRule(validation=0.3, test=0.3, annotator_disjoint=True))
    seen = {
        split: {r.annotator for c in snapshot.comparisons(split) for r in c.rankings}
        for split in ("train", "validation", "test")
    }
    assert all(seen.values())
    assert sum(map(len, seen.values())) == len(set.union(*seen.values()))
    assert snapshot.counts["left_out"]["annotator_of_another_split"] + snapshot.counts["rankings"] == 30 * 12


def test_it_is_registered_with_its_annotators(database, project, freeze):
    _, snapshot = freeze(
        comparison("c1", ("x", [1, 2], {"annotator_kind": "simulated", "guideline": "v2"}), ("y", [1, 2])),
        comparison("c2", ("x", [1, 2], {"annotator_kind": "simulated"})),
    )
    assert snapshot.manifest["annotators"] == [
        {"annotator": "x", "kind": "simulated", "rankings": 2},
        {"annotator": "y", "kind": "imported", "rankings": 1},
    ]
    assert snapshot.manifest["guidelines"] == {"v2": 1}
    with database.reading() as session:
        (listed,) = list_snapshots(session, project.id)
        counts = session.scalars(
            select(SnapshotAnnotator.num_rankings).order_by(SnapshotAnnotator.num_rankings)
        ).all()
        assert session.scalar(select(func.count()).select_from(SnapshotRow)) == 1
    assert listed["content_hash"] == snapshot.content_hash
    assert counts == [1, 2]


def test_labels_can_be_read_without_a_snapshot(database, project, freeze):
    _, snapshot = freeze(comparison("c1", ("x", [1, 2])), comparison("c2"))
    with database.reading() as session:
        assert list(read_selected(session, project)) == list(snapshot.comparisons())
