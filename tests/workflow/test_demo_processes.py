"""Stages as processes: ranks that find each other, failures that say where to look, progress from metrics."""

import json

import pytest

from workbench.errors import RunError
from workflow.demo_config import DemoConfig
from workflow.demo_processes import Command, _environments, _progress, run_commands


def test_a_command_that_fails_names_its_log_and_its_last_words(home, tmp_path):
    with pytest.raises(
        RunError, match=r"run 'a-run' failed; its messages are in .*a-run\.log, the last: .*pppo"
    ):
        run_commands({"a-run": Command("pppo train", DemoConfig())}, tmp_path)


def test_a_finished_run_is_left_out(home, tmp_path):
    done = home / "runs" / "a-run"
    done.mkdir(parents=True)
    (done / "report.json").write_text("{}")
    run_commands({"a-run": Command("pppo train", DemoConfig())}, tmp_path)  # would fail if it ran
    assert not (tmp_path / "a-run.log").exists()


def test_several_processes_share_an_address_and_differ_in_rank():
    first, second = _environments(2)
    assert [one["RANK"] for one in (first, second)] == ["0", "1"]
    assert first["WORLD_SIZE"] == "2"
    assert first["MASTER_PORT"] == second["MASTER_PORT"]
    (alone,) = _environments(1)
    assert "RANK" not in alone


def test_progress_is_read_from_the_metrics(home):
    command = Command("ppo train", DemoConfig(), progress=("step", 40.0))
    assert _progress("a-run", command) == 0
    folder = home / "runs" / "a-run"
    folder.mkdir(parents=True)
    lines = [{"step": 1, "score": 0.5}, {"step": 10, "score": 0.6}]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert _progress("a-run", command) == 0.25
