"""Text input: what a document is in each format, and what bad input says."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.errors import DataError, RecordError
from workbench.text_input import Document, read_documents


def texts(*paths, **options):
    return [document.text for document in read_documents(paths, **options)]


def test_blank_lines_separate_documents_and_places_are_first_lines(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n\r\n  \n\nthree\n")
    assert list(read_documents([file])) == [
        Document("one\r\ntwo", f"{file}:1"),
        Document("three", f"{file}:6"),
    ]


def test_a_whole_file_keeps_every_character(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("one\n\n\ntwo\n")
    assert texts(file, text_documents="file") == ["one\n\n\ntwo\n"]


def test_the_same_text_in_every_format(tmp_path):
    want = ["Grüße, 世界", "two\nlines", ""]
    lines = "".join(json.dumps({"id": 1, "body": text}) + "\n" for text in want)
    (tmp_path / "a.jsonl").write_text(lines)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    pq.write_table(pa.table({"body": want, "n": [1, 2, 3]}), tmp_path / "c.parquet")
    (tmp_path / "d.txt.gz").write_bytes(gzip.compress("\n\n".join(want[:2]).encode()))
    for name in ("a.jsonl", "b.jsonl.gz", "c.parquet"):
        assert texts(tmp_path / name, field="body") == want
    assert texts(tmp_path / "d.txt.gz") == want[:2]
    assert texts(tmp_path, field="body") == want * 3 + want[:2]  # A folder: its files by name.


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.jsonl",
            b'{"text": "x"}\n{"body": "x"}\n',
            "a.jsonl:2: field 'text': is missing; the line has 'body'",
        ),
        ("a.jsonl", b'{"text": 3}\n', "a.jsonl:1: field 'text': must be text, got int"),
        ("a.jsonl", b'{"text": "x"}\n\n{"text"\n', "a.jsonl:3: not JSON"),
        ("a.txt", b"good\n\nb\xffd\n", "a.txt:3: invalid UTF-8 at byte 1"),
        ("a.txt.gz", gzip.compress(b"x" * 1000, mtime=0)[:-9], "a.txt.gz:1: the file breaks off"),
    ],
)
def test_bad_lines_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RecordError) as error:
        texts(tmp_path / name)
    assert message in str(error.value)


def test_bad_parquet_names_row_and_column(tmp_path):
    pq.write_table(pa.table({"text": ["x", None]}), tmp_path / "a.parquet")
    with pytest.raises(RecordError, match=r"a.parquet:2: field 'text': must be text, got NoneType"):
        texts(tmp_path / "a.parquet")
    with pytest.raises(RecordError, match=r"field 'body': is missing; the columns are 'text'"):
        texts(tmp_path / "a.parquet", field="body")
    (tmp_path / "b.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="not a whole parquet file"):
        texts(tmp_path / "b.parquet")


def test_bad_paths(tmp_path):
    with pytest.raises(DataError, match="no file"):
        texts(tmp_path / "absent.txt")
    with pytest.raises(DataError, match="must end in"):
        (tmp_path / "a.csv").write_text("x")
        texts(tmp_path / "a.csv")
    with pytest.raises(DataError, match="holds no file"):
        (tmp_path / "sub").mkdir()
        texts(tmp_path / "sub")
    with pytest.raises(ValueError, match="text_documents"):
        texts(tmp_path / "a.txt", text_documents="lines")
