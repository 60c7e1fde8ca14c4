"""Pack: documents to token shards, and the plan of rows that a trainer reads (the folder of `workbench.shards`)."""

import hashlib
import json
import shutil
from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pretrain.tokenizer import load_tokenizer, text_encoder
from workbench.artifacts import hash_file, list_files, write_folder_aside
from workbench.errors import DataError
from workbench.identity import content_hash
from workbench.shards import FORMAT, MANIFEST, SPLITS
from workbench.text_input import Document

SHARD_TOKENS = 100_000_000
SHORTEST_PIECE = 32
"""No document is cut so that fewer tokens than this stand alone: they would teach beginnings that are none."""
_BATCH = 1024
_COLUMNS = pa.schema(
    [
        ("start", pa.int64()),
        ("tokens", pa.int64()),
        ("bytes", pa.int64()),
        ("place", pa.string()),
        ("split", pa.string()),
    ]
)


def pack(
    documents: Iterable[Document],
    tokenizer_folder: str | Path,
    target: str | Path,
    *,
    context: int,
    validation_fraction: float,
    shard_tokens: int = SHARD_TOKENS,
) -> dict[str, Any]:
    """Write the documents as a packed folder at `target`, whole or not at all, and return its manifest.

    Rows have context + 1 tokens. A document is held out (all of it) by the hash of its text, so copies of one text are
    on one side. Documents of white space only are left out and counted. DataError where no document is left for
    training, or none is held out though a share was asked for.
    """
    if context < 8:
        raise ValueError(f"context must be 8 tokens or more, got {context}")
    tokenizer = load_tokenizer(tokenizer_folder)
    dtype = "<u2" if len(tokenizer) <= 2**16 else "<u4"
    with write_folder_aside(target) as folder:
        shutil.copytree(tokenizer_folder, folder / "tokenizer")
        starts, lengths, held_out, sizes, empty = _write_tokens(
            documents, tokenizer, folder, dtype, validation_fraction, shard_tokens
        )
        splits = {}
        for split in SPLITS:
            mine = held_out == (split == "validation")
            if not mine.any() and (split == "train" or validation_fraction > 0):
                raise DataError(_no_documents(split, len(starts), validation_fraction))
            pieces, rows = plan_rows(starts[mine], lengths[mine], context + 1)
            np.save(folder / f"{split}-pieces.npy", pieces)
            np.save(folder / f"{split}-rows.npy", rows)
            # Every document has one bos, which is no target.
            splits[split] = {
                "documents": int(mine.sum()),
                "bytes": int(sizes[mine].sum()),
                "targets": int(lengths[mine].sum() - mine.sum()),
                "rows": len(rows) - 1,
                "pieces": len(pieces),
            }
        manifest = {
            "format": FORMAT,
            "row_length": context + 1,
            "dtype": dtype,
            "vocab_size": len(tokenizer),
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            "validation_fraction": validation_fraction,
            "empty_documents": empty,
            "splits": splits,
            "shards": sorted(path.name for path in folder.glob("tokens-*.bin")),
            "files": {
                path.as_posix(): {"size": (folder / path).stat().st_size, "sha256": hash_file(folder / path)}
                for path in list_files(folder)
            },
        }
        # documents.parquet holds paths and its bytes depend on pyarrow: what is trained on does not.
        named = {name: facts for name, facts in manifest["files"].items() if name != "documents.parquet"}
        manifest["hash"] = content_hash(manifest | {"files": named})
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


def is_held_out(text: str, fraction: float) -> bool:
    """Whether a document is kept for validation: by the hash of its text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") < fraction * 2**64


def plan_rows(
    starts: Sequence[int] | NDArray[np.int64], lengths: Sequence[int] | NDArray[np.int64], row_length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lay documents (first token, number of tokens, bos included) into rows: pieces (P, 2) and rows (R + 1,).

    Best fit, longest first: each row takes the longest piece that still fits, again and again. A document longer than
    a row is cut, never cropped; every cut costs one token, the fresh bos that the next piece gets. A hole that
    no piece fits is filled by cutting one, or left as padding where a part would be under SHORTEST_PIECE tokens.
    Every token of every document is in exactly one piece.
    """
    shortest = min(SHORTEST_PIECE, row_length // 4)
    waiting: dict[int, list[tuple[int, int, int]]] = defaultdict(
        list
    )  # (start, length, fresh bos) by size in a row
    sizes: list[int] = []  # the sizes that are waiting, in order

    def put(start: int, length: int, fresh: int) -> None:
        if not waiting[length + fresh]:
            insort(sizes, length + fresh)
        waiting[length + fresh].append((start, length, fresh))

    def take(size: int) -> tuple[int, int, int]:
        piece = waiting[size].pop()
        if not waiting[size]:
            sizes.remove(size)
        return piece

    # Backwards: pieces are taken from the end, so that rows come in the order of the documents.
    for start, length in reversed(list(zip(map(int, starts), map(int, lengths), strict=True))):
        for piece in reversed(_cut(start, length, row_length, shortest)):
            put(*piece)
    pieces: list[tuple[int, int]] = []
    rows = [0]
    while sizes:
        room = row_length
        while room and sizes:
            fitting = bisect_right(sizes, room) - 1
            if fitting >= 0:
                start, length, fresh = take(sizes[fitting])
            else:
                part = min(room, sizes[-1] - shortest)
                if part < shortest:
                    break
                start, whole, fresh = take(sizes[-1])
                length = part - fresh
                put(start + length, whole - length, 1)
            pieces.append((start, length))
            room -= length + fresh
        rows.append(len(pieces))
    return np.array(pieces, dtype=np.int64).reshape(-1, 2), np.array(rows, dtype=np.int64)


def _cut(start: int, length: int, row_length: int, shortest: int) -> list[tuple[int, int, int]]:
    """A document as pieces (start, length, fresh bos) of at most a row each."""
    pieces: list[tuple[int, int, int]] = []
    fresh = 0
    while length + fresh > row_length:
        taken = row_length - fresh
        taken -= max(shortest - (length - taken), 0)
        pieces.append((start, taken, fresh))
        start, length, fresh = start + taken, length - taken, 1
    return [*pieces, (start, length, fresh)]


def _write_tokens(
    documents: Iterable[Document],
    tokenizer: Any,
    folder: Path,
    dtype: str,
    validation_fraction: float,
    shard_tokens: int,
) -> tuple[Any, Any, Any, Any, int]:
    """Token files and documents.parquet; start, tokens, held out, bytes of every document, and how many were empty."""
    encoder = text_encoder(tokenizer)
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    start = empty = 0
    columns: dict[str, list[NDArray[Any]]] = {"start": [], "tokens": [], "bytes": [], "held_out": []}
    with (
        pq.ParquetWriter(folder / "documents.parquet", _COLUMNS) as index,
        _ShardWriter(folder, shard_tokens) as out,
    ):
        for batch in _batches(documents):
            kept = [document for document in batch if document.text.strip()]
            empty += len(batch) - len(kept)
            if not kept:
                continue
            encoded = encoder.encode_batch_fast(
                [document.text for document in kept], add_special_tokens=False
            )
            tokens = np.array([len(one.ids) + 2 for one in encoded], dtype=np.int64)
            for one in encoded:
                out.write(np.array([bos, *one.ids, eos], dtype=dtype))
            held = np.array([is_held_out(document.text, validation_fraction) for document in kept])
            rows = {
                "start": start + np.cumsum(tokens) - tokens,
                "tokens": tokens,
                "bytes": np.array([len(document.text.encode()) for document in kept], dtype=np.int64),
                "held_out": held,
            }
            start += int(tokens.sum())
            for name, values in rows.items():
                columns[name].append(values)
            index.write_batch(
                pa.record_batch(
                    {
                        **{name: rows[name] for name in ("start", "tokens", "bytes")},
                        "place": [document.place for document in kept],
                        "split": np.where(held, "validation", "train"),
                    },
                    schema=_COLUMNS,
                )
            )
    if not start:
        raise DataError(f"there is no text to pack ({empty} documents hold white space only)")
    whole = {name: np.concatenate(parts) for name, parts in columns.items()}
    return whole["start"], whole["tokens"], whole["held_out"], whole["bytes"], empty


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    source = iter(documents)
    while batch := list(islice(source, _BATCH)):
        yield batch


def _no_documents(split: str, documents: int, fraction: float) -> str:
    if split == "train":
        return (
            f"all {documents} documents fell into the held-out share of {fraction}. Give more documents, or a smaller "
            "validation_fraction"
        )
    return (
        f"none of {documents} documents fell into the held-out share of {fraction}. Give more documents (a text file "
        "is cut at blank lines with text_documents: blank-line), or a larger validation_fraction"
    )


class _ShardWriter:
    """Token files of about `shard_tokens` tokens; a document is never cut between two."""

    def __init__(self, folder: Path, shard_tokens: int) -> None:
        self._folder, self._limit = folder, shard_tokens
        self._file: Any = None
        self._shards = self._written = 0

    def write(self, tokens: NDArray[Any]) -> None:
        if self._file is None or self._written >= self._limit:
            self.close()
            self._file = (self._folder / f"tokens-{self._shards:05d}.bin").open("wb")
            self._shards, self._written = self._shards + 1, 0
        self._file.write(tokens.tobytes())
        self._written += len(tokens)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> "_ShardWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
