"""The service loses its process, or its database, under load; what it had acknowledged is there once, and no task hangs.

The annotators behave as the page does: a request that got no answer is sent again with the same key.
"""

import asyncio
import random
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from benchmarks.service_load.accord import AccordWorker, Server, fill, postgres_server
from benchmarks.service_load.connection import Broken, Connection
from storage.database import POOL_SIZE, init_database
from storage.tables import Comparison, Lease, Project, Submission

LEASE_SECONDS = 4
POOL_TIMEOUT = 30
"""Seconds after which SQLAlchemy gives up waiting for a connection."""
# Each start of the service takes about two seconds of CPU; a busy machine gives those slowly, hence the long time limits.


class Annotator:
    """One who goes on until told to stop, sending again whatever was not answered."""

    def __init__(self, worker: AccordWorker, seed: int) -> None:
        self.worker = worker
        self.random = random.Random(seed)
        self.acknowledged: list[int] = []
        self.refused: list[str] = []

    async def work(self, stopped: asyncio.Event, *, think: float) -> None:
        while not stopped.is_set():
            task = await self.insist(self.worker.next, stopped)
            if task is None:
                return
            await asyncio.sleep(think * self.random.random())
            key = f"{task['id']}-key"
            receipt = await self.insist(lambda task=task, key=key: self.worker.submit(task, key), stopped)
            if receipt is not None:
                self.acknowledged.append(receipt)

    async def insist(self, request, stopped):
        while not stopped.is_set():
            try:
                return await request()
            except Broken:
                await asyncio.sleep(0.05)
            except RuntimeError as error:
                # 503: the database is away, try again. 409 and 410: the time ran out while the service was down.
                status = int(str(error).split()[1])
                if status in (409, 410):
                    return None if "submit" in str(error) else await self.worker.next()
                self.refused.append(str(error))
                if status != 503:
                    return None
                await asyncio.sleep(0.5)
        return None


def prepare(url, *, comparisons, annotators):
    database = init_database(url)
    fill(database, comparisons=comparisons, annotators=annotators)
    with database.writing() as session:
        session.scalars(select(Project)).one().settings = {"lease_seconds": LEASE_SECONDS}
    return database


async def sign_in(server, num):
    workers = [AccordWorker(server.address, f"annotator{n}") for n in range(num)]
    for worker in workers:
        await worker.sign_in()
    return [Annotator(worker, n) for n, worker in enumerate(workers)]


async def hang_up(annotators):
    for annotator in annotators:
        annotator.worker.connection.close()
    await asyncio.sleep(0.1)


def check(database, annotators):
    """Everything acknowledged is stored once, and no comparison has a vote more than it wanted."""
    acknowledged = [receipt for annotator in annotators for receipt in annotator.acknowledged]
    assert len(acknowledged) == len(set(acknowledged))
    with database.reading() as session:
        stored = set(session.scalars(select(Submission.id)))
        assert set(acknowledged) <= stored
        counts = select(Submission.comparison_id, func.count()).group_by(Submission.comparison_id)
        assert {count for _, count in session.execute(counts)} <= {1}
        votes = select(func.sum(Comparison.votes))
        assert session.scalar(votes) == len(stored)
    return len(acknowledged)


def kill_often(tmp_path, kills, *, annotators=6):
    comparisons = 60 * kills
    database = prepare(f"sqlite:///{tmp_path}/accord.db", comparisons=comparisons, annotators=annotators + 1)
    server = Server(f"sqlite:///{tmp_path}/accord.db", str(tmp_path))
    server.start()
    draw = random.Random(7)

    async def scenario():
        people = await sign_in(server, annotators + 1)
        stopped = asyncio.Event()
        working = [asyncio.create_task(one.work(stopped, think=0.2)) for one in people[:-1]]
        for _ in range(kills):
            await asyncio.sleep(0.2 + draw.random())
            server.kill()
            await asyncio.to_thread(server.start)
        await asyncio.sleep(0.5)
        stopped.set()
        await asyncio.gather(*working)
        assert check(database, people) > 0
        # Whoever held a task is gone. When their time is over, one who comes later gets all that is left.
        await asyncio.sleep(LEASE_SECONDS + 0.5)
        last = people[-1]
        await last.work(asyncio.Event(), think=0.0)
        await hang_up(people)
        return people

    try:
        people = asyncio.run(scenario())
        check(database, people)
        with database.reading() as session:
            assert session.scalar(select(func.count()).select_from(Submission)) == comparisons
            late = select(func.count()).select_from(Lease).join(Comparison).where(Comparison.votes == 0)
            assert session.scalar(late) == 0
        assert [error for one in people for error in one.refused if " 503 " not in error] == []
    finally:
        server.stop()
        database.dispose()


@pytest.mark.timeout(900)
def test_a_killed_service_loses_nothing_that_it_acknowledged(tmp_path, record_property):
    record_property("repetitions", 5)
    kill_often(tmp_path, 5)


@pytest.mark.soak
def test_a_service_killed_a_hundred_times_loses_nothing(tmp_path, record_property):
    record_property("repetitions", 100)
    kill_often(tmp_path, 100)


def restart_postgres(tmp_path, restarts, *, annotators=6):
    with postgres_server() as postgres:
        database = prepare(postgres.url, comparisons=400 * restarts, annotators=annotators)
        server = Server(postgres.url, str(tmp_path), processes=2)
        server.start()

        async def scenario():
            people = await sign_in(server, annotators)
            stopped = asyncio.Event()
            working = [asyncio.create_task(one.work(stopped, think=0.2)) for one in people]
            for _ in range(restarts):
                await asyncio.sleep(1.5)
                await asyncio.to_thread(postgres.restart)
            before = sum(len(one.acknowledged) for one in people)
            for _ in range(100):
                await asyncio.sleep(0.2)
                if sum(len(one.acknowledged) for one in people) > before:
                    break
            stopped.set()
            await asyncio.gather(*working)
            await hang_up(people)
            return people, before

        try:
            people, before = asyncio.run(scenario())
            database.dispose()
            after = check(database, people)
            assert 0 < before < after, "work goes on after the restart"
            assert {error.split()[1] for one in people for error in one.refused} <= {"503"}
        finally:
            server.stop()
            database.dispose()


@pytest.mark.timeout(900)
def test_a_restarted_postgresql_loses_nothing_that_was_acknowledged(tmp_path):
    restart_postgres(tmp_path, 1)


@pytest.mark.soak
def test_a_postgresql_restarted_twenty_times_loses_nothing(tmp_path, record_property):
    record_property("repetitions", 20)
    restart_postgres(tmp_path, 20)


@pytest.mark.timeout(900)
def test_a_lease_of_a_dead_page_is_free_when_its_time_is_over(tmp_path):
    """Nobody beats the heart of a task: after its time, and not before, somebody else has it."""
    url = f"sqlite:///{tmp_path}/accord.db"
    database = prepare(url, comparisons=1, annotators=2)
    server = Server(url, str(tmp_path))
    server.start()

    async def scenario():
        one, two = await sign_in(server, 2)
        task = await one.worker.next()
        taken = time.monotonic()
        while (found := await two.worker.next()) is None:
            assert time.monotonic() - taken < LEASE_SECONDS + 30
            await asyncio.sleep(0.1)
        assert time.monotonic() - taken > LEASE_SECONDS - 0.5
        assert found["prompt"] == task["prompt"] and found["id"] != task["id"]
        await hang_up([one, two])

    try:
        asyncio.run(scenario())
    finally:
        server.stop()
        database.dispose()


@pytest.mark.timeout(900)
def test_many_pages_at_once_do_not_wait_for_each_other_s_connections(tmp_path):
    """Each page holds a connection while it waits for a thread: with more pages than connections none may hang."""
    with postgres_server() as postgres:
        database = prepare(postgres.url, comparisons=10, annotators=1)
        server = Server(postgres.url, str(tmp_path), processes=2)
        server.start()

        async def scenario():
            one = (await sign_in(server, 1))[0].worker
            copies = [Connection(server.address, one.connection.cookies) for _ in range(5 * POOL_SIZE)]
            started = time.monotonic()
            pages = await asyncio.gather(*(copy.request("GET", "/") for copy in copies))
            assert {page.status for page in pages} == {200}
            assert time.monotonic() - started < POOL_TIMEOUT
            for connection in (one.connection, *copies):
                connection.close()
            await asyncio.sleep(0.1)

        try:
            asyncio.run(scenario())
            children = server.children()
            assert len(children) >= 2
            server.kill()
            for _ in range(600):
                if not any(is_running(child) for child in children):
                    break
                time.sleep(0.1)
            assert not any(is_running(child) for child in children), "a child outlives its parent"
        finally:
            server.stop()
            database.dispose()


def is_running(process):
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
