"""Submissions a second at saturation: Accord and Label Studio, each on SQLite, in turns in one run."""

import argparse
import asyncio
import json
import os
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.service_load.accord import AccordTarget, Server, fill, sqlite_url
from benchmarks.service_load.label_studio import label_studio_target
from benchmarks.service_load.load import run_load
from storage.database import init_database

WORDS = ("the", "model", "wrote", "this", "so", "that", "a", "person", "may", "read", "it", "and", "judge")


def text(n: int) -> str:
    """About 60 words."""
    return " ".join(WORDS[(n * 7 + i) % len(WORDS)] for i in range(60))


def measure(target, *, annotators: int, seconds: float) -> dict:
    """One turn: `annotators` who do not think, for `seconds`; `rate` is submissions a second."""
    load = asyncio.run(run_load(target, annotators=annotators, seconds=seconds, think=0.0, warm_up=2))
    # Little's law, and not the count: a request of seconds is cut off at both ends of the time that is measured.
    cycle = (np.mean(load.next_ms) + np.mean(load.submit_ms)) / 1000
    return {**load.to_json(), "rate": round(float(annotators / cycle), 2), "first_errors": load.errors[:2]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--annotators", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    os.environ.setdefault("ACCORD_LABEL_STUDIO", str(cache / "accord/label-studio/bin/label-studio"))
    annotators, turns = options.annotators, options.turns
    rates: dict[str, list[float]] = {"accord": [], "label studio": []}
    with (
        sqlite_url() as url,
        tempfile.TemporaryDirectory() as home,
        label_studio_target(tasks=1500, annotators=annotators, text=text) as peer,
    ):
        database = init_database(url)
        fill(database, comparisons=8_000, annotators=annotators)
        server = Server(url, home)
        server.start()
        try:
            for turn in range(turns):
                pair = [("accord", AccordTarget(server.address)), ("label studio", peer)]
                for name, target in pair if turn % 2 == 0 else pair[::-1]:
                    row = measure(target, annotators=annotators, seconds=options.seconds)
                    rates[name].append(row["rate"])
                    print(json.dumps({"turn": turn, "service": name, **row}), flush=True)
        finally:
            server.stop()
            database.dispose()
    ours, theirs = (np.array(rates[name]) for name in ("accord", "label studio"))
    ratio = float(np.median(ours / theirs))
    print(f"Accord takes {ratio:.1f} times as many submissions a second (median of {turns} pairs)")


if __name__ == "__main__":
    main()
