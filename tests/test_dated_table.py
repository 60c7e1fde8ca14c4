"""The dated table of a fault run says what was run, how often, and how it ended."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

CASES = """
import pytest
def test_good(record_property):
    record_property("repetitions", 7)
def test_bad():
    assert 1 == 2
def test_absent():
    pytest.skip("needs a | thing")
"""


def test_a_table_has_a_row_for_each_test(tmp_path):
    cases = tmp_path / "test_cases.py"
    cases.write_text(CASES)
    table = tmp_path / "tables" / "faults.md"
    command = [
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.dated_table", "-c",
        str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "--table", str(table), "--table-title", "Faults",
        str(cases),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = table.read_text().splitlines()
    assert (
        lines[0] == "# Faults"
        and "cores" in lines[2]
        and lines[3].startswith("1 passed, 1 failed, 1 not run")
    )
    rows = {line.split("`")[1].rpartition("::")[2]: line for line in lines if line.startswith("| `")}
    assert "| 7 |" in rows["test_good"] and rows["test_good"].endswith("| passed |")
    assert rows["test_bad"].endswith("| FAILED |") and rows["test_absent"].endswith(
        "| not run: needs a / thing |"
    )
