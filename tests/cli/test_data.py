"""The data commands, run as the shell runs them: what they print, their JSON, and their exit codes."""

import json

import pytest

from storage.database import open_database
from workbench.jsonl import read_comparisons

LINES = [
    {
        "id": f"c{i}",
        "prompt": f"question {i}",
        "completions": [{"text": "a"}, {"text": ""}],
        "rankings": [{"annotator": "x", "ranks": [1, 2]}, {"annotator": "y", "ranks": [1, 1]}],
    }
    for i in range(20)
]


@pytest.fixture
def filled(accord, tmp_path):
    """A project with twenty comparisons, and the file they came from."""
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES), encoding="utf-8")
    assert accord("init")[0] == 0
    assert accord("project", "create", "p")[0] == 0
    assert accord("import", "comparisons", path, "--project", "p")[0] == 0
    return path


def as_json(result):
    """The one JSON object on stdout of a command that succeeded."""
    code, out, _ = result
    assert code == 0
    return json.loads(out)


def test_from_nothing_to_a_frozen_snapshot(accord, filled, home):
    made = as_json(accord("snapshot", "create", "--project", "p", "--json"))
    assert made["counts"]["rankings"] == 40
    shown = as_json(accord("snapshot", "show", made["content_hash"][:8], "--recompute", "--json"))
    assert shown == made
    code, out, err = accord("snapshot", "show", made["path"])
    assert (code, "holds        40 rankings of 20 comparisons" in out) == (0, True)
    assert "files are as they were made" in err
    assert as_json(accord("project", "show", "p", "--annotators", "--json"))["pseudonyms"] == [
        {"annotator": "x", "kind": "imported"},
        {"annotator": "y", "kind": "imported"},
    ]


def test_import_reports_what_was_added_and_what_is_unusual(accord, filled):
    code, out, _ = accord("import", "comparisons", filled, "--project", "p")
    assert code == 0
    assert "added 0 comparisons, 0 completions, 0 rankings; already there 20 comparisons, 40 rankings" in out
    assert "worth knowing: empty completions: 20" in out


def test_a_bad_line_stops_an_import_with_1_and_skip_bad_lists_it(accord, filled, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"prompt": "n", "completions": [{"text": "a"}]}\n{"prompt": 1}\n', encoding="utf-8")
    code, out, err = accord("import", "comparisons", bad, "--project", "p")
    assert (code, out) == (1, "")
    assert f"accord import comparisons: {bad}:2: field 'completions'" in err
    report = as_json(accord("import", "comparisons", bad, "--project", "p", "--skip-bad", "--json"))
    assert (report["read"], len(report["bad"])) == (1, 1)


def test_exports(accord, filled, tmp_path):
    assert accord("export", "comparisons", tmp_path / "out.jsonl.gz", "--project", "p")[0] == 0
    assert len(list(read_comparisons(tmp_path / "out.jsonl.gz"))) == 20
    trl = as_json(accord("export", "trl", tmp_path / "t.jsonl", "--project", "p", "--json"))
    assert (trl["pairs"], trl["ties"]) == (20, "drop")
    snapshot = as_json(accord("snapshot", "create", "--project", "p", "--json"))
    assert snapshot["content_hash"] == trl["content_hash"]
    train = snapshot["splits"]["counts"]["train"]["comparisons"]
    part = accord(
        "export", "trl", tmp_path / "u.jsonl", "--snapshot", snapshot["path"], "--split", "train", "--json"
    )
    assert as_json(part)["pairs"] == train


def test_withdrawing_an_annotator_lists_what_learned_from_them(accord, filled):
    snapshot = as_json(accord("snapshot", "create", "--project", "p", "--json"))
    dry = as_json(accord("annotator", "withdraw", "x", "--reason", "test", "--dry-run", "--json"))
    assert dry["withdrawn"] is False
    code, out, _ = accord("annotator", "withdraw", "x", "--reason", "test")
    assert code == 0
    assert f"snapshot    {snapshot['content_hash'][:16]}  20 rankings" in out
    assert as_json(accord("snapshot", "create", "--project", "p", "--json"))["counts"]["rankings"] == 20


def test_runs_are_listed_once_indexed(accord, filled, home):
    assert accord("runs", "list")[1].startswith("no runs in the database")
    folder = home / "runs" / "sft-1"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("seed: 0\n", encoding="utf-8")
    started = {"stage": "sft", "started_at": "2026-11-22T09:00:00Z"}
    (folder / "environment.json").write_text(json.dumps(started), encoding="utf-8")
    assert as_json(accord("runs", "index", "--json")) == {"new": ["sft-1"], "known": []}
    (run,) = as_json(accord("runs", "list", "--json"))["runs"]
    assert (run["name"], run["status"], run["started_at"]) == ("sft-1", "unfinished", "2026-11-22T09:00:00Z")
    listed = accord("runs", "list")[1]
    head, _, row = listed.splitlines()
    assert listed.endswith("\n")
    assert head.split() == ["run", "stage", "status", "started", "(UTC)", "snapshot"]
    assert row.split() == ["sft-1", "sft", "unfinished", "2026-11-22", "09:00"]
    assert as_json(accord("runs", "show", "sft-1", "--json"))["checkpoints"] == []
    assert accord("runs", "show", "sft-2")[0] == 1


def test_prompts_demonstrations_and_the_other_formats(accord, filled, tmp_path):
    def write(name, *lines):
        path = tmp_path / name
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return path

    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    commands = {
        "prompts": (write("p", {"prompt": "a", "use": "rl"}), []),
        "demonstrations": (write("d", {"messages": turns}), []),
        "pairs": (write("pairs", {"q": "a", "chosen": "b", "rejected": "c"}), ["--prompt-fields", "q"]),
        "hh": (
            write(
                "hh", {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a\n\nAssistant: c"}
            ),
            [],
        ),
    }
    for name, (path, more) in commands.items():
        report = as_json(accord("import", name, path, "--project", "p", "--json", *more))
        assert report["read"] == 1, name
        assert sum(report["added"].values()) >= 1, name


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("project", "show", "q"), 1, "no project 'q'; there are p"),
        (("project", "create", "p"), 1, "there is a project 'p' already"),
        (("import", "comparisons", "none.jsonl", "--project", "p"), 1, "cannot read none.jsonl"),
        (("import", "rated", "x", "--project", "p", "--layout", "y"), 2, ""),
        (("snapshot", "create"), 2, "either --project NAME or --file"),
        (("snapshot", "create", "--project", "p", "--kinds", "evaluation"), 1, "--include-evaluation"),
        (("snapshot", "show", "abcdef"), 1, "no snapshot 'abcdef'"),
        (("export", "trl", "x"), 2, "either --snapshot or --project NAME"),
        (("annotator", "withdraw", "nobody", "--reason", "r"), 1, "no annotator 'nobody'"),
        (("import", "comparisons"), 2, ""),
    ],
)
def test_wrong_use_and_failure_have_their_own_codes(accord, filled, arguments, code, message):
    got, out, err = accord(*arguments)
    assert (got, out) == (code, "")
    assert message in err


def test_without_a_database_the_way_out_is_named(accord):
    code, _, err = accord("project", "create", "p")
    assert (code, "make one with 'accord init'" in err) == (1, True)


def test_init_says_where_and_can_be_repeated(accord, home):
    for _ in range(2):
        code, out, _ = accord("init")
        assert (code, str(home / "accord.db") in out) == (0, True)
    open_database().dispose()
