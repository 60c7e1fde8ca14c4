"""A real Label Studio server, started from the environment that `make test-servers` builds, and people who use it."""

import os
import re
import secrets
import shutil
import socket
import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ADMIN_TOKEN = "0123456789abcdef0123456789abcdef01234567"
PASSWORD = "pw12345678"
START_SECONDS = 300


@dataclass
class Person:
    """Someone with an account in Label Studio, who annotates over its API."""

    url: str
    number: int
    email: str
    token: str

    def call(self, method: str, path: str, **options):
        answer = httpx.request(
            method,
            f"{self.url}{path}",
            headers={"Authorization": f"Token {self.token}"},
            timeout=60,
            **options,
        )
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        return answer.json() if answer.content else None

    def annotate(self, task: int, result, **more) -> int:
        body = {"result": result, "lead_time": 12.5, **more}
        return self.call("POST", f"/api/tasks/{task}/annotations/", json=body)["id"]

    def edit(self, annotation: int, result) -> None:
        self.call("PATCH", f"/api/annotations/{annotation}/", json={"result": result})

    def delete(self, annotation: int) -> None:
        self.call("DELETE", f"/api/annotations/{annotation}/")


@dataclass
class LabelStudio:
    """The server and its first account."""

    url: str
    admin: Person

    def sign_up(self, name: str) -> Person:
        email = f"{name}-{secrets.token_hex(4)}@example.com"
        invitation = self.admin.call("GET", "/api/invite")["invite_url"]
        with httpx.Client(base_url=self.url, timeout=60) as browser:
            page = browser.get(invitation)
            csrf = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
            assert csrf is not None, "the sign-up page has no form"
            form = {"csrfmiddlewaretoken": csrf[1], "email": email, "password": PASSWORD}
            assert browser.post(invitation, data=form, headers={"Referer": self.url}).status_code == 302
            token = browser.get("/api/current-user/token").json()["token"]
            number = browser.get("/api/current-user/whoami").json()["id"]
        return Person(url=self.url, number=number, email=email, token=token)


@contextmanager
def label_studio(folder: Path):
    """The server on a free port with an empty SQLite database in `folder`; stopped at the end."""
    command = os.environ.get("ACCORD_LABEL_STUDIO")
    assert command and Path(command).exists(), (
        f"ACCORD_LABEL_STUDIO={command!r} is no label-studio command: run `make test-servers`, which installs one"
    )
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "LABEL_STUDIO_USERNAME": "admin@example.com",
        "LABEL_STUDIO_PASSWORD": PASSWORD,
        "LABEL_STUDIO_USER_TOKEN": ADMIN_TOKEN,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "SSRF_PROTECTION_ENABLED": "false",  # else it refuses webhooks to this machine
        "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }
    # Making its tables takes half a minute of a CPU: they are kept beside the installation, with the first account.
    database, ready = folder / "label_studio.sqlite3", Path(command).parents[1] / "ready.sqlite3"
    if ready.exists():
        shutil.copy(ready, database)
    log = folder / "server.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [command, "start", "--no-browser", "--port", str(port), "--internal-host", "127.0.0.1"],
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
    try:
        _wait_until_healthy(server, url, log)
        if not ready.exists():
            _keep(database, ready)
        yield LabelStudio(url, Person(url=url, number=1, email="admin@example.com", token=ADMIN_TOKEN))
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(20)


def _wait_until_healthy(server: subprocess.Popen, url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert server.poll() is None, f"Label Studio ended:\n{log.read_text()[-2000:]}"
        # Where its port is taken it moves to the next one and says so, instead of failing.
        assert time.monotonic() < deadline, f"no answer at {url}:\n{log.read_text()[-2000:]}"
        try:
            if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.5)


def _keep(database: Path, ready: Path) -> None:
    aside = ready.with_suffix(f".{os.getpid()}")
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(aside)) as target:
        source.backup(target)
    aside.rename(ready)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
