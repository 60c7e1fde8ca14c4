"""Import speed: comparisons a second into SQLite, beside a plain SQLAlchemy ORM import of the same file.

Five completions of 60 words, a prompt of 40, one ranking each. Every repeat runs both importers, in alternating
order, each into a new database. The peer is the shortest thing one would write: json.loads, ORM objects, add_all and
flush every 500 lines. It checks nothing, hashes nothing, and would add everything again the second time.

    python benchmarks/import_speed/run.py --comparisons 5000 --repeats 5
"""

import argparse
import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from storage.database import Database, init_database
from storage.importing import import_comparisons_file
from storage.projects import create_project
from storage.tables import Annotator, Comparison, ComparisonItem, Completion, Prompt, Ranking, Submission

K = 5


def main() -> None:
    """Write the file, run both importers in turn, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--comparisons", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "comparisons.jsonl"
        _write(path, arguments.comparisons)
        print(f"{arguments.comparisons} comparisons, K={K}, {path.stat().st_size / 1e6:.1f} MB; {_machine()}")
        importers = {
            "accord": _import_accord,
            "accord, same file again": _import_again,
            "plain ORM add_all": _import_orm,
        }
        speeds: dict[str, list[tuple[float, float]]] = {name: [] for name in importers}
        for repeat in range(arguments.repeats):
            for name in list(importers) if repeat % 2 == 0 else list(importers)[::-1]:
                database = Path(folder) / f"{repeat}-{name}.db"
                wall, cpu = importers[name](path, database)
                speeds[name].append((arguments.comparisons / wall, arguments.comparisons / cpu))
    print("\n| importer | comparisons/s, median (min to max) | a CPU second, median |\n|---|---|---|")
    for name, found in speeds.items():
        walls, cpus = zip(*found, strict=True)
        middle = f"{statistics.median(walls):,.0f} ({min(walls):,.0f} to {max(walls):,.0f})"
        print(f"| {name} | {middle} | {statistics.median(cpus):,.0f} |")
    ratios = [a[1] / b[1] for a, b in zip(speeds["accord"], speeds["plain ORM add_all"], strict=True)]
    print(f"\naccord over plain ORM, CPU, paired: median {statistics.median(ratios):.2f}x")


def _write(path: Path, count: int) -> None:
    rng = random.Random(0)
    words = [f"word{i}" for i in range(3000)]

    def text(length: int) -> str:
        return " ".join(rng.choices(words, k=length))

    with path.open("w", encoding="utf-8") as file:
        for i in range(count):
            ranking = {
                "id": f"r{i}",
                "annotator": f"a{i % 20}",
                "at": "2026-11-22T09:00:00Z",
                "ranks": [rng.randint(1, K) for _ in range(K)],
                "order": rng.sample(range(K), K),
                "seconds": 40.5,
            }
            line = {
                "id": f"c{i}",
                "prompt": [{"role": "user", "content": text(40)}],
                "completions": [{"text": text(60), "source": f"model{k}"} for k in range(K)],
                "rankings": [ranking],
            }
            file.write(json.dumps(line) + "\n")


def _import_accord(path: Path, place: Path) -> tuple[float, float]:
    database = init_database(f"sqlite:///{place}")
    with database.writing() as session:
        project = create_project(session, "speed")
    spent = _timed(lambda: _run_accord(database, project.id, path))
    database.dispose()
    return spent


def _import_again(path: Path, place: Path) -> tuple[float, float]:
    database = init_database(f"sqlite:///{place}")
    with database.writing() as session:
        project = create_project(session, "speed")
        import_comparisons_file(session, project.id, path)
    spent = _timed(lambda: _run_accord(database, project.id, path))
    database.dispose()
    return spent


def _run_accord(database: Database, project_id: int, path: Path) -> None:
    with database.writing() as session:
        import_comparisons_file(session, project_id, path)


def _import_orm(path: Path, place: Path) -> tuple[float, float]:
    database = init_database(f"sqlite:///{place}")
    with database.writing() as session:
        project = create_project(session, "speed")
    spent = _timed(lambda: _run_orm(database, project.id, path))
    database.dispose()
    return spent


def _run_orm(database: Database, project_id: int, path: Path) -> None:
    with database.writing() as session, path.open(encoding="utf-8") as file:
        annotators: dict[str, Annotator] = {}
        lines = [json.loads(line) for line in file]
        for start in range(0, len(lines), 500):
            batch = lines[start : start + 500]
            for line in batch:
                name = line["rankings"][0]["annotator"]
                if name not in annotators:
                    annotators[name] = Annotator(pseudonym=name, kind="imported")
            prompts = [
                Prompt(project_id=project_id, hash=line["id"], content=line["prompt"]) for line in batch
            ]
            session.add_all([*annotators.values(), *prompts])
            session.flush()
            comparisons = [
                Comparison(
                    project_id=project_id,
                    record_id=line["id"],
                    prompt_id=prompt.id,
                    kind="ordinary",
                    content_hash="",
                )
                for line, prompt in zip(batch, prompts, strict=True)
            ]
            completions = [
                [
                    Completion(prompt_id=prompt.id, text=item["text"], source=[item["source"]])
                    for item in line["completions"]
                ]
                for line, prompt in zip(batch, prompts, strict=True)
            ]
            session.add_all([*comparisons, *(item for items in completions for item in items)])
            session.flush()
            session.add_all(
                ComparisonItem(comparison_id=comparison.id, position=position, completion_id=item.id)
                for comparison, items in zip(comparisons, completions, strict=True)
                for position, item in enumerate(items)
            )
            submissions = [
                Submission(
                    comparison_id=comparison.id,
                    annotator_id=annotators[line["rankings"][0]["annotator"]].id,
                    annotator_kind="imported",
                    origin="file",
                    outcome="ranked",
                    order=line["rankings"][0]["order"],
                    at=line["rankings"][0]["at"],
                    seconds=line["rankings"][0]["seconds"],
                )
                for line, comparison in zip(batch, comparisons, strict=True)
            ]
            session.add_all(submissions)
            session.flush()
            session.add_all(
                Ranking(
                    submission_id=submission.id,
                    comparison_id=submission.comparison_id,
                    record_id=line["rankings"][0]["id"],
                    criterion="helpful",
                    ranks=line["rankings"][0]["ranks"],
                    content_hash="",
                )
                for line, submission in zip(batch, submissions, strict=True)
            )
            session.flush()
            session.expunge_all()
            session.add_all(annotators.values())


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def _machine() -> str:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{os.cpu_count()} CPUs, load {load}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
