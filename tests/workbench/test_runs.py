"""Runs: begun, resumed, finished; other settings and a second process are refused."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

from workbench.errors import RunError
from workbench.metrics import read_metrics
from workbench.runs import open_run


@dataclass(frozen=True, kw_only=True)
class Settings:
    learning_rate: float = 1e-3
    seed: int = 0


HOLD = """
import sys, time
from dataclasses import dataclass
from workbench.runs import open_run
@dataclass(frozen=True, kw_only=True)
class Settings:
    learning_rate: float = 1e-3
    seed: int = 0
with open_run("sft", Settings(), name="r") as run:
    print("open", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(home):
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "open\n"
    yield process
    process.kill()
    process.communicate()


def test_the_same_command_begins_resumes_and_finds_it_finished(home):
    with open_run("sft", Settings()) as run:
        assert (run.resuming, run.finished, run.name[:4]) == (False, False, "sft-")
        run.log(1, {"loss": 2.0})
        run.log(2, {"loss": float("nan")})
    with open_run("sft", Settings()) as run:
        assert (run.resuming, run.finished) == (True, False)
        run.rewind_metrics(1)
        run.log(2, {"loss": 1.0})
        run.finish({"loss": 1.0})
    with open_run("sft", Settings()) as run:
        assert run.finished
        assert run.result().summary == {"loss": 1.0}
    assert [row["loss"] for row in read_metrics(run.folder / "metrics.jsonl")] == [2.0, 1.0]
    environment = json.loads((run.folder / "environment.json").read_text())
    assert environment["packages"]["torch"] and environment["stage"] == "sft"
    assert not (run.folder / "lock").exists()


def test_other_settings_under_one_name_are_refused_by_key(home):
    open_run("sft", Settings(), name="r").close()
    with pytest.raises(RunError, match=r"learning_rate \(0.001 became 0.1\).*--fresh"):
        open_run("sft", Settings(learning_rate=0.1), name="r")
    with pytest.raises(RunError, match="is a sft run"):
        open_run("dpo", Settings(), name="r")
    assert not (home / "runs" / "r" / "lock").exists()


def test_fresh_keeps_the_old_run_aside(home):
    with open_run("sft", Settings(), name="r") as run:
        run.finish({"loss": 1.0})
    with open_run("sft", Settings(seed=1), name="r", fresh=True) as run:
        assert not run.resuming
    assert (home / "runs" / "r.old-1" / "report.json").exists()


def test_names_that_leave_the_folder_are_refused(home):
    with pytest.raises(RunError, match="letters, digits"):
        open_run("sft", Settings(), name="../evil")


def test_a_second_process_is_refused_while_the_first_lives(holder):
    with pytest.raises(RunError, match=f"in use by process {holder.pid}"):
        open_run("sft", Settings(), name="r")


def test_a_killed_process_leaves_no_lock_behind(holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with open_run("sft", Settings(), name="r") as run:
        assert run.resuming


def test_a_lock_of_another_host_holds_until_its_heartbeat_stops(home):
    open_run("sft", Settings(), name="r").close()
    lock = home / "runs" / "r" / "lock"
    lock.write_text(json.dumps({"host": "another", "pid": 1, "start": "1"}))
    with pytest.raises(RunError, match="process 1 on another"):
        open_run("sft", Settings(), name="r")
    past = time.time() - 120
    os.utime(lock, (past, past))
    open_run("sft", Settings(), name="r").close()
