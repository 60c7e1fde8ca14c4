"""The labeling service under load, on PostgreSQL and on SQLite; see README.md."""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

# As a script it finds its neighbours too.
sys.path.insert(0, str(Path(__file__).parents[2]))

from sqlalchemy import func, select

from benchmarks.service_load.accord import AccordTarget, Server, fill, postgres_url, sqlite_url
from benchmarks.service_load.load import Load, run_load
from storage.database import init_database
from storage.tables import Submission

DATABASES: dict[str, tuple[Callable[[], AbstractContextManager[str]], int, int]] = {
    "postgresql": (postgres_url, 100, 2),
    "sqlite": (sqlite_url, 30, 1),
}
"""How a database is made, how many annotators work on it, and how many processes serve them."""


def measure(name: str, *, seconds: float, comparisons: int) -> list[dict]:
    """The load at one second of thought, and at saturation, on one kind of database."""
    make_url, annotators, processes = DATABASES[name]
    rows = []
    with make_url() as url, tempfile.TemporaryDirectory() as home:
        database = init_database(url)
        fill(database, comparisons=comparisons, annotators=annotators)
        server = Server(url, home, processes)
        server.start()
        try:
            for what, think, people in (
                ("1 s of thought", 1.0, annotators),
                ("saturation", 0.0, min(annotators, 16)),
            ):
                before = server.cpu_seconds()
                load = asyncio.run(
                    run_load(
                        AccordTarget(server.address),
                        annotators=people,
                        seconds=seconds,
                        think=think,
                        warm_up=3,
                    )
                )
                rows.append(
                    {
                        "database": name,
                        "load": what,
                        "annotators": people,
                        **load.to_json(),
                        **count_lost(database, load),
                        "server_cpu_s": round(server.cpu_seconds() - before, 1),
                        "seconds": round(load.seconds, 1),
                    }
                )
                print(json.dumps(rows[-1]), flush=True)
                for error in load.errors[:3]:
                    print("   ", error)
        finally:
            server.stop()
            database.dispose()
    return rows


def count_lost(database, load: Load) -> dict[str, int]:
    """Acknowledged submissions that are not in the database, and comparisons answered more often than wanted."""
    with database.reading() as session:
        stored = set(session.scalars(select(Submission.id)))
        twice = select(Submission.comparison_id).group_by(Submission.comparison_id).having(func.count() > 1)
        duplicates = len(session.scalars(twice).all())
    return {
        "lost": sum(receipt not in stored for receipt in load.submitted),
        "duplicates": duplicates + len(load.submitted) - len(set(load.submitted)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--databases", nargs="+", default=list(DATABASES), choices=list(DATABASES))
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--comparisons", type=int, default=20_000)
    options = parser.parse_args()
    for name in options.databases:
        measure(name, seconds=options.seconds, comparisons=options.comparisons)


if __name__ == "__main__":
    main()
