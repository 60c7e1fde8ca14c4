"""Every test that asks for `database` runs on both kinds; the makers are in `tests/databases.py`."""

import json

import pytest

from storage.projects import create_project


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, new_database):
    """An empty database."""
    return new_database(request.param)


@pytest.fixture
def project(database):
    """An empty project."""
    with database.writing() as session:
        return create_project(session, "test")


@pytest.fixture
def write_lines(tmp_path):
    """Write objects, or raw lines, as a JSON-lines file."""

    def write(*lines, name="in.jsonl"):
        path = tmp_path / name
        raw = [
            line if isinstance(line, bytes) else json.dumps(line, ensure_ascii=False).encode()
            for line in lines
        ]
        path.write_bytes(b"\n".join(raw) + b"\n")
        return path

    return write
