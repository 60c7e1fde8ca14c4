"""Lineage on real folders: checkpoints that name parents and a snapshot, and what is said when one is gone."""

import json
import shutil
from dataclasses import dataclass

import pytest

from cli.main import main
from storage.database import init_database, open_database
from storage.runs import list_runs
from workbench.checkpoints import CheckpointInfo, parent_of, save_checkpoint
from workbench.errors import CheckpointError
from workbench.jsonl import write_comparisons
from workbench.record_json import comparison_from_json
from workbench.runs import open_run
from workbench.snapshots import snapshot_from_file
from workflow.lineage import trace, walk
from workflow.registration import register


@dataclass(frozen=True, kw_only=True)
class Settings:
    seed: int = 0


@pytest.fixture
def chain(home, tmp_path):
    """A base, a policy from it trained on a snapshot of two annotators."""
    comparisons = [
        comparison_from_json(
            {
                "id": f"c{i}",
                "prompt": f"p{i}",
                "completions": [{"text": "a"}, {"text": "b"}],
                "rankings": [
                    {"annotator": name, "ranks": [1, 2], "guideline": "v1"} for name in ("ann", "bob")
                ],
            }
        )
        for i in range(3)
    ]
    write_comparisons(tmp_path / "c.jsonl", comparisons)
    snapshot = snapshot_from_file(tmp_path / "c.jsonl")
    folders = {}
    for stage, parents, content in (("pretrain", (), None), ("dpo", ("pretrain",), snapshot.content_hash)):
        with open_run(stage, Settings(), name=f"my-{stage}") as run:
            info = CheckpointInfo(
                stage=stage,
                run=run.name,
                parents=tuple(parent_of("base", folders[parent]) for parent in parents),
                snapshot=content,
            )
            save_checkpoint(
                run.final_checkpoint,
                info,
                lambda folder, s=stage: (folder / "model.safetensors").write_text(s) and None,
            )
            run.finish({})
        folders[stage] = run.final_checkpoint
    return folders, snapshot


def test_the_tree_reaches_annotators_and_guidelines(chain):
    _, snapshot = chain
    node = trace("my-dpo")
    assert [n.run for n in walk(node)] == ["my-dpo", "my-pretrain"]
    assert node.snapshot["content_hash"] == snapshot.content_hash
    assert {a["annotator"]: a["rankings"] for a in node.snapshot["annotators"]} == {"ann": 3, "bob": 3}
    assert node.snapshot["guidelines"] == {"v1": 6}


def test_a_moved_parent_is_found_by_hash_and_a_lost_one_is_said_to_be(chain, home):
    folders, _ = chain
    moved = home / "runs" / "elsewhere" / "checkpoints" / "final"
    moved.parent.mkdir(parents=True)
    shutil.move(folders["pretrain"], moved)
    assert trace("my-dpo").parents[0].path == str(moved)
    shutil.rmtree(moved)
    assert [n.found for n in walk(trace("my-dpo"))] == [True, False]


def test_a_changed_parent_is_an_error(chain):
    folders, _ = chain
    (folders["pretrain"] / "model.safetensors").write_text("PRETRAIN")
    with pytest.raises(CheckpointError, match="was changed"):
        trace("my-dpo")


def test_the_command_prints_a_tree_and_json(chain, capsys):
    assert main(["lineage", "my-dpo"]) == 0
    assert "ann (imported): 3 rankings" in capsys.readouterr().out
    assert main(["lineage", "my-dpo", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parents"][0]["stage"] == "pretrain"


def test_registration_needs_no_database_and_uses_one(chain, home):
    folder = home / "runs" / "my-dpo"
    assert register(folder) is False
    init_database().dispose()
    assert register(folder) is True
    database = open_database()
    with database.reading() as session:
        assert [run.name for run in list_runs(session)] == ["my-dpo"]
    database.dispose()
