"""What every test shares: one thread, no network for models, a home of its own, and the real data where they are."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"

from pathlib import Path

import pytest

pytest_plugins = ["tests.dated_table", "tests.databases"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty ACCORD_HOME of the test's own."""
    folder = tmp_path / "accord-data"
    monkeypatch.setenv("ACCORD_HOME", str(folder))
    monkeypatch.delenv("ACCORD_DATABASE_URL", raising=False)
    return folder


@pytest.fixture(scope="session")
def shared():
    """The folder of real data with published answers, named by ACCORD_SHARED."""
    folder = os.environ.get("ACCORD_SHARED")
    if not folder:
        pytest.skip("needs the real data: set ACCORD_SHARED to the folder that holds data/")
    data = Path(folder) / "data"
    assert data.is_dir(), f"ACCORD_SHARED={folder} has no data/ in it"
    return data
