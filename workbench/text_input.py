"""Text input: documents from text, JSON lines and parquet files, each with the place that it came from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from workbench.errors import DataError, RecordError
from workbench.jsonl import MAX_LINE_BYTES, open_lines, read_numbered

SUFFIXES = (".txt", ".txt.gz", ".jsonl", ".jsonl.gz", ".parquet")
TEXT_DOCUMENTS = ("blank-line", "file")
OTHER_FIELD = "Name the field that holds the text with --field"


@dataclass(frozen=True, slots=True)
class Document:
    """One text; `place` is file:line of its first line (file:row in a parquet file, from 1)."""

    text: str
    place: str


def read_documents(
    paths: Sequence[str | Path], *, field: str = "text", text_documents: str = "blank-line"
) -> Iterator[Document]:
    """Every document of the files, in the order given; a folder stands for its files in order of name.

    field           the field that holds the text, in JSON lines and parquet.
    text_documents  what a document is in a .txt file: "blank-line" (blank lines separate documents) or "file".

    Nothing is stripped, cleaned or left out: a document with no text comes out as one. Raises DataError for a path
    that cannot be used, RecordError (file, line, field) for a bad line.
    """
    if text_documents not in TEXT_DOCUMENTS:
        raise ValueError(f"text_documents is one of {', '.join(TEXT_DOCUMENTS)}, got {text_documents!r}")
    for path in expand_paths(paths):
        if path.name.endswith((".txt", ".txt.gz")):
            yield from _text_file(path, whole=text_documents == "file")
        elif path.name.endswith((".jsonl", ".jsonl.gz")):
            yield from _json_lines(path, field)
        else:
            yield from _parquet(path, field)


def expand_paths(paths: Sequence[str | Path]) -> list[Path]:
    """The files behind the paths; a folder gives every file in it (at any depth) that has a known suffix."""
    if not paths:
        raise DataError("no text was given; name at least one file or folder")
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.is_file() and _known(file))
            if not inside:
                raise DataError(f"{path} holds no file that ends in {', '.join(SUFFIXES)}")
            files += inside
        elif not path.exists():
            raise DataError(f"there is no file {path}")
        elif not _known(path):
            raise DataError(f"cannot read {path}: its name must end in {', '.join(SUFFIXES)}")
        else:
            files.append(path)
    return files


def _known(path: Path) -> bool:
    return path.name.endswith(SUFFIXES)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line number from 1 and text with its line end; the bytes must be UTF-8."""
    number = 0
    with open_lines(path) as file:
        while line := _read_line(file, path, number + 1):
            number += 1
            try:
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise RecordError(
                    f"invalid UTF-8 at byte {error.start}",
                    file=path,
                    line=number,
                    fix="Save the file as UTF-8",
                ) from error


def _read_line(file: BinaryIO, path: Path, number: int) -> bytes:
    try:
        line = file.readline(MAX_LINE_BYTES + 1)
    except (OSError, EOFError) as error:
        raise RecordError(
            f"the file breaks off ({error})",
            file=path,
            line=number,
            fix="Is the file complete? Copy it again",
        ) from error
    if len(line) > MAX_LINE_BYTES:
        raise RecordError(
            f"the line is longer than {MAX_LINE_BYTES // 10**6} MB", file=path, line=number, fix="Break it up"
        )
    return line


def _text_file(path: Path, *, whole: bool) -> Iterator[Document]:
    held: list[str] = []
    first = 1
    for number, line in _lines(path):
        if not whole and not line.strip():
            if held:
                yield Document("".join(held).rstrip("\r\n"), f"{path}:{first}")
                held = []
            continue
        if not held:
            first = number
        held.append(line)
    if held:
        yield Document("".join(held) if whole else "".join(held).rstrip("\r\n"), f"{path}:{first}")


def _json_lines(path: Path, field: str) -> Iterator[Document]:
    def text(row: Mapping[str, Any]) -> str:
        if field not in row:
            raise RecordError(
                f"is missing; the line has {', '.join(map(repr, row)) or 'no fields'}",
                field=field,
                fix=OTHER_FIELD,
            )
        return _checked_text(row[field], field)

    for number, value in read_numbered(path, text):
        yield Document(value, f"{path}:{number}")


def _parquet(path: Path, field: str) -> Iterator[Document]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path} is not a whole parquet file: {error}") from error
    with table:
        if field not in table.schema_arrow.names:
            raise RecordError(
                f"is missing; the columns are {', '.join(map(repr, table.schema_arrow.names))}",
                file=path,
                field=field,
                fix=OTHER_FIELD,
            )
        number = 0
        for batch in table.iter_batches(batch_size=1024, columns=[field]):
            for value in batch.column(0).to_pylist():
                number += 1
                try:
                    yield Document(_checked_text(value, field), f"{path}:{number}")
                except RecordError as error:
                    raise error.at(path, number) from None


def _checked_text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise RecordError(f"must be text, got {type(value).__name__}", field=field, fix=OTHER_FIELD)
    return value
