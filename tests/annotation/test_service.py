"""The service's pages: who sees what, and what the pages say."""

import json
import re
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest

from annotation.ages import age, ago, when
from annotation.agreement import measure_agreement
from annotation.agreement_store import last_agreement
from annotation.language import translator
from annotation.scripts import address
from cli.main import main
from storage.accounts import find_account
from storage.comparisons import read_comparisons
from storage.importing import import_comparisons_file
from storage.projects import get_project
from storage.runs import index_runs
from storage.withdrawals import withdraw_annotator
from workbench.home import runs_folder
from workbench.jsonl import write_comparisons
from workbench.records import Comparison, Completion, Ranking

HOSTILE = "<script>alert(1)</script>"


def fill(service, tmp_path, num: int = 12) -> None:
    """Rankings of `num` prompts by ann and bob, and one comparison that nobody ranked, into stories."""
    parts = [
        Comparison(
            id=f"c{p}",
            prompt=f"prompt {p} {HOSTILE}",
            completions=tuple(Completion(text=text) for text in ("one", "two", "three")),
            rankings=tuple(
                Ranking(
                    id=f"{p}{who}", annotator=who, annotator_kind="simulated", ranks=(1, 2, 3 - p % 2 * i)
                )
                for i, who in enumerate(("sim-ann", f"sim-{HOSTILE}"))
            ),
        )
        for p in range(num)
    ]
    parts.append(Comparison(id="last", prompt="p", completions=(Completion(text="a"), Completion(text="b"))))
    write_comparisons(tmp_path / "c.jsonl", parts)
    with service.database.writing() as session:
        import_comparisons_file(session, get_project(session, "stories").id, tmp_path / "c.jsonl")


def test_health_needs_nobody(service) -> None:
    assert service.browser.get("/healthz").json() == {"status": "ok"}
    assert service.browser.get("/readyz").json() == {"status": "ok"}
    style = service.browser.get("/static/accord.css")
    assert "prefers-color-scheme" in style.text and style.headers["content-type"].startswith("text/css")


def test_readyz_says_when_the_database_is_gone(service, home) -> None:
    service.database.dispose()
    for file in home.glob("accord.db*"):
        file.unlink()
    home.rmdir()
    answer = service.browser.get("/readyz")
    assert answer.status_code == 503 and service.browser.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("login", "page", "status"),
    [
        ("ada", "/projects/secret", 200),
        ("lea", "/projects/stories", 200),
        ("lea", "/projects/secret", 404),
        ("lea", "/projects/nothing", 404),
        ("lea", "/runs", 200),
        ("ann", "/projects/stories", 403),
        ("ann", "/projects/stories/agreement", 403),
        ("ann", "/runs", 404),
        ("nil", "/projects/stories", 404),
        ("nil", "/runs", 404),
        ("ada", "/runs/nothing", 404),
        ("ada", "/nowhere", 404),
    ],
)
def test_who_sees_what(service, login: str, page: str, status: int) -> None:
    service.sign_in(login)
    answer = service.browser.get(page)
    assert answer.status_code == status
    if status == 404:
        assert "may not see it" in answer.text
    if status == 403:
        assert "Your role in this project does not allow this" in answer.text


def test_annotators_see_their_project_without_its_figures(service, tmp_path) -> None:
    fill(service, tmp_path)
    service.sign_in("ann")
    page = service.browser.get("/").text
    assert "stories" in page and "rankings that count" not in page and 'href="/projects/stories"' not in page


def test_headers_keep_other_sites_out(service) -> None:
    answer = service.browser.get("/sign-in")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert re.findall(r"<script[^>]*>[^<]*</script>", answer.text) == [
        f'<script type="module" src="{address("times.js")}"></script>'
    ]
    assert "<style" not in answer.text


def test_project_page_counts_progress(service, tmp_path) -> None:
    fill(service, tmp_path)
    service.sign_in("lea")
    page = service.browser.get("/projects/stories").text
    assert "12 of 13" in page and "24 rankings that count, of 13 wanted" in re.sub(r"\s+", " ", page)
    assert "Not computed yet" in page
    with service.database.writing() as session:
        withdraw_annotator(session, "sim-ann", reason="test", actor="test")
    again = re.sub(r"\s+", " ", service.browser.get("/projects/stories").text)
    assert "12 rankings that count, of 13 wanted" in again


def test_agreement_is_computed_by_the_command_and_shown(service, tmp_path, capsys) -> None:
    fill(service, tmp_path)
    service.sign_in("lea")
    assert "Not computed yet" in service.browser.get("/projects/stories/agreement").text
    assert main(["agreement", "--project", "stories", "--json", "--bootstrap", "50"]) == 0
    figures = json.loads(capsys.readouterr().out)
    page = service.browser.get("/projects/stories/agreement").text
    assert "All labels here are simulated" in page and "just now" in page
    assert HOSTILE not in page and "&lt;script&gt;alert(1)" in page
    assert "<style" not in page, "the content policy would not let it in"
    stored = last_agreement(get_project_id(service))
    assert stored is not None and stored.figures == figures
    summary = service.browser.get("/projects/stories").text
    assert f"{100 * figures['raw']['with_ties']['value']:.1f} %" in summary and "simulated" in summary


def test_withdrawn_labels_do_not_count(service, tmp_path) -> None:
    fill(service, tmp_path)
    with service.database.writing() as session:
        withdraw_annotator(session, "sim-ann", reason="test", actor="test")
    with service.database.reading() as session:
        project = get_project(session, "stories")
        found = measure_agreement(read_comparisons(session, project.id), source="stories", draws=0)
    assert found.counts["annotators"] == 1 and found.counts["rankings"] == 12


def get_project_id(service) -> int:
    with service.database.reading() as session:
        return get_project(session, "stories").id


def test_runs_come_from_their_folders(service) -> None:
    folder = runs_folder() / "reward-1"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(f"seed: 1\nnote: '{HOSTILE}'\n")
    (folder / "environment.json").write_text(
        json.dumps({"stage": "reward", "started_at": "2026-01-01T00:00:00+00:00"})
    )
    lines = [json.dumps({"step": i, "reward/accuracy": 0.5 + i / 20}) for i in range(5)]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    service.sign_in("ada")
    assert "accord runs index" in service.browser.get("/runs").text
    with service.database.writing() as session:
        index_runs(session)
    assert "reward-1" in service.browser.get("/runs").text
    page = service.browser.get("/runs/reward-1").text
    assert "unfinished" in page and "reward/accuracy" in page and "<svg" in page
    assert HOSTILE not in page
    assert service.browser.get("/runs/reward-1/report").status_code == 404
    (folder / "report.html").write_text("<h1>the report</h1>")
    report = service.browser.get("/runs/reward-1/report")
    assert "the report" in report.text and "sandbox" in report.headers["content-security-policy"]
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    assert "not where it was" in service.browser.get("/runs/reward-1").text


def test_account_command(service, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("a password of hers\n"))
    arguments = [
        "account",
        "create",
        "eve",
        "--project",
        "stories",
        "--role",
        "researcher",
        "--password-stdin",
    ]
    assert main(arguments) == 0
    assert "researcher in stories" in capsys.readouterr().out
    assert service.sign_in("eve", "a password of hers").status_code == 303
    monkeypatch.setattr("sys.stdin", StringIO("another password\n"))
    assert main(arguments) == 1
    assert "there is an account 'eve' already" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", StringIO("a password of hers\n"))
    assert (
        main(["account", "create", "mal", "--project", "stories", "--role", "owner", "--password-stdin"]) == 1
    )
    assert "annotator, reviewer, lead, researcher" in capsys.readouterr().err
    with service.database.reading() as session:
        assert find_account(session, "mal") is None, "nothing half made"


def test_age_in_words() -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    english, chinese = translator("en"), translator("zh")
    assert age(now, english, now) == "just now"
    assert age(now - timedelta(minutes=4), english, now) == "4 minutes ago"
    assert age((now - timedelta(hours=1)).replace(tzinfo=None), english, now) == "1 hour ago"
    assert age(now - timedelta(days=3), english, now) == "3 days ago"
    assert age(now - timedelta(days=1), chinese, now) == "1 天前"


def test_moments_say_that_they_are_utc() -> None:
    noon = datetime(2026, 11, 24, 12, 0, 5)
    assert when(noon) == (
        '<time datetime="2026-11-24T12:00:05+00:00" data-local="minute">2026-11-24 12:00 UTC</time>'
    )
    assert ">12:00:05 UTC<" in when(noon, "%H:%M:%S") and 'data-local="clock"' in when(noon, "%H:%M:%S")
    assert 'title="2026-11-24 12:00 UTC"' in ago(noon, translator("en"))
