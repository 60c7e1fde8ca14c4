"""The command line as a person meets it: help, exit codes, and speed of `--help`."""

import os
import signal
import subprocess
import sys
from importlib import import_module

import pytest

from cli.main import COMMANDS, main, split_command


def test_help_lists_every_command_and_loads_no_torch():
    code = "import sys; from cli.main import main; main(['--help']); assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_and_no_torch(name):
    code = (
        "import sys\nfrom cli.main import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit as stop: assert stop.code in (0, None)\n"
        "assert 'torch' not in sys.modules, 'torch was imported before parsing'"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *name.split(), "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"accord {name}" in done.stdout
    assert "Example:" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_handler_exists(name):
    module, function = COMMANDS[name].handler.split(":")
    assert callable(getattr(import_module(module), function))


def test_wrong_use_is_2(capsys):
    assert main(["rewrd", "train"]) == 2
    assert "did you mean 'accord reward train'?" in capsys.readouterr().err
    assert main(["import"]) == 2
    assert "import comparisons" in capsys.readouterr().err
    assert main(["snapshot", "show", "--nonsense"]) == 2


def test_failure_is_1_and_names_the_way_out(home, capsys):
    assert main(["snapshot", "show", "nothing"]) == 1
    assert "nothing" in capsys.readouterr().err


@pytest.mark.parametrize("processes", ["0", "2"])
def test_sqlite_is_served_by_one_process(home, monkeypatch, capsys, processes):
    monkeypatch.setenv("ACCORD_ENVIRONMENT", "development")
    assert main(["init"]) == 0
    capsys.readouterr()
    assert main(["serve", "--processes", processes]) == 2
    told = capsys.readouterr().err
    assert f"--processes {processes}" in told and "PostgreSQL" in told


def test_two_words_before_one():
    assert split_command(["export", "trl", "--x"]) == ("export trl", ["--x"])
    assert split_command(["agreement", "file.jsonl"]) == ("agreement", ["file.jsonl"])


def test_an_interrupted_import_promises_no_checkpoint(home, tmp_path):
    assert main(["init"]) == 0 and main(["project", "create", "p"]) == 0
    pipe = tmp_path / "c.jsonl"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "cli", "import", "comparisons", str(pipe), "--project", "p"]
    # A command inherits that SIGINT is ignored, as it is for whatever a shell starts in the background.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    # The pipe opens once the command reads it.
    with process, pipe.open("wb"):
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=60)[1]
    assert (process.returncode, told) == (130, "accord import comparisons: interrupted\n")
