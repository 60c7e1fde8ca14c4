"""Next, submit and the leads' pages with a million rankings in the database; see README.md.

python -m benchmarks.service_load.million --databases sqlite postgresql
"""

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

# As a script it finds its neighbours too.
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from benchmarks.service_load.accord import postgres_url, sqlite_url
from benchmarks.service_load.pages import count_work, measure_pages
from storage.annotators import ensure_annotators, get_annotator
from storage.answering import find_written, write_answer
from storage.answers import Answer
from storage.assignment import Nothing, Rules, next_lease
from storage.bulk import insert_rows, reserve_ids
from storage.database import Database, init_database
from storage.leases import find_lease
from storage.projects import create_project
from storage.standing import lock_standing
from storage.tables import Comparison, ComparisonItem, Completion, Prompt, Ranking, Submission, utc_now
from storage.tasks import read_task
from storage.votes import count_queue

K = 4
OVERLAP = 4
BATCH = 10_000
PEOPLE = 200
PAGE_ROUNDS = 20


def fill(database: Database, *, rankings: int, waiting: int) -> None:
    """Comparisons with four rankings each, `rankings` in all, and `waiting` ones that want four; into the tables."""
    done = rankings // OVERLAP
    with database.writing() as session:
        project = create_project(session, "million")
        ids = list(ensure_annotators(session, {f"old-{n}": "person" for n in range(PEOPLE)}).values())
    total = done + waiting
    for start in range(0, total, BATCH):
        with database.writing() as session:
            _batch(session, project.id, ids, range(start, min(start + BATCH, total)), done)
    with database.writing() as session:
        count_queue(session, project.id)
    count_work(database, project, people=PEOPLE, each=done * OVERLAP // PEOPLE)
    with database.engine.connect() as connection:
        if database.engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))
        else:
            connection.execute(text("ANALYZE"))
            connection.commit()


def _batch(session: Session, project_id: int, annotators: list[int], numbers: range, done: int) -> None:
    now = utc_now()
    size = len(numbers)
    prompts, comparisons = reserve_ids(session, Prompt, size), reserve_ids(session, Comparison, size)
    completions = reserve_ids(session, Completion, K * size)
    common = {"project_id": project_id, "created_at": now}
    insert_rows(
        session,
        Prompt,
        [
            {"id": key, "hash": f"h{n}", "content": f"prompt {n}", **common}
            for key, n in zip(prompts, numbers, strict=True)
        ],
    )
    insert_rows(
        session,
        Completion,
        [
            {
                "id": key,
                "prompt_id": prompts[i // K],
                "text": f"completion {key} " + "word " * 20,
                "source": [],
            }
            for i, key in enumerate(completions)
        ],
    )
    insert_rows(
        session,
        Comparison,
        [
            {
                "id": key,
                "record_id": f"c{n:08}",
                "prompt_id": prompt,
                "kind": "ordinary",
                "tags": {},
                "content_hash": "",
                "target_overlap": OVERLAP,
                "votes": OVERLAP if n < done else 0,
                "priority": 0.0,
                **common,
            }
            for key, prompt, n in zip(comparisons, prompts, numbers, strict=True)
        ],
    )
    insert_rows(
        session,
        ComparisonItem,
        [
            {"comparison_id": comparisons[i // K], "position": i % K, "completion_id": key}
            for i, key in enumerate(completions)
        ],
    )
    ranked = [
        (key, vote, n)
        for key, n in zip(comparisons, numbers, strict=True)
        if n < done
        for vote in range(OVERLAP)
    ]
    keys = reserve_ids(session, Submission, len(ranked))
    insert_rows(
        session,
        Submission,
        [
            {
                "id": key,
                "comparison_id": comparison,
                "annotator_id": annotators[(n * OVERLAP + vote) % PEOPLE],
                "annotator_kind": "person",
                "origin": "service",
                "attempt": 1,
                "revision": 1,
                "outcome": "ranked",
                "shown_order": [0, 1, 2, 3],
                "seconds": 30.0,
                "flags": [],
                "answers": {},
                "lease_token": f"t{n}-{vote}",
                "idempotency_key": f"k{n}-{vote}",
                "created_at": now,
            }
            for key, (comparison, vote, n) in zip(keys, ranked, strict=True)
        ],
    )
    insert_rows(
        session,
        Ranking,
        [
            {
                "submission_id": key,
                "comparison_id": comparison,
                "record_id": f"r{n}-{vote}",
                "criterion": "helpful",
                "ranks": [1, 2, 3, 4],
                "content_hash": "",
            }
            for key, (comparison, vote, n) in zip(keys, ranked, strict=True)
        ],
    )


def measure(database: Database, *, rounds: int) -> dict[str, object]:
    """Next and submit by twenty annotators in turn, a third of whom ranked five thousand of the old ones."""
    from storage.projects import get_project

    with database.writing() as session:
        project = get_project(session, "million")
        names = [f"new-{n}" for n in range(13)] + [f"old-{n}" for n in range(7)]
        ensure_annotators(session, dict.fromkeys(names, "person"))
        people = [get_annotator(session, name) for name in names]
    taken, sent = [], []
    ranks = tuple(range(1, K + 1))
    for i in range(rounds):
        annotator, now = people[i % len(people)], datetime.now(UTC)
        begin = time.perf_counter()
        with database.writing() as session:
            standing = lock_standing(session, project.id, annotator.id, "2026-11-24")
            lease = next_lease(session, project, annotator, Rules(), standing, exclude=(), now=now)
            assert not isinstance(lease, Nothing)
            read_task(session, lease)
        taken.append(1000 * (time.perf_counter() - begin))
        begin = time.perf_counter()
        with database.writing() as session:
            assert find_written(session, annotator.id, lease.token, f"k{i:08}") is None
            write_answer(
                session,
                find_lease(session, lease.token, annotator.id, lock=True),
                Answer(outcome="ranked", rankings={"helpful": (ranks, None)}, seconds=30.0),
                annotator=annotator,
                key=f"k{i:08}",
                day="2026-11-24",
                now=now,
            )
        sent.append(1000 * (time.perf_counter() - begin))
    with database.reading() as session:
        stored = session.scalar(select(func.count()).select_from(Ranking))
    return {
        "database": database.engine.dialect.name,
        "rankings": stored,
        "rounds": rounds,
        **{
            f"{name}_p{q}_ms": round(float(np.percentile(values, q)), 1)
            for name, values in (("next", taken), ("submit", sent))
            for q in (50, 99)
        },
        **measure_pages(database, project, rounds=PAGE_ROUNDS),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--rankings", type=int, default=1_000_000)
    parser.add_argument("--waiting", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=1000)
    options = parser.parse_args()
    for name in options.databases:
        with (
            tempfile.TemporaryDirectory() as home,
            {"sqlite": sqlite_url, "postgresql": postgres_url}[name]() as url,
        ):
            os.environ["ACCORD_HOME"] = home  # The stored report of agreement lies there.
            database = init_database(url)
            begin = time.perf_counter()
            fill(database, rankings=options.rankings, waiting=options.waiting)
            print(f"filled in {time.perf_counter() - begin:.0f} s", flush=True)
            print(json.dumps(measure(database, rounds=options.rounds)), flush=True)
            database.dispose()


if __name__ == "__main__":
    main()
