"""Whole or absent: files, folders and checkpoints under errors, a full disk and hand edits."""

import json
import shutil
import subprocess

import pytest

from workbench.artifacts import hash_folder, write_file_aside, write_folder_aside
from workbench.checkpoints import (
    CheckpointInfo,
    Parent,
    checkpoint_hash,
    read_checkpoint,
    resolve_checkpoint,
    save_checkpoint,
)
from workbench.errors import AccordError, CheckpointError


def make(target, text="weights", run="r1", path="elsewhere"):
    info = CheckpointInfo(
        stage="sft", run=run, parents=(Parent(role="base", hash="ab", path=path),), extra={"bias": 0.5}
    )
    save_checkpoint(target, info, lambda folder: (folder / "model.safetensors").write_text(text) and None)
    return target


def test_a_file_is_whole_or_as_before(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), write_file_aside(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_text() == "old"
    with write_file_aside(path) as file:
        file.write(b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
    assert path.read_text() == "new"


def test_a_folder_is_whole_or_as_before(tmp_path):
    target = tmp_path / "c"
    with write_folder_aside(target) as folder:
        (folder / "a").write_text("1")
    with pytest.raises(KeyboardInterrupt), write_folder_aside(target) as folder:
        (folder / "a").write_text("2")
        raise KeyboardInterrupt
    assert (target / "a").read_text() == "1"
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_hash_of_a_folder_sees_names_and_content(tmp_path):
    (tmp_path / "a").write_text("1")
    first = hash_folder(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert hash_folder(tmp_path) != first
    assert hash_folder(tmp_path, leave_out=("b",)) == hash_folder(tmp_path / "nothing")


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 256 KiB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", mount], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"mounting a small disk needs root: {done.stderr.strip()}")
    yield mount
    # Lazily: torch's writer keeps a file open for as long as its error lives.
    subprocess.run(["umount", "--lazy", mount], check=True)


def test_a_disk_that_fills_leaves_the_old_checkpoint(small_disk):
    target = make(small_disk / "final")
    before = checkpoint_hash(target)
    with pytest.raises(AccordError, match="disk is full.*Free some space"):
        make(target, text="x" * 1_000_000)
    assert checkpoint_hash(target) == before
    assert read_checkpoint(target).stage == "sft"
    assert [path.name for path in small_disk.iterdir()] == ["final"]


def test_safetensors_on_a_full_disk_is_told_as_such(small_disk):
    import numpy as np
    from safetensors.numpy import save_file

    with pytest.raises(AccordError, match="disk is full"), write_folder_aside(small_disk / "c") as folder:
        save_file({"w": np.zeros(200_000, np.float32)}, folder / "model.safetensors")
    assert list(small_disk.iterdir()) == []


def test_torch_on_a_disk_that_a_larger_file_filled_is_told_as_such(small_disk):
    """torch names no space, and the larger file's is free again once the folder is removed."""
    import torch

    with pytest.raises(AccordError, match="disk is full"), write_folder_aside(small_disk / "c") as folder:
        (folder / "model.safetensors").write_bytes(b"0" * 200_000)
        torch.save(torch.zeros(50_000), folder / "optimizer.pt")
    assert list(small_disk.iterdir()) == []


def test_lineage_comes_back(tmp_path):
    info = read_checkpoint(make(tmp_path / "final"))
    assert (info.stage, info.run, info.parents[0].role, info.extra["bias"]) == ("sft", "r1", "base", 0.5)


def test_the_hash_does_not_know_where_or_under_which_name(tmp_path):
    one, two = make(tmp_path / "a"), make(tmp_path / "b", run="r2", path="other")
    assert (
        checkpoint_hash(one) == checkpoint_hash(two) != checkpoint_hash(make(tmp_path / "c", text="others"))
    )


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda c: (c / "model.safetensors").unlink(), "half copied: model.safetensors is missing"),
        (lambda c: (c / "model.safetensors").write_text("weig"), "has 4 bytes instead of 7"),
        (lambda c: (c / "model.safetensors").write_text("WEIGHTS"), "was changed after"),
        (lambda c: (c / "accord.json").unlink(), "accord.json cannot be read"),
        (lambda c: (c / "accord.json").write_text("{"), "is not JSON"),
        (lambda c: edit(c / "accord.json", "stage", "ppo"), "was edited by hand"),
        (lambda c: edit(c / "accord.json", "format", 9), "has format 9"),
    ],
)
def test_a_damaged_checkpoint_is_refused(tmp_path, damage, words):
    target = make(tmp_path / "final")
    damage(target)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(target)
    assert words in str(caught.value)
    assert str(target) in str(caught.value)


def edit(path, key, value):
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))


def test_references_resolve(home):
    target = make(home / "runs" / "sft-1" / "checkpoints" / "final")
    assert resolve_checkpoint("sft-1") == target
    assert resolve_checkpoint(target) == target
    assert resolve_checkpoint(checkpoint_hash(target)[:12]) == target
    with pytest.raises(CheckpointError, match="accord runs list"):
        resolve_checkpoint("nothing")
    with pytest.raises(CheckpointError, match="Did you mean 'sft-1'"):
        resolve_checkpoint("sft1")
    shutil.rmtree(target)
    target.mkdir()
    with pytest.raises(CheckpointError, match="neither accord.json nor config.json"):
        resolve_checkpoint(target)
