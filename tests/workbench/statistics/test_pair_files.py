"""A file of rankings read in parts: what comes out is what one process reads, down to the order of every name."""

import dataclasses
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.panels import random_comparisons
from workbench.errors import DataError, RecordError
from workbench.jsonl import FilePart, cut_file, read_comparisons, write_comparisons
from workbench.records import Comparison
from workbench.statistics.excerpts import Excerpts
from workbench.statistics.pair_files import _Helper, _read, join, read_in_parts, read_pairs
from workbench.statistics.pair_reader import PairReader, expand_pairs


def varied(seed: int) -> list[Comparison]:
    """Random comparisons with all that a reader keeps count of: orders, times, guidelines, skips, twins, gold, tags."""
    rng = np.random.default_rng(seed)
    out = []
    for i, base in enumerate(random_comparisons(seed, 40)):
        k = len(base.completions)
        rankings = tuple(
            dataclasses.replace(
                ranking,
                annotator_kind=("person", "model", "adjudicator")[int(rng.choice(3, p=(0.7, 0.2, 0.1)))],
                order=tuple(rng.permutation(k).tolist()) if rng.random() < 0.5 else None,
                guideline=("v1", "v2", None)[int(rng.integers(3))],
                seconds=float(rng.integers(90)) if rng.random() < 0.5 else None,
                at=("2026-01-05T09:00:52+00:00", "yesterday", None)[int(rng.integers(3))],
                **({"outcome": "skipped", "ranks": None} if rng.random() < 0.1 else {}),
            )
            for ranking in base.rankings
        )
        twins = k > 1 and rng.random() < 0.3
        completions = (*base.completions[:-1], base.completions[0]) if twins else base.completions
        out.append(
            dataclasses.replace(
                base,
                completions=tuple(
                    dataclasses.replace(completion, source=("m",) if rng.random() < 0.2 else ())
                    for completion in completions
                ),
                rankings=rankings,
                tags={"language": "de"} if i % 3 else {},
                kind="gold" if rng.random() < 0.1 else "ordinary",
            )
        )
    return out


def same(one: Any, two: Any) -> bool:
    """Whether two values are equal through and through, the order of dictionaries and the types of arrays with them."""
    if isinstance(one, np.ndarray):
        return one.dtype == two.dtype and np.array_equal(one, two, equal_nan=one.dtype.kind == "f")
    if dataclasses.is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(two, f.name)) for f in dataclasses.fields(one))
    if isinstance(one, dict):
        return list(one.items()) == list(two.items())
    if isinstance(one, Sequence | Excerpts) and not isinstance(one, str):
        return len(one) == len(two) and all(same(a, b) for a, b in zip(list(one), list(two), strict=True))
    return bool(one == two)


@pytest.mark.parametrize("seed", range(8))
def test_parts_join_to_the_whole(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "c.jsonl"
    write_comparisons(path, varied(seed))
    whole = expand_pairs(read_comparisons(path))
    for parts in (1, 2, 3, 7):
        reader = PairReader()
        for part in cut_file(path, parts):
            join(reader, _read(path, part))
        found = reader.labels()
        for field in dataclasses.fields(whole):
            assert same(getattr(found, field.name), getattr(whole, field.name)), (parts, field.name)


@pytest.mark.parametrize(
    "lines", [b"", b"a", b"a\n", b"\n\n\n", b"a\nbbbbbbbbbbbbbb\nc", b"aaaaaaaaaaaaaaaa\nb\n"]
)
def test_every_line_is_in_one_part(tmp_path: Path, lines: bytes) -> None:
    path = tmp_path / "c.jsonl"
    path.write_bytes(lines)
    for parts in range(1, 9):
        cut = cut_file(path, parts)
        assert cut[0].begin == 0 and cut[-1].end is None
        assert [part.end for part in cut[:-1]] == [part.begin for part in cut[1:]]
        assert all(part.begin == 0 or lines[part.begin - 1 : part.begin] == b"\n" for part in cut)
        assert all(part.begin < len(lines) for part in cut[1:])


def test_a_part_counts_its_lines_from_the_beginning_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    lines = ['\ufeff{"prompt": "p", "completions": [{"text": "a"}]}', "", "[]", "", "{"]
    path.write_bytes("\r\n".join(lines).encode())
    for begin, place in ((0, "c.jsonl:3: must be"), (len(lines[0].encode()) + 2, "c.jsonl:3: must be")):
        with pytest.raises(RecordError, match=place):
            list(read_comparisons(path, part=FilePart(begin)))
    begin = path.read_bytes().index(b"[]") + 4
    with pytest.raises(RecordError, match="c.jsonl:5: not JSON"):
        list(read_comparisons(path, part=FilePart(begin)))


def test_processes_read_what_one_reads_and_say_where_a_line_is_bad(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    write_comparisons(path, [c for seed in range(3) for c in varied(seed)])
    found, whole = read_in_parts(path, 2), expand_pairs(read_comparisons(path))
    assert all(same(getattr(found, f.name), getattr(whole, f.name)) for f in dataclasses.fields(whole))

    lines = path.read_bytes().splitlines()
    lines[-2] = b'{"prompt": "p", "completions": [{"text": 5}]}'
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(RecordError) as single:
        expand_pairs(read_comparisons(path))
    with pytest.raises(RecordError) as parted:
        read_in_parts(path, 2)
    assert str(parted.value) == str(single.value)
    assert f"c.jsonl:{len(lines) - 1}: field 'completions[0].text': must be a string, got 5" in str(
        parted.value
    )


def test_a_process_that_dies_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    write_comparisons(path, varied(0))
    helper = _Helper(path, FilePart())
    os.kill(int(helper.process.pid or 0), signal.SIGKILL)
    began = time.monotonic()
    with pytest.raises(DataError, match=r"read a part of .*c\.jsonl died with exit code -9"):
        helper.result()
    assert time.monotonic() - began < 20
    helper.end()


def test_a_small_or_missing_file_costs_no_process(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl.gz"
    write_comparisons(path, varied(0))
    assert read_pairs(path).counts["comparisons"] == 40
    with pytest.raises(DataError, match="cannot read .*nothing"):
        read_pairs(tmp_path / "nothing.jsonl")
