"""Snapshots on disk: reading, verifying, and what an edit or a half copy says."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.record_strategies import comparisons, texts
from workbench.errors import RecordError, SnapshotError
from workbench.identity import split_of, with_ids
from workbench.jsonl import write_comparisons
from workbench.parquet import from_row, to_row
from workbench.records import Comparison, Completion, Message, Ranking
from workbench.selection import LabelFilter, Selection, SplitRule
from workbench.snapshots import MANIFEST, TABLE, open_snapshot, snapshot_from_file, write_snapshot


def made(n=40):
    """Comparisons with distinct prompts, sorted by id."""
    return [
        Comparison(
            id=f"c{i:03}",
            prompt=(Message("user", f"question {i}"),),
            completions=(Completion("a"), Completion("b")),
            rankings=(Ranking(id=f"r{i}", annotator="x", ranks=(1, 2), note="private"),),
        )
        for i in range(n)
    ]


def select(comparisons, **more):
    return Selection(comparisons=comparisons, labels=LabelFilter(), splits=SplitRule(), salt="s", **more)


@pytest.fixture
def snapshot(tmp_path):
    return write_snapshot(select(made()), folder=tmp_path / "snapshots")


def test_it_reads_back_what_went_in_but_notes(snapshot):
    wanted = [replace(c, rankings=tuple(replace(r, note=None) for r in c.rankings)) for c in made()]
    assert list(snapshot.comparisons()) == wanted


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(comparison=comparisons().map(with_ids))
def test_rows_keep_everything_but_notes(comparison):
    bare = replace(comparison, rankings=tuple(replace(r, note=None) for r in comparison.rankings))
    assert from_row(to_row(comparison, "train")) == bare


def test_the_split_follows_the_opening_turn(snapshot):
    """Every comparison is in one split, the one that the hash of its prompt and the salt says."""
    parts = {split: list(snapshot.comparisons(split)) for split in ("train", "validation", "test")}
    assert sum(map(len, parts.values())) == 40
    for split, members in parts.items():
        assert all(split_of(c.prompt, "s", SplitRule().fractions) == split for c in members)
        assert snapshot.manifest["splits"]["counts"][split]["comparisons"] == len(members)
    with pytest.raises(ValueError, match="split must be one of train, validation, test, got 'dev'"):
        snapshot.comparisons("dev")


def test_the_hash_depends_on_content_and_split_and_nothing_else(tmp_path):
    def hash_of(comparisons, place, salt="s"):
        selection = replace(select(comparisons), salt=salt)
        return write_snapshot(selection, folder=tmp_path / place).content_hash

    base = hash_of(made(), "a")
    renoted = [replace(c, rankings=tuple(replace(r, note="other") for r in c.rankings)) for c in made()]
    assert hash_of(renoted, "b") == base
    changed = [replace(made()[0], completions=(Completion("a"), Completion("c"))), *made()[1:]]
    assert hash_of(changed, "c") != base
    assert hash_of(made(), "d", salt="other") != base


def test_the_hash_stays_what_it_was(tmp_path):
    """A change of this value is a change of the format: it renames every snapshot that anyone has."""
    assert write_snapshot(select(made(3)), folder=tmp_path).content_hash == (
        "96d1daa4acd58b46f1a83d7a96e5e45be123d0b0fe43e1cec3eab77a5a0c7932"
    )


def test_it_is_found_by_the_start_of_its_hash(home):
    snapshot = write_snapshot(select(made()))
    assert snapshot.path.parent == home / "snapshots"
    for reference in (snapshot.path, str(snapshot.path), snapshot.content_hash, snapshot.content_hash[:6]):
        assert open_snapshot(reference).content_hash == snapshot.content_hash
    for reference in ("ffffffff", snapshot.content_hash[:5], "no/folder"):
        with pytest.raises(SnapshotError, match="accord snapshot create"):
            open_snapshot(reference)


def test_an_edited_table_is_refused(snapshot):
    table = snapshot.path / TABLE
    data = bytearray(table.read_bytes())
    data[len(data) // 2] ^= 1
    table.write_bytes(data)
    with pytest.raises(
        SnapshotError, match=rf"{TABLE} was changed .* make a new one with 'accord snapshot create'"
    ):
        open_snapshot(snapshot.path)
    open_snapshot(snapshot.path, verify=False)


@pytest.mark.parametrize("key", ["content_hash", "filter", "annotators", "file", "includes_evaluation"])
def test_an_edited_manifest_is_refused(snapshot, key):
    path = snapshot.path / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest[key] = "edited"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(SnapshotError, match=rf"{MANIFEST} was changed after"):
        open_snapshot(snapshot.path)


@pytest.mark.parametrize("name", [TABLE, MANIFEST])
def test_a_half_copied_snapshot_is_refused(snapshot, name):
    (snapshot.path / name).unlink()
    with pytest.raises(SnapshotError, match=name):
        open_snapshot(snapshot.path)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 2}'])
def test_a_broken_manifest_is_refused(snapshot, text):
    (snapshot.path / MANIFEST).write_text(text, encoding="utf-8")
    with pytest.raises(SnapshotError, match=MANIFEST):
        open_snapshot(snapshot.path)


def test_an_error_half_way_leaves_nothing(tmp_path):
    def broken():
        yield from made(10)
        raise OSError("the database went away")

    with pytest.raises(OSError, match="went away"):
        write_snapshot(select(broken()), folder=tmp_path / "snapshots")
    assert list((tmp_path / "snapshots").iterdir()) == []


def test_another_snapshot_in_the_place_is_left_alone(tmp_path):
    first = write_snapshot(select(made(3)), target=tmp_path / "here")
    with pytest.raises(SnapshotError, match="holds another snapshot"):
        write_snapshot(select(made(4)), target=tmp_path / "here")
    assert open_snapshot(tmp_path / "here").content_hash == first.content_hash
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_a_file_freezes_like_its_records(tmp_path):
    path = tmp_path / "in.jsonl.gz"
    write_comparisons(path, reversed(made()))
    from_file = snapshot_from_file(path, folder=tmp_path / "a", salt="s")
    assert from_file.content_hash == write_snapshot(select(made()), folder=tmp_path / "b").content_hash


def test_many_rows_keep_their_order(tmp_path):
    """1,998 comparisons are two row groups."""
    snapshot = write_snapshot(
        select(made(999) + [replace(c, id=f"d{c.id}") for c in made(999)]), folder=tmp_path
    )
    ids = [c.id for c in snapshot.comparisons()]
    assert ids == sorted(ids) and len(ids) == 1998


@pytest.mark.parametrize("shares", [(-0.1, 0.1), (0.5, 0.5), (0.0, 1.0)])
def test_shares_must_leave_some_for_train(shares):
    with pytest.raises(ValueError, match="leave some for train"):
        SplitRule(validation=shares[0], test=shares[1])


@given(st.lists(texts, max_size=5))
def test_a_prompt_never_changes_split(prompts):
    """The longer form of a conversation is where its opening turn is."""
    rule = SplitRule(validation=0.3, test=0.3).fractions
    for text in prompts:
        longer = (Message("user", text), Message("assistant", "yes"), Message("user", "and?"))
        assert split_of(text, "s", rule) == split_of(longer, "s", rule)


def test_lines_of_one_comparison_merge_in_a_file(tmp_path):
    """Two lines with the same id: their rankings come together; another prompt under the id is refused."""
    path = tmp_path / "in.jsonl"
    one = made(1)[0]
    other = replace(one, rankings=(Ranking(id="new", annotator="y", ranks=(2, 1)),))
    write_comparisons(path, [one, other, one])
    (back,) = snapshot_from_file(path, folder=tmp_path / "a").comparisons()
    assert [r.id for r in back.rankings] == ["new", "r0"]
    write_comparisons(path, [one, replace(one, prompt="else")])
    with pytest.raises(RecordError, match="'c000' stands in the file with two contents"):
        snapshot_from_file(path, folder=tmp_path / "b")
    write_comparisons(path, [one, replace(one, rankings=(replace(one.rankings[0], ranks=(2, 1)),))])
    with pytest.raises(RecordError, match="'r0' of comparison 'c000' stands for two different rankings"):
        snapshot_from_file(path, folder=tmp_path / "c")
