"""Packing and reading: nothing lost, nothing twice, the same rows for everybody, and no folder half written."""

import functools
import itertools
import json
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.pack import is_held_out, pack, plan_rows
from pretrain.tokenizer import save_tokenizer, train_tokenizer
from tests.words import WORDS
from workbench.errors import DataError
from workbench.shards import PackedText, row_numbers
from workbench.text_input import Document


def stories(count, longest=60):
    rng = np.random.default_rng(0)
    return [
        Document(f"{i} " + " ".join(rng.choice(WORDS, rng.integers(1, longest))) + ".", f"stories.txt:{i}")
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer") / "t"
    save_tokenizer(train_tokenizer([d.text for d in stories(50)], vocab_size=300), folder)
    return folder


@pytest.fixture(scope="module")
def packed(tokenizer, tmp_path_factory):
    target = tmp_path_factory.mktemp("packed") / "p"
    pack(
        [*stories(200), Document(" \n", "stories.txt:999")],
        tokenizer,
        target,
        context=31,
        validation_fraction=0.2,
        shard_tokens=1000,
    )
    return PackedText(target)


@given(st.lists(st.integers(2, 200), min_size=1, max_size=60), st.sampled_from([12, 33, 65]))
@settings(max_examples=80, deadline=None)
def test_a_plan_uses_every_token_once_and_fills_the_rows(lengths, row_length):
    starts = np.cumsum(lengths) - lengths
    pieces, rows = plan_rows(starts, lengths, row_length)
    taken = np.concatenate([np.arange(start, start + length) for start, length in pieces])
    assert sorted(taken) == list(range(sum(lengths)))
    sizes = [length + (start not in starts) for start, length in pieces]
    for first, last in itertools.pairwise(rows):
        assert 0 < sum(sizes[first:last]) <= row_length
    # Short pieces are what documents were, never what a cut left.
    shortest = min(32, row_length // 4)
    whole = set(zip(starts.tolist(), lengths, strict=True))
    assert all(
        size >= shortest or tuple(piece) in whole for size, piece in zip(sizes, pieces.tolist(), strict=True)
    )


def test_long_documents_are_cut_not_cropped_by_hand():
    # 10 tokens in rows of 6: six; then a fresh bos and the last four.
    pieces, rows = plan_rows([0], [10], 6)
    assert pieces.tolist() == [[0, 6], [6, 4]]
    assert rows.tolist() == [0, 1, 2]
    # Best fit: with 5 and 3 and 2 tokens and rows of 5, the 5 stands alone and 3 + 2 share a row.
    pieces, rows = plan_rows([0, 3, 8], [3, 5, 2], 5)
    assert pieces.tolist() == [[3, 5], [0, 3], [8, 2]]
    assert rows.tolist() == [0, 1, 3]


def test_rows_hold_all_text_of_their_split(packed, tokenizer):
    from pretrain.tokenizer import load_tokenizer

    tok = load_tokenizer(tokenizer)
    assert len(packed.manifest["shards"]) > 3
    assert packed.manifest["empty_documents"] == 1
    for split in ("train", "validation"):
        rows = packed.rows(split, list(range(packed.num_rows(split))))
        assert rows.shape[1] == 32
        assert (rows[:, 0] == packed.bos).all()
        targets = (rows != packed.bos) & (rows != packed.pad)
        assert targets.sum() == packed.num_targets(split)
        want = [d.text for d in stories(200) if is_held_out(d.text, 0.2) == (split == "validation")]
        assert sum(len(text.encode()) for text in want) == packed.num_bytes(split)
        decoded = "".join(tok.decode(row, skip_special_tokens=True) for row in rows)
        assert sorted(decoded) == sorted("".join(want))
        assert targets.mean() > 0.9


def test_places_name_the_documents_of_a_row(packed, tokenizer):
    from pretrain.tokenizer import load_tokenizer

    tok = load_tokenizer(tokenizer)
    by_place = {d.place: d.text for d in stories(200)}
    for number in (0, packed.num_rows("train") // 2, packed.num_rows("train") - 1):
        text = tok.decode(packed.rows("train", [number])[0], skip_special_tokens=True)
        places = packed.places("train", number)
        assert places and all(by_place[place][:8] in text or text[:8] in by_place[place] for place in places)


def test_packing_again_gives_the_same_hash(packed, tokenizer, tmp_path):
    documents = [Document(d.text, f"elsewhere.jsonl:{i}") for i, d in enumerate(stories(200))]
    again = pack(
        [*documents, Document("", "x")],
        tokenizer,
        tmp_path / "p",
        context=31,
        validation_fraction=0.2,
        shard_tokens=1000,
    )
    assert again["hash"] == packed.hash
    other = pack(documents[1:], tokenizer, tmp_path / "q", context=31, validation_fraction=0.2)
    assert other["hash"] != packed.hash


def test_damage_is_found_and_named(tokenizer, tmp_path):
    folder = tmp_path / "p"
    pack(stories(60), tokenizer, folder, context=31, validation_fraction=0.2)
    shard = folder / "tokens-00000.bin"
    data = bytearray(shard.read_bytes())
    data[10] ^= 1
    shard.write_bytes(data)
    with pytest.raises(DataError, match=r"tokens-00000.bin was changed"):
        PackedText(folder)
    PackedText(folder, verify=False)
    shard.write_bytes(data[:-2])
    with pytest.raises(DataError, match=r"tokens-00000.bin is missing or not whole"):
        PackedText(folder, verify=False)
    with pytest.raises(DataError, match="is no packed text"):
        PackedText(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text()) | {"format": 99}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="format 99"):
        PackedText(folder)


def test_nothing_is_left_after_an_error(tokenizer, tmp_path):
    def broken():
        yield from stories(5)
        raise DataError("line 6 is bad")

    for documents, message in [(broken(), "line 6"), ([], "no text"), (stories(1), "none of 1 documents")]:
        with pytest.raises(DataError, match=message):
            pack(documents, tokenizer, tmp_path / "p", context=31, validation_fraction=0.01)
    assert list(tmp_path.iterdir()) == []


def test_order_is_a_permutation_of_every_epoch():
    first = row_numbers(7, 0, 10, 10)
    second = row_numbers(7, 10, 10, 10)
    assert sorted(first) == sorted(second) == list(range(10))
    assert first.tolist() != second.tolist() != sorted(second)
    assert row_numbers(8, 0, 10, 10).tolist() != first.tolist()
    # Known values: the order must not change between versions.
    assert first.tolist() == [8, 5, 3, 2, 9, 7, 6, 0, 1, 4]
    # Any cutting into batches and processes reads the same rows.
    whole = row_numbers(7, 0, 60, 10).tolist()
    for size in (1, 4, 7, 60):
        parts = [row_numbers(7, at, min(size, 60 - at), 10).tolist() for at in range(0, 60, size)]
        assert functools.reduce(operator.iadd, parts, []) == whole
    with pytest.raises(ValueError, match="1 or more"):
        row_numbers(0, 0, 1, 0)
