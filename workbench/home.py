"""Where Accord keeps things: ACCORD_HOME (default ./accord-data), and what lies in it."""

import os
from pathlib import Path


def home() -> Path:
    """The folder of database, runs, snapshots and cache; created when something is first written."""
    return Path(os.environ.get("ACCORD_HOME", "accord-data")).absolute()


def runs_folder() -> Path:
    """Run folders, one a run."""
    return home() / "runs"


def snapshots_folder() -> Path:
    """Snapshots, one folder each, named by the start of their content hash."""
    return home() / "snapshots"


def cache_folder() -> Path:
    """Things that can be computed again, such as reference log-probabilities."""
    return home() / "cache"


def database_url() -> str:
    """ACCORD_DATABASE_URL, or the SQLite file in the home folder."""
    return os.environ.get("ACCORD_DATABASE_URL") or f"sqlite:///{home() / 'accord.db'}"
