"""Setting up a project in the browser: settings, guideline, preview, pay."""

import csv
import io
import json
import re

import pytest

from annotation.project_form import form_from_settings, settings_from_form
from annotation.project_settings import ProjectSettings, read_settings
from storage.accounts import find_account
from storage.annotators import ensure_annotator
from storage.comparisons import read_comparisons
from storage.guidelines import current_guideline, list_guidelines
from storage.projects import find_project, get_project
from storage.standing import count_answer
from storage.tables import utc_now
from tests.annotation.uploading import comparison, lines, upload
from workbench.errors import ConfigError

FULL = {
    "criteria": [
        {"name": "helpful", "label": "Helpful", "instruction": "Which helps more?"},
        {"name": "honest", "label": "Honest", "instruction": ""},
    ],
    "flags": [{"name": "untrue", "label": "Untrue", "key": "u"}],
    "questions": [
        {"name": "overall", "label": "Overall", "kind": "likert", "low": 1, "high": 5, "low_label": "bad",
         "high_label": "good", "required": True},
        {"name": "tone", "label": "Tone", "kind": "choice", "choices": ["warm", "cold"], "required": False},
        {"name": "why", "label": "Why", "kind": "text", "required": False},
    ],
    "rules": [{"name": "cites", "label": "Names its sources"}],
    "note": "required",
    "demonstration": "edit",
    "strength": True,
    "policy": {"kind": "share", "overlap": 4, "share": 0.25},
    "gold_share": 0.05,
    "repeat_share": 0.02,
    "lease_seconds": 900.0,
    "review_threshold": 0.4,
    "qualification": {"comparisons": 5, "pass": 0.8},
    "hours": {"timezone": "Europe/Berlin", "days": ["mon", "fri"], "from": "08:00", "to": "18:30"},
    "pay": {"per_hour": 21.5, "currency": "EUR"},
    "content_warning": "Violence",
}  # fmt: skip


def test_every_setting_survives_the_form() -> None:
    assert settings_from_form(form_from_settings(read_settings(FULL)), {}) == FULL


def test_the_form_of_a_new_project_gives_the_defaults() -> None:
    made = settings_from_form(form_from_settings(ProjectSettings()), {"status": "paused"})
    assert read_settings(made) == read_settings({"status": "paused"})


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"criteria": ""}, "criteria needs at least one"),
        ({"criteria": "helpful\nhelpful"}, "stands there twice"),
        ({"questions": "q | Q | 9-1"}, "low below high"),
        ({"questions": "q | Q | one"}, "needs two or more"),
        ({"overlap": "2.5", "policy": "overlap"}, "overlap must be a whole number"),
        ({"gold_share": "many"}, "gold share must be a number"),
        ({"gold_share": "60"}, "gold_share must be a number from 0 to 0.5"),
        ({"policy": "lottery"}, "policy"),
        ({"timezone": "Mars/Olympus"}, "hours.timezone"),
        ({"pay_by": "smile"}, "by hour or by ranking"),
        ({"note": "maybe"}, "note must be one of"),
    ],
)
def test_what_cannot_be_is_named(fields, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        settings_from_form({**form_from_settings(ProjectSettings()), **fields}, {})


def project(service, name: str = "stories"):
    with service.database.reading() as session:
        return get_project(session, name)


def test_a_lead_makes_a_project_and_leads_it(service) -> None:
    token = service.become("lea")
    assert "New project" in service.browser.get("/").text
    made = service.post("/new-project", token, name="My “new” project?", criteria=["helpful", "harmless"])
    assert made.status_code == 303
    page = service.browser.get(made.headers["location"])
    assert page.status_code == 200 and "harmless" in page.text
    overview = service.browser.get(made.headers["location"].removesuffix("/settings")).text
    for text in ("paused", "Add comparisons", "Write the guideline", "Invite annotators"):
        assert text in overview
    found = project(service, "My “new” project?")
    settings = read_settings(found.settings)
    assert [c.name for c in settings.form.criteria] == ["helpful", "harmless"] and settings.status == "paused"
    with service.database.reading() as session:
        assert find_account(session, "lea").roles[found.id] == {"lead"}


@pytest.mark.parametrize("name", ["", "  ", "a/b", "a\\b", "x" * 81, "a\nb", "..", "stories"])
def test_names_that_cannot_be_paths_are_refused(service, name: str) -> None:
    token = service.become("lea")
    answer = service.post("/new-project", token, name=name, description="<b>kept</b>")
    assert answer.status_code == 422 and "&lt;b&gt;kept" in answer.text


def test_settings_are_saved_whole_or_not_at_all(service) -> None:
    token = service.become("lea")
    fields = form_from_settings(read_settings(FULL))
    saved = service.post("/projects/stories/settings", token, **fields, description="of animals")
    assert saved.status_code == 303
    assert project(service).description == "of animals"
    assert read_settings(project(service).settings) == read_settings(FULL)
    page = service.browser.get("/projects/stories/settings?done=saved").text
    assert "Which helps more?" in page and "Europe/Berlin" in page and "Saved" in page
    refused = service.post("/projects/stories/settings", token, **{**fields, "note": "maybe", "flags": "<i>"})
    assert refused.status_code == 422 and "note must be one of" in refused.text
    assert "&lt;i&gt;" in refused.text, "what was typed is still there"
    assert read_settings(project(service).settings) == read_settings(FULL)


def test_pause_and_resume(service) -> None:
    token = service.become("lea")
    for status in ("paused", "open", "closed"):
        assert service.post("/projects/stories/status", token, status=status).status_code == 303
        assert read_settings(project(service).settings).status == status
        assert f"<strong>{status}</strong>" in service.browser.get("/projects/stories").text
    assert service.post("/projects/stories/status", token, status="ajar").status_code == 409


def test_ids_that_no_database_holds_are_refused(service) -> None:
    token = service.become("lea")
    for page in (f"webhooks/{2**64}/remove", f"questions/{2**64}", f"review/{2**64}"):
        assert service.post(f"/projects/stories/{page}", token).status_code == 422, page


def test_the_preview_shows_the_leads_own_data_and_nobodys_name(service) -> None:
    token = service.become("lea")
    assert service.browser.get("/projects/stories/preview").status_code == 404
    hostile = comparison(1, prompt="</script><script>alert(1)</script>")
    upload(service, token, lines(comparison(0), hostile))
    page = service.browser.get("/projects/stories/preview?at=1")
    data = json.loads(re.search(r'id="page-data">(.*?)</script>', page.text, re.DOTALL)[1])
    assert data["task"]["prompt"] == "</script><script>alert(1)</script>"
    assert sorted(c["text"] for c in data["task"]["completions"]) == ["a", "b"]
    assert (
        "source" not in json.dumps(data["task"]) and "preview.js" in page.text and "main.js" not in page.text
    )
    assert "alert(1)</script>" not in page.text.replace("\\u003c/script\\u003e", "")
    assert service.browser.get("/projects/stories/preview?at=2").status_code == 404


def test_guidelines_have_versions_and_labels_can_be_redone(service) -> None:
    token = service.become("lea")
    path = "/projects/stories/guidelines"
    look = service.post(path, token, text="# Be *kind*", action="look")
    assert "<h1>Be <em>kind</em></h1>" in look.text and "v1" not in look.text
    assert service.post(path, token, text="Be kind.\r\nAlways.").headers["location"].endswith("?done=v1")
    assert service.post(path, token, text="Be kind.\nAlways.").status_code == 422, "nothing is new"
    ranked = [
        comparison(i, rankings=[{"annotator": who, "guideline": "v1", "ranks": [1, 2]} for who in ("x", "y")])
        for i in range(3)
    ]
    upload(service, token, lines(*ranked))
    assert service.post("/projects/stories/redo", token, version="v1").status_code == 422, "v1 is in force"
    assert service.post(path, token, text="Be kinder.", changes="More kindness").status_code == 303
    with service.database.reading() as session:
        found = current_guideline(session, project(service).id)
        assert (found.version, found.changes) == ("v2", "More kindness")
        assert [(g.version, g.labels) for g in list_guidelines(session, found and project(service).id)] == [
            ("v2", 0),
            ("v1", 6),
        ]
    page = service.browser.get(path).text
    assert "Redo the labels of v1" in page and "Redo the labels of v2" not in page
    done = service.post("/projects/stories/redo", token, version="v1", withdraw="true")
    assert "3 comparisons will be ranked again; 6 old labels no longer count" in done.text
    with service.database.reading() as session:
        stored = {c.id: c for c in read_comparisons(session, project(service).id)}
        assert set(stored) == {"c0", "c1", "c2", "c0@v2", "c1@v2", "c2@v2"}
        assert stored["c1@v2"].prompt == "p1" and stored["c1@v2"].tags == {"redo_of": "c1"}
        assert not any(c.rankings for c in stored.values())
    again = service.post("/projects/stories/redo", token, version="v1")
    assert "0 comparisons" in again.text


def test_pay_is_counted_by_pseudonym(service) -> None:
    token = service.become("lea")
    fields = form_from_settings(read_settings({"pay": {"per_hour": 18, "currency": "EUR"}}))
    service.post("/projects/stories/settings", token, **fields)
    with service.database.writing() as session:
        found = get_project(session, "stories")
        annotator = ensure_annotator(session, find_account(session, "ann").id)
        for day, what in (
            ("2026-11-02", "ranked"),
            ("2026-11-02", "ranked"),
            ("2026-11-03", "skipped"),
            ("2026-12-01", "ranked"),
        ):
            count_answer(
                session, found.id, annotator.id, day=day, what=what, seconds=600, now=utc_now(), more={}
            )
    span = "first=2026-11-01&last=2026-11-30"
    page = service.browser.get(f"/projects/stories/pay?{span}").text
    assert annotator.pseudonym in page and "9.00" in page and ">ann<" not in page
    answer = service.browser.get(f"/projects/stories/pay.csv?{span}")
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert row["annotator"] == annotator.pseudonym and "attachment" in answer.headers["content-disposition"]
    assert (row["days"], row["ranked"], row["skipped"], row["hours"], row["pay"]) == (
        "2",
        "2",
        "1",
        "0.500",
        "9.00",
    )
    assert service.browser.get("/projects/stories/pay?first=yesterday").status_code == 422


def test_hostile_words_are_shown_as_words_everywhere(service) -> None:
    token = service.become("lea")
    hostile = "<script>alert(1)</script>'\"; DROP TABLE project; --"
    name = hostile.replace("/", "")
    assert service.post("/new-project", token, name=name, description=hostile).status_code == 303
    made = project(service, name)
    base = "/projects/" + __import__("urllib.parse").parse.quote(name, safe="")
    fields = {
        **form_from_settings(ProjectSettings()),
        "criteria": f"c | {hostile}",
        "content_warning": hostile,
    }
    assert service.post(f"{base}/settings", token, **fields, description=hostile).status_code == 303
    service.post(f"{base}/guidelines", token, text=hostile, changes=hostile)
    upload(service, token, lines(comparison(0, prompt=hostile)), project=base.removeprefix("/projects/"))
    for page in ("", "/settings", "/guidelines", "/guideline", "/data", "/members", "/pay", "/preview"):
        text = service.browser.get(base + page).text
        assert "<script>alert" not in text, page
    with service.database.reading() as session:
        assert find_project(session, "stories") is not None and find_project(session, name) == project(
            service, made.name
        )
