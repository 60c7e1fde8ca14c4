"""Shards: tokenised documents on disk, and the rows that a trainer reads from them in an order that is a formula.

A packed folder holds
    manifest.json            what is in it: sizes and hashes of all files, tokenizer, row length, counts
    tokens-00000.bin ...     the tokens of all documents, one after another: bos, text, eos; uint16 or uint32
    documents.parquet        start, tokens, bytes, place and split of every document
    <split>-pieces.npy       (P, 2) int64: first token in the stream and number of tokens of every piece
    <split>-rows.npy         (R + 1,) int64: row r is made of the pieces rows[r] to rows[r + 1]
    tokenizer/               the tokenizer that made the tokens

A row has `row_length` tokens: pieces, each beginning with a bos (one is put before a piece that starts inside a
document), then padding. `pretrain.pack` writes the folder.
"""

import json
from bisect import bisect_right
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.artifacts import hash_file
from workbench.errors import DataError

MANIFEST = "manifest.json"
FORMAT = 1
SPLITS = ("train", "validation")

Int64 = NDArray[np.int64]


class PackedText:
    """An open packed folder; the token files are mapped into memory, not read."""

    def __init__(self, folder: str | Path, *, verify: bool = True) -> None:
        """Open `folder`; with `verify` every file is checked against its SHA-256, else against its size only."""
        self.folder = Path(folder)
        self.manifest = read_manifest(self.folder, verify=verify)
        self.row_length = int(self.manifest["row_length"])
        self.bos, self.pad = int(self.manifest["bos_token_id"]), int(self.manifest["pad_token_id"])
        self.hash = str(self.manifest["hash"])
        dtype = np.dtype(self.manifest["dtype"])
        names = self.manifest["shards"]
        self._shards = [np.memmap(self.folder / name, dtype=dtype, mode="r") for name in names]
        self._firsts = [0, *np.cumsum([len(shard) for shard in self._shards]).tolist()]
        self._pieces = {split: self._array(f"{split}-pieces.npy") for split in SPLITS}
        self._rows = {split: self._array(f"{split}-rows.npy") for split in SPLITS}

    @property
    def tokenizer(self) -> Path:
        """The folder of the tokenizer."""
        return self.folder / "tokenizer"

    def num_rows(self, split: str) -> int:
        """How many rows a split has."""
        return len(self._rows[split]) - 1

    def num_bytes(self, split: str) -> int:
        """UTF-8 bytes of the split's text; every one of them is in exactly one row."""
        return int(self.manifest["splits"][split]["bytes"])

    def num_targets(self, split: str) -> int:
        """Tokens of the split that are predicted: text and eos. A bos never is one."""
        return int(self.manifest["splits"][split]["targets"])

    def rows(self, split: str, numbers: Int64 | list[int]) -> Int64:
        """The rows of these numbers, (B, row_length) token ids."""
        out = np.full((len(numbers), self.row_length), self.pad, dtype=np.int64)
        for line, number in zip(out, numbers, strict=True):
            at = 0
            for start, length in self._row_pieces(split, int(number)):
                tokens = self._tokens(start, length)
                if tokens[0] != self.bos:
                    line[at] = self.bos
                    at += 1
                line[at : at + length] = tokens
                at += length
        return out

    def places(self, split: str, number: int) -> list[str]:
        """Where the documents of a row come from: file:line of each."""
        import pyarrow.parquet as pq

        table = pq.read_table(self.folder / "documents.parquet", columns=["start", "place"])
        starts = table.column("start").to_numpy()
        found = [bisect_right(starts, start) - 1 for start, _ in self._row_pieces(split, number)]
        return [str(table.column("place")[i]) for i in dict.fromkeys(found)]

    def _row_pieces(self, split: str, number: int) -> list[tuple[int, int]]:
        first, last = self._rows[split][number : number + 2]
        return [(int(start), int(length)) for start, length in self._pieces[split][first:last]]

    def _tokens(self, start: int, length: int) -> NDArray[Any]:
        shard = bisect_right(self._firsts, start) - 1
        offset = start - self._firsts[shard]
        return self._shards[shard][offset : offset + length]

    def _array(self, name: str) -> Int64:
        array: Int64 = np.load(self.folder / name, mmap_mode="r")
        return array


def read_manifest(folder: Path, *, verify: bool) -> dict[str, Any]:
    """The manifest of a packed folder; DataError where the folder is not one, or not whole."""
    way_out = "Pack the text again with 'accord pretrain pack'"
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise DataError(
            f"{folder} is no packed text: {MANIFEST} cannot be read ({error}). {way_out}"
        ) from error
    if manifest.get("format") != FORMAT:
        raise DataError(
            f"{folder} has format {manifest.get('format')!r}; this version reads {FORMAT}. {way_out}"
        )
    for name, facts in manifest["files"].items():
        file = folder / name
        if not file.is_file() or file.stat().st_size != facts["size"]:
            raise DataError(f"{file} is missing or not whole. {way_out}")
        if verify and hash_file(file) != facts["sha256"]:
            raise DataError(f"{file} was changed after it was written (SHA-256 differs). {way_out}")
    return manifest


def row_numbers(seed: int, first: int, count: int, num_rows: int) -> Int64:
    """The rows at places `first` to `first + count` of the endless order: every epoch a new permutation of all rows.

    A pure function of its arguments, whatever numpy's version and however many processes ask: so one integer, the
    number of rows used, is all that a resumed run needs to go on exactly, on any number of processes.
    """
    if num_rows < 1:
        raise ValueError(f"num_rows must be 1 or more, got {num_rows}")
    places = np.arange(first, first + count, dtype=np.int64)
    epochs, within = np.divmod(places, num_rows)
    out = np.empty(count, dtype=np.int64)
    for epoch in np.unique(epochs):
        chosen = epochs == epoch
        out[chosen] = _permutation(seed, int(epoch), num_rows)[within[chosen]]
    return out


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, num_rows: int) -> Int64:
    """The rows of an epoch in order of a hash of (seed, epoch, row)."""
    with np.errstate(over="ignore"):
        base = _mix(_mix(np.uint64(seed % 2**64)) + np.uint64(epoch))
        keys = _mix(base ^ np.arange(num_rows, dtype=np.uint64))
    return np.argsort(keys, kind="stable")


def _mix(x: Any) -> Any:
    """The finaliser of splitmix64 (Steele et al. 2014): a bijection of 64-bit integers that looks random."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
