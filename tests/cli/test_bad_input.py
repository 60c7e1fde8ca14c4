"""Bad input, command by command: exit code 1, an error with the place and the way out, nothing half-written."""

import json
import resource
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.main import main
from storage.database import open_database
from storage.projects import count_project, get_project
from workbench.home import database_url

ROOT = Path(__file__).parents[2]
LONG = "word " * 300  # more than the 256 positions of the tiny model


def fails(capsys, *command) -> str:
    """Run a command that must fail, and give back what it said."""
    capsys.readouterr()
    assert main([str(part) for part in command]) == 1
    told = capsys.readouterr()
    assert told.out == "" and told.err.splitlines()[-1].startswith("accord "), told.err
    return told.err


def jsonl(path: Path, *records) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


# A prompt longer than the context --------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["sft", "reward", "dpo", "ppo"])
def test_no_trainer_takes_a_prompt_longer_than_the_context(world, home, tmp_path, capsys, stage):
    pair = {"completions": [{"text": "a"}, {"text": "b"}], "rankings": [{"annotator": "x", "ranks": [1, 2]}]}
    files = {
        "demonstrations": jsonl(tmp_path / "d.jsonl", {"id": "long-one", "messages": [
            {"role": "user", "content": LONG}, {"role": "assistant", "content": "a"}]}),
        "comparisons": jsonl(
            tmp_path / "c.jsonl", *({"id": f"long-one-{i}", "prompt": f"{i} {LONG}", **pair} for i in range(20))
        ),
        "prompts": jsonl(tmp_path / "p.jsonl", {"id": "long-one", "prompt": LONG, "use": "rl"}),
    }  # fmt: skip
    command = world.commands()[stage]
    for flag, file in files.items():
        if f"--{flag}" in command:
            command[command.index(f"--{flag}") + 1] = str(file)
    told = fails(capsys, *command, "--run", "r")
    assert "long-one" in told and "256" in told and "longer context" in told and "Token indices" not in told
    # Nothing was learned, so the name is free for better settings.
    assert not (home / "runs" / "r").exists()


def test_neither_sampling_nor_a_comparison_takes_one(world, home, tmp_path, capsys):
    prompts = jsonl(tmp_path / "p.jsonl", {"id": "long-one", "prompt": LONG, "use": "evaluation"})
    output = tmp_path / "out" / "samples.jsonl"
    told = fails(capsys, "sample", "--checkpoint", world.policy, "--prompts", prompts, "--use", "evaluation",
                 "--output", output, "--device", "cpu")  # fmt: skip
    assert "prompt 'long-one'" in told and "256 positions" in told
    assert not output.parent.exists()
    told = fails(capsys, "evaluate", "compare", "--start", world.policy, "--policies", f"a={world.policy}",
                 "--prompts", prompts, "--device", "cpu", "--run", "r")  # fmt: skip
    assert "prompt 'long-one'" in told and not (home / "runs" / "r").exists()


def test_scoring_names_the_comparison_that_has_one(world, home, tmp_path, capsys):
    samples = jsonl(tmp_path / "s.jsonl", {"id": "fits", "prompt": "a", "completions": [{"text": "b"}]},
                    {"id": "long-one", "prompt": LONG, "completions": [{"text": "b"}]})  # fmt: skip
    told = fails(capsys, "reward", "score", world.reward, samples, "--out", tmp_path / "scores.jsonl")
    assert "comparison 'long-one'" in told and "too_long" not in told
    assert not (tmp_path / "scores.jsonl").exists()


# Changed by hand, half copied ------------------------------------------------------------------------------------


def test_an_edited_snapshot_is_refused_by_what_reads_it(world, home, tmp_path, capsys):
    assert main(["snapshot", "create", "--file", str(world.comparisons), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    folder = Path(found["path"])
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    edited = tmp_path / "edited"
    shutil.copytree(folder, edited)
    (edited / "manifest.json").write_text(
        json.dumps({**manifest, "counts": {**manifest["counts"], "rankings": 1}})
    )
    parquet = tmp_path / "parquet"
    shutil.copytree(folder, parquet)
    data = (parquet / "comparisons.parquet").read_bytes()
    (parquet / "comparisons.parquet").write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    for broken, name in ((edited, "manifest.json"), (parquet, "comparisons.parquet")):
        for stage in ("reward", "dpo"):
            command = world.commands()[stage]
            command[command.index("--comparisons") + 1] = str(broken)
            told = fails(capsys, *command, "--run", "r")
            assert name in told and str(broken) in told and not (home / "runs" / "r").exists()
        assert name in fails(capsys, "snapshot", "show", broken)


@pytest.mark.parametrize("damage", ["missing", "short", "other"])
def test_a_half_copied_checkpoint_is_refused_by_what_reads_it(world, home, tmp_path, capsys, damage):
    broken = tmp_path / "copied"
    shutil.copytree(world.policy, broken)
    weights = broken / "model.safetensors"
    data = weights.read_bytes()
    if damage == "missing":
        weights.unlink()
    else:
        weights.write_bytes(
            data[: len(data) // 2] if damage == "short" else data[:-1] + bytes([data[-1] ^ 1])
        )
    for stage, flag in (("sft", "--base"), ("dpo", "--policy"), ("ppo", "--policy")):
        command = world.commands()[stage]
        command[command.index(flag) + 1] = str(broken)
        told = fails(capsys, *command, "--run", "r")
        assert "model.safetensors" in told and "Copy the whole folder again" in told
        assert not (home / "runs" / "r").exists()
    told = fails(
        capsys, "sample", "--checkpoint", broken, "--prompts", world.prompts, "--output", tmp_path / "s.jsonl"
    )
    assert "model.safetensors" in told and not (tmp_path / "s.jsonl").exists()
    assert "model.safetensors" in fails(capsys, "chat", broken)


# A disk that fills -----------------------------------------------------------------------------------------------


@contextmanager
def no_file_larger_than(limit: int):
    """A limit on the size of a file stands in for the full disk: the weights do not fit, smaller files do."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("stage", ["pretrain", "sft", "reward", "dpo", "ppo"])
def test_no_room_for_the_checkpoint(world, home, capsys, stage):
    command = [*world.commands()[stage], "--run", "r"]
    with no_file_larger_than(60_000):
        told = fails(capsys, *command)
    assert "run the same command again" in told
    run = home / "runs" / "r"
    assert not (run / "checkpoints" / "final").exists() and not (run / "report.json").exists()
    assert not list(home.rglob("*.part")) and not list(home.rglob(".*.part"))
    assert main(command) == 0
    assert (run / "checkpoints" / "final" / "accord.json").is_file()


# Settings, and two processes on one run ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "key", "near"),
    [
        ("pretrain", "learning_rte", "learning_rate"),
        ("sft", "epoch", "epochs"),
        ("reward", "batch_comparison", "batch_comparisons"),
        ("dpo", "bta", "beta"),
        ("ppo", "kl_coeff", "kl_coef"),
    ],
)
def test_an_unknown_key_is_named_with_its_file_and_the_nearest(
    world, home, tmp_path, capsys, stage, key, near
):
    file = tmp_path / "settings.yaml"
    file.write_text(f"{key}: 1\n")
    told = fails(capsys, *world.commands()[stage], "--config", file)
    assert f"{file}: unknown setting '{key}'; did you mean '{near}'?" in told
    assert not (home / "runs").exists()


HOLD = """
import time
from workbench.runs import open_run
from dpo.config import DPOConfig
with open_run("dpo", DPOConfig(policy="p", comparisons="c"), name="r"):
    print("open", flush=True)
    time.sleep(60)
"""


def test_a_second_process_on_a_run_is_refused_and_the_first_goes_on(world, home, capsys):
    holder = subprocess.Popen([sys.executable, "-c", HOLD], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "open\n"
        told = fails(capsys, *world.commands()["dpo"], "--run", "r")
        assert f"in use by process {holder.pid}" in told and "--run" in told
        assert holder.poll() is None and (home / "runs" / "r" / "lock").exists()
    finally:
        holder.kill()
        holder.communicate()


# The rules of comparisons.jsonl ------------------------------------------------------------------------------------

GOOD = {
    "prompt": "p",
    "completions": [{"text": "a"}, {"text": "b"}],
    "rankings": [{"annotator": "x", "ranks": [1, 2]}],
}


def ranked(**ranking):
    return json.dumps({**GOOD, "rankings": [{"annotator": "x", "ranks": [1, 2], **ranking}]}).encode()


BAD_LINES = {
    "ranks longer than completions": (ranked(ranks=[1, 2, 3]), "ranks"),
    "a rank below 1": (ranked(ranks=[0, 1]), "ranks"),
    "a text missing": (json.dumps({**GOOD, "completions": [{"text": "a"}, {}]}).encode(), "completions[1].text"),
    "a text that is no string": (json.dumps({**GOOD, "completions": [{"text": "a"}, {"text": 3}]}).encode(),
                                 "completions[1].text"),
    "a key twice": (b'{"prompt": "p", "prompt": "q", "completions": [{"text": "a"}]}', "prompt"),
    "invalid UTF-8": (b'{"prompt": "\xff", "completions": [{"text": "a"}]}', "UTF-8"),
    "a line over 64 MB": (b'{"prompt": "' + b"x" * 64_000_001 + b'"}', "64 MB"),
    "a rank for what was not shown": (ranked(order=[0]), "order"),
    "an unknown field": (json.dumps({**GOOD, "promt": "p"}).encode(), "promt"),
    "no JSON": (b"{oops", "column"),
}  # fmt: skip


@pytest.mark.parametrize("rule", BAD_LINES)
def test_a_bad_line_is_named_and_nothing_is_imported(home, tmp_path, capsys, rule):
    line, place = BAD_LINES[rule]
    file = tmp_path / "rankings.jsonl"
    file.write_bytes(json.dumps(GOOD).encode() + b"\n" + line + b"\n")
    main(["init"])
    main(["project", "create", "p"])
    told = fails(capsys, "import", "comparisons", file, "--project", "p")
    assert f"{file}:2: " in told and place in told
    assert comparisons_in("p") == 0
    assert f"{file}:2: " in fails(capsys, "agreement", file)
    assert f"{file}:2: " in fails(capsys, "snapshot", "create", "--file", file)
    assert not (home / "snapshots").exists() or not list((home / "snapshots").iterdir())
    capsys.readouterr()
    assert main(["import", "comparisons", str(file), "--project", "p", "--skip-bad"]) == 0
    assert f"{file}:2: " in "".join(capsys.readouterr())
    assert comparisons_in("p") == 1


def test_one_id_with_other_content_is_an_error(home, tmp_path, capsys):
    main(["init"])
    main(["project", "create", "p"])
    first = jsonl(tmp_path / "first.jsonl", {**GOOD, "id": "c-1"})
    other = jsonl(tmp_path / "other.jsonl", {**GOOD, "id": "c-1", "prompt": "another"})
    assert main(["import", "comparisons", str(first), "--project", "p"]) == 0
    told = fails(capsys, "import", "comparisons", other, "--project", "p")
    assert f"{other}:1: " in told and "c-1" in told
    assert comparisons_in("p") == 1


def test_what_is_odd_but_legal_comes_in_and_is_counted(home, tmp_path, capsys):
    odd = [
        {"prompt": "1", "completions": [{"text": "only"}]},
        {"prompt": "2", "completions": [{"text": ""}, {"text": "b"}], "rankings": [{"annotator": "x", "ranks": [4, 2]}]},
        {"prompt": "3", "completions": [{"text": "b"}, {"text": "b"}], "rankings": [
            {"annotator": "x", "ranks": [1, 2]}, {"annotator": "x", "ranks": [2, 1]}]},
    ]  # fmt: skip
    main(["init"])
    main(["project", "create", "p"])
    capsys.readouterr()
    assert main(["import", "comparisons", str(jsonl(tmp_path / "odd.jsonl", *odd)), "--project", "p"]) == 0
    told = capsys.readouterr().out
    for words in ("empty completions: 1", "rankings with gaps: 1", "identical"):
        assert words in told, told
    assert comparisons_in("p") == 3


def comparisons_in(project: str) -> int:
    database = open_database(database_url())
    try:
        with database.reading() as session:
            return sum(count_project(session, get_project(session, project).id)["comparisons"].values())
    finally:
        database.dispose()
