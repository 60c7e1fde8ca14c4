"""Commands under torchrun: two processes, one result, one run folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import main
from workbench.console import say

ROOT = Path(__file__).parents[2]


@pytest.mark.soak
@pytest.mark.parametrize("stage", ["pretrain", "sft", "reward", "dpo", "ppo"])
def test_two_processes_make_one_run_and_print_one_result(world, home, stage):
    """Behind `--`, torchrun leaves `--run` alone, which it would take for its own `--run-path`."""
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        "-m",
        "cli",
    ]
    command = [*launch, "--", *world.commands()[stage], "--run", "two", "--json"]
    environment = {
        **os.environ,
        "ACCORD_HOME": str(home),
        "OMP_NUM_THREADS": "1",
        "ACCELERATE_USE_CPU": "true",
    }
    for _ in range(2):  # The second time it is finished, and every process must see that.
        done = subprocess.run(command, cwd=ROOT, env=environment, timeout=280, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert result["run"] == "two" and Path(result["checkpoint"], "accord.json").is_file()
    assert [path.name for path in (home / "runs").iterdir()] == ["two"]
    assert not (home / "runs" / "two" / "lock").exists()


def test_the_first_process_speaks_for_all(home, monkeypatch, capsys):
    monkeypatch.setenv("RANK", "1")
    say("nothing")
    assert main(["init"]) == 0
    assert main(["snapshot", "show", "nothing"]) == 1  # an error is always told
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith("accord snapshot show:")
    monkeypatch.setenv("RANK", "0")
    assert main(["init"]) == 0
    assert "is ready" in capsys.readouterr().out
