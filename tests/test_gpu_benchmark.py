"""The GPU benchmark runs whole on a CPU at its tiny size: same losses on both layouts, every table written."""

import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.soak
def test_every_table_is_written(tmp_path, monkeypatch, capsys):
    output = tmp_path / "gpu.md"
    monkeypatch.setattr(sys, "argv", ["run.py", "--tiny", "--output", str(output)])
    monkeypatch.setattr(sys, "path", [*sys.path])  # the script adds the repository
    monkeypatch.setattr(
        "torch.cuda.is_available", lambda: False
    )  # the numbers of this test are those of a CPU
    runpy.run_path(str(ROOT / "benchmarks" / "gpu" / "run.py"), run_name="__main__")
    tables = output.read_text(encoding="utf-8")
    assert [line[:9] for line in tables.splitlines() if line.startswith("## ")] == [
        "## Pretra", "## Sampli", "## 2 rank", "## A PPO ",
    ]  # fmt: skip
    rows = [line.split(" | ") for line in tables.splitlines() if line.startswith(("| reward", "| DPO"))]
    layouts = {"grouped", "pairs", "pairs, TRL's RewardTrainer", "pairs, TRL's DPOTrainer"}
    assert len(rows) == 12 and {row[2] for row in rows} == layouts
    assert all(float(row[-1].strip(" |")) < 1e-5 for row in rows)
    assert f"tables: {output}" in capsys.readouterr().out
