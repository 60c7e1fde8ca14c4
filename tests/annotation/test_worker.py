"""The worker: what it seals, what it tells and in which order, and that it goes on when something fails."""

import base64
import hashlib
import hmac
import json
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sqlalchemy import select, update

from annotation.duties import Rounds
from annotation.jobs import JOBS
from annotation.settings import Settings
from annotation.webhooks import NotTold, check_url, secret_of, send
from annotation.worker import Worker, working
from cli.main import main
from storage.audit import count_unsealed, record, verify
from storage.hooks import (
    RETRIES,
    EventRecord,
    add_webhook,
    list_webhooks,
    mark_failed,
    next_event,
    remove_webhook,
    tell,
    tell_submissions,
)
from storage.importing import import_comparisons
from storage.jobs import claim, count_jobs, enqueue, prune
from storage.projects import get_project
from storage.submissions import last_submission
from storage.tables import Audit, Job, WebhookEvent, utc_now
from workbench.errors import DataError
from workbench.record_json import comparison_from_json

LOCAL = Settings(
    environment="development",
    secret_key="a secret of the test, 32 characters",
    webhook_private_addresses=True,
)


class Listener(BaseHTTPRequestHandler):
    """Takes webhooks, and answers 500 to the first `failures`."""

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        server = self.server
        server.heard.append((dict(self.headers), content))
        if server.failures:
            server.failures -= 1
        self.send_response(500 if server.failing or server.failures else 204)
        self.end_headers()

    def log_message(self, *words) -> None:
        pass


@pytest.fixture
def listener():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    server.heard, server.failures, server.failing = [], 0, False
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def hook(service, listener):
    """A webhook of stories that hears of all changes at the listener."""
    with service.database.writing() as session:
        project = get_project(session, "stories")
        url = f"http://127.0.0.1:{listener.server_port}/in?x=1"
        add_webhook(session, project.id, url, ["project.changed", "submission.created"], actor="test")
        return list_webhooks(session, project.id)[0]


def say(service, *numbers: int) -> None:
    with service.database.writing() as session:
        project = get_project(session, "stories")
        for number in numbers:
            tell(session, project.id, "project.changed", f"n:{number}", {"number": number}, now=utc_now())


def run(worker: Worker) -> None:
    worker.rounds = Rounds(worker.database)
    while worker.step():
        pass


def numbers(listener) -> list[int]:
    return [json.loads(content)["data"]["number"] for _, content in listener.heard]


def test_events_arrive_signed_once_and_in_order(service, listener, hook) -> None:
    say(service, 1, 2, 3)
    worker = Worker(service.database, LOCAL)
    run(worker)
    run(worker)
    assert numbers(listener) == [1, 2, 3]
    headers, content = listener.heard[0]
    key = base64.b64decode(secret_of(LOCAL, hook).removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + content
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert json.loads(content)["type"] == "project.changed"


def test_what_fails_holds_back_what_follows_until_its_time_comes(service, listener, hook) -> None:
    listener.failing = True
    say(service, 1, 2)
    worker = Worker(service.database, LOCAL)
    run(worker)
    assert numbers(listener) == [1], "2 waits for 1"
    with service.database.reading() as session:
        assert list_webhooks(session)[0].last_error == "answered 500"
    listener.failing = False
    run(worker)
    assert numbers(listener) == [1], "its time has not come"
    with service.database.writing() as session:
        session.execute(update(WebhookEvent).values(next_at=utc_now() - timedelta(seconds=1)))
    run(worker)
    assert numbers(listener) == [1, 1, 2]
    ids = [headers["webhook-id"] for headers, _ in listener.heard]
    assert ids[0] == ids[1] != ids[2], "a repeated event keeps its id"


def test_an_event_is_given_up_after_its_last_try_and_the_next_is_told(service, hook) -> None:
    say(service, 1, 2)
    now = utc_now()
    with service.database.writing() as session:
        first = next_event(session, hook.id, now=now)
        for _ in RETRIES:
            mark_failed(session, first.id, "no answer", now=now)
            assert next_event(session, hook.id, now=now) is None
        mark_failed(session, first.id, "no answer", now=now)
        assert next_event(session, hook.id, now=utc_now()).body == {"number": 2}


def test_what_others_sent_is_not_read_again_and_again(service, hook) -> None:
    """A submission of another project, or from a file, moves the place up to which the webhook has looked."""
    with service.database.writing() as session:
        secret = get_project(session, "secret")
        row = {
            "id": "c",
            "prompt": "p",
            "completions": [{"text": "a"}, {"text": "b"}],
            "rankings": [{"annotator": "x", "ranks": [1, 2]}],
        }
        read = [(1, comparison_from_json(row))]
        import_comparisons(session, secret.id, lambda _: read, source="test")
        newest = last_submission(session)
        assert newest and tell_submissions(session, hook, 1) == newest


def test_a_removed_webhook_is_told_nothing(service, listener, hook) -> None:
    say(service, 1)
    with service.database.writing() as session:
        with pytest.raises(DataError, match="no webhook"):
            remove_webhook(session, hook.project_id + 1, hook.id, now=utc_now(), actor="test")
        remove_webhook(session, hook.project_id, hook.id, now=utc_now(), actor="test")
    run(Worker(service.database, LOCAL))
    assert listener.heard == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://0.0.0.0/",
        "https://[::ffff:127.0.0.1]/",
        "https://user:word@8.8.8.8/",
        "https://8.8.8.8:99999/",
        "https://nowhere.invalid/",
        "https:///x",
        "javascript:alert(1)",
        "",
    ],
)
def test_addresses_inside_our_network_are_refused(url: str) -> None:
    with pytest.raises(DataError):
        check_url(Settings(environment="development"), url)
    assert check_url(Settings(environment="development"), "https://8.8.8.8/x?y=1") == "https://8.8.8.8/x?y=1"


def test_an_address_that_moved_inside_is_refused_when_it_is_told(service, listener, hook) -> None:
    say(service, 1)
    event = EventRecord(id=1, kind="x", body={}, created_at=utc_now(), attempts=0, next_at=utc_now())
    with pytest.raises(NotTold, match="an address inside a network"):
        send(Settings(environment="development"), hook, event, now=utc_now())
    assert listener.heard == []


def test_secrets_are_not_in_the_database_and_differ(service, hook) -> None:
    with service.database.writing() as session:
        add_webhook(session, hook.project_id, hook.url, ["project.changed"], actor="test")
        one, two = list_webhooks(session, hook.project_id)
    assert secret_of(LOCAL, one) != secret_of(LOCAL, two)
    assert one.nonce not in secret_of(LOCAL, one)


def test_the_pages_of_webhooks(service) -> None:
    token = service.become("lea")

    def post(path: str, **data):
        return service.browser.post(path, data={"csrf": token, **data}, follow_redirects=False)

    inside = post("/projects/stories/webhooks", url="https://127.0.0.1/", events=["project.changed"])
    assert inside.status_code == 422 and "inside a network" in inside.text
    assert post("/projects/stories/webhooks", url="https://8.8.8.8/").status_code == 422, "no events"
    assert (
        post("/projects/stories/webhooks", url="https://8.8.8.8/", events=["project.changed"]).status_code
        == 303
    )
    page = service.browser.get("/projects/stories/webhooks").text
    assert "whsec_" in page and "https://8.8.8.8/" in page
    assert post("/projects/stories/status", status="paused").status_code == 303
    with service.database.reading() as session:
        assert session.scalars(select(WebhookEvent.body)).one() == {"status": "paused"}
        number = list_webhooks(session)[0].id
    token = service.become("sec")
    assert post(f"/projects/secret/webhooks/{number}/remove").status_code == 409
    token = service.become("lea")
    assert post(f"/projects/stories/webhooks/{number}/remove").status_code == 303


def test_the_trail_is_sealed_within_seconds_and_verified(service, capsys) -> None:
    with service.database.writing() as session:
        record(session, "test", "act", "subject", {})
    with working(Worker(service.database, LOCAL)):
        deadline = time.monotonic() + 5
        while True:
            with service.database.reading() as session:
                if not count_unsealed(session):
                    break
            assert time.monotonic() < deadline, "not sealed within 5 seconds"
            time.sleep(0.05)
    with service.database.reading() as session:
        length = verify(session)
    assert main(["audit", "verify"]) == 0
    assert f"{length} entries are sealed and unchanged; 0 wait" in capsys.readouterr().out
    with service.database.writing() as session:
        session.execute(update(Audit).where(Audit.sequence == 2).values(actor="somebody else"))
    assert main(["audit", "verify", "--json"]) == 1
    assert "broken at entry 2" in capsys.readouterr().err


def test_a_failing_job_is_tried_again_later_and_does_not_stop_the_worker(service, caplog) -> None:
    with service.database.writing() as session:
        enqueue(session, "refresh-figures", {"wrong": 1}, now=utc_now())
    worker = Worker(service.database, LOCAL)
    assert worker.step()
    with service.database.reading() as session:
        job = session.scalars(select(Job).where(Job.error.is_not(None))).one()
        assert (job.status, job.attempts) == ("queued", 1) and "KeyError" in job.error
    assert "failed in try 1" in caplog.text
    run(worker)
    with service.database.reading() as session:
        assert count_jobs(session).get("queued", 0) == 1


def test_jobs_of_unknown_kinds_are_left_alone_and_old_ones_forgotten(service) -> None:
    now = utc_now()
    with service.database.writing() as session:
        enqueue(session, "training", {}, now=now)
        done = enqueue(session, "refresh-figures", {"project": get_project(session, "stories").id}, now=now)
        assert claim(session, ["nothing"], "w", now=now) is None
    run(Worker(service.database, LOCAL))
    with service.database.writing() as session:
        assert session.get(Job, done).status == "done"
        assert prune(session, before=now - timedelta(days=1)) == 0
        assert prune(session, before=utc_now() + timedelta(seconds=1)) >= 1
        assert session.scalars(select(Job.kind).where(Job.kind == "training")).all() == ["training"]
    assert "training" not in JOBS


def test_the_worker_command_does_what_is_due(service, monkeypatch, listener, hook) -> None:
    monkeypatch.setenv("ACCORD_ENVIRONMENT", "development")
    monkeypatch.setenv("ACCORD_WEBHOOK_PRIVATE_ADDRESSES", "true")
    say(service, 7)
    assert main(["worker", "--once"]) == 0
    assert numbers(listener) == [7]
