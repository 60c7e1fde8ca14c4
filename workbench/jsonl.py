"""comparisons.jsonl, prompts.jsonl and demonstrations.jsonl: reading with the place of every error, and writing."""

import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from workbench.artifacts import write_file_aside
from workbench.errors import DataError, RecordError
from workbench.record_json import (
    comparison_from_json,
    comparison_to_json,
    demonstration_from_json,
    demonstration_to_json,
    prompt_from_json,
    prompt_to_json,
)
from workbench.records import Comparison, Demonstration, PromptRecord

MAX_LINE_BYTES = 64_000_000
_CHUNK = 1 << 20

T = TypeVar("T")
OnBad = Callable[[RecordError], None]


@dataclass(frozen=True, slots=True)
class FilePart:
    """Some of a plain file's lines: from the byte `begin`, where a line begins, to before `end`; None: to its end."""

    begin: int = 0
    end: int | None = None


WHOLE = FilePart()


def read_comparisons(
    path: str | Path, *, on_bad: OnBad | None = None, part: FilePart = WHOLE
) -> Iterator[Comparison]:
    """The comparisons of a .jsonl or .jsonl.gz file, each with ids; of a plain file, those of a part too.

    Raises RecordError with file, line, field and the way out at the first bad line; with `on_bad`, hands the error
    over and goes on. A file that cannot be opened is a DataError.
    """
    return _read(Path(path), comparison_from_json, on_bad, part)


def read_demonstrations(path: str | Path, *, on_bad: OnBad | None = None) -> Iterator[Demonstration]:
    """The demonstrations of a file; errors as in `read_comparisons`."""
    return _read(Path(path), demonstration_from_json, on_bad)


def read_prompts(path: str | Path, *, on_bad: OnBad | None = None) -> Iterator[PromptRecord]:
    """The prompts of a file; errors as in `read_comparisons`."""
    return _read(Path(path), prompt_from_json, on_bad)


def write_comparisons(path: str | Path, comparisons: Iterable[Comparison]) -> int:
    """Write a file of comparisons (gzip when the name ends in .gz), whole or not at all; returns how many."""
    return _write(Path(path), (comparison_to_json(comparison) for comparison in comparisons))


def write_demonstrations(path: str | Path, demonstrations: Iterable[Demonstration]) -> int:
    """Write a file of demonstrations, whole or not at all; returns how many."""
    return _write(Path(path), (demonstration_to_json(demonstration) for demonstration in demonstrations))


def write_prompts(path: str | Path, prompts: Iterable[PromptRecord]) -> int:
    """Write a file of prompts, whole or not at all; returns how many."""
    return _write(Path(path), (prompt_to_json(prompt) for prompt in prompts))


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        names = [key for key, _ in pairs]
        double = next(key for key in names if names.count(key) > 1)
        raise RecordError("stands twice in one object", field=double, fix="Keep one of the two")
    return record


def _no_constant(name: str) -> None:
    raise RecordError(f"{name} is not a JSON number", fix="Use null for a missing number")


# One decoder: json.loads would build one a line.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_no_constant)


def parse_line(data: bytes) -> dict[str, Any]:
    """One line as a JSON object; RecordError for invalid UTF-8, invalid JSON, a repeated key or another type."""
    try:
        record = _DECODER.decode(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RecordError(f"invalid UTF-8 at byte {error.start}", fix="Save the file as UTF-8") from error
    except json.JSONDecodeError as error:
        raise RecordError(
            f"not JSON: {error.msg.removesuffix(' at')} at column {error.colno}",
            fix="Each line is one JSON object",
        ) from error
    except RecursionError as error:
        raise RecordError("is nested too deeply to be a record") from error
    if b"\\u" in data:
        _check_escapes(record)
    if not isinstance(record, dict):
        raise RecordError(
            f"must be a JSON object, got {type(record).__name__}", fix="Each line is one JSON object"
        )
    return record


def _check_escapes(record: Any) -> None:
    """Escapes are the only way in for what no database can store: half a surrogate pair, and NUL."""
    text = json.dumps(record, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RecordError(
            f"holds the lone surrogate {text[error.start]!a}", fix="Remove it from the text"
        ) from error
    if "\\u0000" in text.replace("\\\\", ""):
        raise RecordError("holds the character NUL (\\u0000)", fix="Remove it from the text")


def open_lines(path: str | Path) -> BinaryIO:
    """A plain or gzip file opened for reading bytes; DataError if it cannot be."""
    path = Path(path)
    try:
        return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]  # GzipFile reads like a BinaryIO
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def cut_file(path: str | Path, parts: int) -> list[FilePart]:
    """A plain file as at most `parts` parts of about equal length, which hold all of its lines."""
    with open_lines(path) as file:
        size = file.seek(0, os.SEEK_END)
        begins = [0]
        for i in range(1, parts):
            file.seek(size * i // parts)
            _skip_line(file)
            if begins[-1] < file.tell() < size:
                begins.append(file.tell())
    return [FilePart(begin, end) for begin, end in zip(begins, [*begins[1:], None], strict=True)]


def _read(
    path: Path, build: Callable[[Mapping[str, Any]], T], on_bad: OnBad | None, part: FilePart = WHOLE
) -> Iterator[T]:
    return (record for _, record in read_numbered(path, build, on_bad, part))


def read_numbered(
    path: str | Path,
    build: Callable[[Mapping[str, Any]], T],
    on_bad: OnBad | None = None,
    part: FilePart = WHOLE,
) -> Iterator[tuple[int, T]]:
    """What `build` makes of each line's object, with the number of the line; errors as in `read_comparisons`."""
    path = Path(path)
    with open_lines(path) as file:
        number = _pass_lines(file, part.begin)
        while part.end is None or file.tell() < part.end:
            try:
                data = file.readline(MAX_LINE_BYTES + 1)
            except (OSError, EOFError, zlib.error) as error:
                raise DataError(
                    f"cannot read {path} after line {number}: {error}. Is the file complete?"
                ) from error
            if not data:
                return
            number += 1
            try:
                if len(data) > MAX_LINE_BYTES:
                    _skip_line(file)
                    raise RecordError(f"the line is longer than {MAX_LINE_BYTES // 10**6} MB")
                if number == 1:
                    data = data.removeprefix(b"\xef\xbb\xbf")
                if not data.strip():
                    continue
                record = build(parse_line(data))
            except RecordError as error:
                placed = error.at(path, number)
                if on_bad is None:
                    raise placed from error
                on_bad(placed)
                continue
            yield number, record


def _pass_lines(file: BinaryIO, length: int) -> int:
    """Go on by `length` bytes; returns how many lines they hold."""
    lines = 0
    while length and (chunk := file.read(min(length, _CHUNK))):
        lines += chunk.count(b"\n")
        length -= len(chunk)
    return lines


def _skip_line(file: BinaryIO) -> None:
    while chunk := file.readline(MAX_LINE_BYTES):
        if chunk.endswith(b"\n"):
            return


def _write(path: Path, records: Iterable[Mapping[str, Any]]) -> int:
    count = 0
    with write_file_aside(path) as file:
        # The gzip header carries no name and no time, so equal records give equal bytes.
        stream: Any = (
            gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) if path.suffix == ".gz" else file
        )
        for record in records:
            stream.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
            count += 1
        if stream is not file:
            stream.close()
    return count
