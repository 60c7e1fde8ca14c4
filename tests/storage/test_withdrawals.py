"""Withdrawing an annotator, and the recall of everything that learned from them: snapshot, run, checkpoint, descendant."""

import json
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from storage.checkpoints import list_checkpoints
from storage.comparisons import read_comparisons
from storage.importing import import_comparisons_file
from storage.projects import create_project
from storage.runs import get_run, index_runs, list_runs
from storage.snapshots import create_snapshot
from storage.tables import Submission
from storage.withdrawals import (
    recall_annotator,
    withdraw_annotator,
    withdraw_submission,
    withdrawn_annotators,
)
from workbench.checkpoints import CheckpointInfo, parent_of, save_checkpoint
from workbench.errors import DataError, RunError
from workbench.runs import open_run


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a run that trains nothing."""

    snapshot: str | None = None
    seed: int = 0


@pytest.fixture
def labels(database, project, write_lines):
    """Two comparisons: x and y ranked the first, y alone the second."""
    both = [{"annotator": name, "ranks": [1, 2]} for name in "xy"]
    lines = [
        {
            "id": f"c{i}",
            "prompt": f"p{i}",
            "completions": [{"text": "a"}, {"text": "b"}],
            "rankings": rankings,
        }
        for i, rankings in enumerate((both, both[1:]))
    ]
    path = write_lines(*lines)
    with database.writing() as session:
        import_comparisons_file(session, project.id, path)
    return path


def train(stage, name, *, snapshot=None, parent=None, finish=True):
    """A run folder as a trainer leaves it; returns its checkpoint."""
    with open_run(
        stage, Settings(snapshot=None if snapshot is None else str(snapshot.path)), name=name
    ) as run:
        info = CheckpointInfo(
            stage=stage,
            run=name,
            parents=() if parent is None else (parent_of("policy", parent),),
            snapshot=None if snapshot is None else snapshot.content_hash,
        )
        if finish:
            save_checkpoint(
                run.final_checkpoint, info, lambda folder: (folder / "w.bin").write_text(name) and None
            )
            run.finish({"loss": 0.5})
        return run.final_checkpoint


def test_the_recall_follows_snapshots_runs_and_descendants(database, project, labels, home):
    """reward learned from x; ppo started from it; chat from ppo; the clean run and its descendant did not."""
    with database.writing() as session:
        tainted = create_snapshot(session, project)
        withdraw_annotator(session, "x", reason="answers at random", actor="lead")
        clean = create_snapshot(session, project)
    reward = train("reward", "reward", snapshot=tainted)
    ppo = train("ppo", "ppo", parent=reward)
    train("ppo", "further", parent=ppo)
    train("dpo", "begun", snapshot=tainted, finish=False)
    other = train("reward", "clean", snapshot=clean)
    train("ppo", "clean-ppo", parent=other)
    with database.writing() as session:
        assert index_runs(session) == (["begun", "clean", "clean-ppo", "further", "ppo", "reward"], [])
        recall = recall_annotator(session, "x")
        other_recall = recall_annotator(session, "y")
    assert [s["content_hash"] for s in recall.snapshots] == [tainted.content_hash]
    assert recall.snapshots[0]["rankings"] == 1
    assert {run["name"] for run in recall.runs} == {"reward", "ppo", "further", "begun"}
    assert {c["path"].split("/")[-3] for c in recall.checkpoints} == {"reward", "ppo", "further"}
    assert recall.submissions == 1
    assert {run["name"] for run in other_recall.runs} >= {"clean", "clean-ppo"}
    json.dumps(recall.to_json())


def test_withdrawing_hides_labels_and_deletes_nothing(database, project, labels):
    with database.writing() as session:
        assert withdraw_annotator(session, "y", reason="test", actor="lead", project_id=project.id) is True
        assert withdraw_annotator(session, "y", reason="test", actor="lead", project_id=project.id) is False
        assert [[r.annotator for r in c.rankings] for c in read_comparisons(session, project.id)] == [
            ["x"],
            [],
        ]
        assert len(session.scalars(select(Submission)).all()) == 3
        assert withdrawn_annotators(session, project.id) == ["y"]


def test_a_withdrawal_is_of_its_project(database, project, labels):
    with database.writing() as session:
        other = create_project(session, "other")
        import_comparisons_file(session, other.id, labels)
        withdraw_annotator(session, "y", reason="test", actor="lead", project_id=project.id)
        assert sum(len(c.rankings) for c in read_comparisons(session, other.id)) == 3
        withdraw_annotator(session, "y", reason="test", actor="lead")
        assert sum(len(c.rankings) for c in read_comparisons(session, other.id)) == 1


def test_later_labels_of_a_withdrawn_annotator_do_not_count_either(database, project, labels, write_lines):
    with database.writing() as session:
        withdraw_annotator(session, "y", reason="test", actor="lead")
        line = {
            "id": "c9",
            "prompt": "p",
            "completions": [{"text": "a"}],
            "rankings": [{"annotator": "y", "ranks": [1]}],
        }
        import_comparisons_file(session, project.id, write_lines(line, name="later.jsonl"))
        (later,) = read_comparisons(session, project.id, ids=["c9"])
    assert later.rankings == ()


def test_one_submission_can_be_withdrawn(database, project, labels):
    with database.writing() as session:
        first = session.scalars(select(Submission.id).order_by(Submission.id)).first()
        withdraw_submission(session, first, reason="test", actor="lead")
        assert sum(len(c.rankings) for c in read_comparisons(session, project.id)) == 2
        with pytest.raises(DataError, match="no submission 999"):
            withdraw_submission(session, 999, reason="test", actor="lead")


@pytest.mark.parametrize(
    ("name", "reason", "problem"), [("nobody", "r", "no annotator 'nobody'"), ("x", " ", "needs a reason")]
)
def test_wrong_withdrawals(database, project, labels, name, reason, problem):
    with pytest.raises(DataError, match=problem), database.writing() as session:
        withdraw_annotator(session, name, reason=reason, actor="lead")


def test_runs_are_found_again_and_renewed(database, home):
    train("sft", "first", finish=False)
    with database.writing() as session:
        assert index_runs(session) == (["first"], [])
        assert get_run(session, "first").status == "unfinished"
    checkpoint = train("sft", "first")
    (home / "runs" / "no-run").mkdir()
    with database.writing() as session:
        assert index_runs(session) == ([], ["first"])
        run = get_run(session, "first")
        assert (run.status, run.summary, run.stage) == ("finished", {"loss": 0.5}, "sft")
        assert run.finished_at >= run.started_at
        assert [c.path for c in list_checkpoints(session, run_id=run.id)] == [str(checkpoint)]
        assert [r.name for r in list_runs(session, stage="sft")] == ["first"]
        assert list_runs(session, stage="ppo") == []
        with pytest.raises(DataError, match="no run 'second' .*'accord runs index'"):
            get_run(session, "second")


def test_a_broken_run_folder_is_named(database, home):
    train("sft", "broken")
    (home / "runs" / "broken" / "report.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match="broken is no whole run folder"), database.writing() as session:
        index_runs(session)
