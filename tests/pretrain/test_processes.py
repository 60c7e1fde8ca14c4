"""Training as processes see it: two of them share the work, and one that is killed is no loss."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.words import WORDS

pytestmark = pytest.mark.soak


@pytest.fixture
def command(tmp_path):
    rng = np.random.default_rng(0)
    with (tmp_path / "stories.jsonl").open("w") as out:
        for i in range(300):
            out.write(json.dumps({"text": f"{' '.join(rng.choice(WORDS, 20))} {i}."}) + "\n")
    settings = {
        "text": tmp_path / "stories.jsonl", "vocab-size": 300, "context": 32, "hidden-size": 32, "num-layers": 2,
        "num-heads": 2, "num-kv-heads": 1, "intermediate-size": 64, "tokens": 32 * 8 * 80, "batch-size": 8,
        "device": "cpu", "compile": "off", "validation-fraction": 0.1, "save-minutes": 0.005,
    }  # fmt: skip
    flags = [part for key, value in settings.items() for part in (f"--{key}", str(value))]
    return ["-m", "cli", "pretrain", "train", *flags]


def run(command, home, *launcher, wait=True):
    environment = os.environ | {"ACCORD_HOME": str(home), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, *launcher, *command],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    if not wait:
        return process
    out, err = process.communicate(timeout=250)
    assert process.returncode == 0, err
    return out


def weights(home):
    (run,) = (home / "runs").iterdir()
    return AutoModelForCausalLM.from_pretrained(run / "checkpoints" / "final").state_dict()


def report(home):
    (run,) = (home / "runs").iterdir()
    return json.loads((run / "report.json").read_text())


def test_killed_at_any_moment_it_goes_on_to_the_same_bits(command, tmp_path, record_property):
    record_property("repetitions", 3)
    run(command, tmp_path / "whole")
    for attempt in range(3):
        process = run(command, tmp_path / "killed", wait=False)
        runs = tmp_path / "killed" / "runs"
        seen = set(runs.glob("*/checkpoints/step-*"))
        deadline = time.monotonic() + 120
        while not set(runs.glob("*/checkpoints/step-*")) - seen and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05 * attempt)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        process.stderr.close()
        assert not list(runs.glob("*/checkpoints/final")), "the kill came too late to test anything"
    out = run(command, tmp_path / "killed")
    assert "base model:" in out
    a, b = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_two_processes_read_the_same_rows_and_make_the_same_model(command, tmp_path):
    command = [*command, "--micro-batch-size", "2"]
    run(command, tmp_path / "one")
    run(command, tmp_path / "two", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    a, b = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=0.05, atol=5e-3)
    one, two = report(tmp_path / "one"), report(tmp_path / "two")
    assert (one["processes"], two["processes"]) == (1, 2)
    assert (one["tokens"], one["text"]) == (two["tokens"], two["text"])
    assert one["bits_per_byte"] == pytest.approx(two["bits_per_byte"], rel=1e-3)
