"""`accord overlap plan`, on a file and on a project."""

import json

import pytest
from sqlalchemy import select

from storage.database import open_database
from storage.tables import Comparison

LINES = [
    {
        "id": f"c{i:02}",
        "prompt": f"question {i}",
        "completions": [{"text": "a"}, {"text": "b"}],
        "rankings": [
            {"annotator": "x", "ranks": [1, 2]},
            {"annotator": "y", "ranks": [1, 2] if i < 15 else [2, 1]},
        ],
    }
    for i in range(20)
]


@pytest.fixture
def file(tmp_path):
    """Twenty comparisons, of which five are split."""
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES), encoding="utf-8")
    return path


def test_a_plan_for_a_file(accord, file, tmp_path):
    out = tmp_path / "plan.jsonl"
    code, told, _ = accord("overlap", "plan", file, "--out", out, "--winner", "0.75")
    assert code == 0 and "Planned: " in told and str(out) in told
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert {"c15", "c16", "c17", "c18", "c19"} <= {line["comparison"] for line in lines}
    assert all(line["overlap"] == 3 and line["rankings"] == 2 and line["reason"] for line in lines)
    code, told, _ = accord("overlap", "plan", file, "--out", out, "--half-width", "0.05", "--json")
    found = json.loads(told)
    assert code == 0 and found["shared"] == 20 and found["now"]["value"] == 0.75 and not found["applied"]
    # Every comparison is shared already, so what is missing must be collected.
    assert found["votes"] == 0 and found["missing"] == found["shared_needed"] - 20 > 0
    code, told, _ = accord("overlap", "plan", file, "--out", out, "--half-width", "0.05")
    assert "comparisons are missing" in told


def test_a_plan_for_a_project_sets_its_overlap_and_priorities(accord, file):
    assert accord("init")[0] == accord("project", "create", "p")[0] == 0
    assert accord("import", "comparisons", file, "--project", "p")[0] == 0

    def stored():
        with open_database().reading() as session:
            rows = session.execute(
                select(Comparison.record_id, Comparison.target_overlap, Comparison.priority)
            )
            return {name: (overlap, priority) for name, overlap, priority in rows}

    before = stored()
    assert accord("overlap", "plan", "--project", "p", "--winner", "0.75", "--dry-run")[0] == 0
    assert stored() == before
    code, told, _ = accord("overlap", "plan", "--project", "p", "--winner", "0.75", "--budget", "5", "--json")
    assert code == 0 and json.loads(told)["votes"] == 5 and json.loads(told)["applied"]
    after = stored()
    split = {f"c{i}" for i in range(15, 20)}
    assert {name for name in after if after[name] != before[name]} == split
    assert all(after[name][0] == 3 and after[name][1] == pytest.approx(0.5) for name in split)


def test_wrong_use(accord, file):
    assert accord("overlap", "plan")[0] == 2
    assert accord("overlap", "plan", file)[0] == 2
    code, _, err = accord("overlap", "plan", file, "--out", "x.jsonl", "--winner", "1.5")
    assert code != 0 and "probability must lie between 0 and 1, got 1.5" in err
