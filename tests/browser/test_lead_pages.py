"""The pages of leads, reviewers and admins, on real comparisons: axe finds nothing, and the keyboard reaches everything."""

import itertools
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from fastapi import Response
from playwright.sync_api import Page, expect

from annotation.agreement_store import refresh_agreement
from annotation.worker import Worker
from storage.accounts import add_membership, create_account, set_locale
from storage.annotators import ensure_annotator
from storage.disputes import list_disputes
from storage.figures import list_counters
from storage.guidelines import add_guideline
from storage.hooks import add_webhook
from storage.importers.pandalm import read_pandalm
from storage.importing import import_comparisons
from storage.invitations import create_invitation
from storage.projects import ProjectRecord, create_project
from storage.runs import index_runs
from storage.snapshots import freeze_project
from storage.tables import utc_now
from tests.browser.looking import FOCUSABLE, PHONE, tabbed, violations
from workbench.checkpoints import CheckpointInfo, save_checkpoint
from workbench.runs import open_run

DESKTOP = {"viewport": {"width": 1366, "height": 768}}
LOOKS: dict[str, dict[str, Any]] = {
    "english": DESKTOP,
    "chinese": {**PHONE, "color_scheme": "dark"},
}
GUIDELINE = (
    "# Which would help more?\n\n1. Read both to the end.\n2. A wrong fact is worse than a dull sentence.\n"
)
SETTINGS = {
    "criteria": [{"name": "helpful", "label": "Helpful", "instruction": "Which would help the person more?"}],
    "questions": [{"name": "overall", "label": "Overall quality"}],
    "policy": {"kind": "overlap", "overlap": 5},
    "pay": {"per_hour": 15, "currency": "EUR"},
}
RANK_ONE = """async (project) => {
  const headers = {"X-CSRF-Token": JSON.parse(document.getElementById("page-data").textContent).csrf,
    "Content-Type": "application/json", "Idempotency-Key": "lead-pages"};
  const send = async (path, body) => {
    const answer = await fetch(`/api/v1/${path}`, {method: "POST", headers, body: JSON.stringify(body)});
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  };
  const {task} = await send(`projects/${project}/tasks/next`, {exclude: []});
  await send(`tasks/${task.id}/question`, {text: "Is the second one cut off on purpose?"});
  await send(`tasks/${task.id}/submit`, {rankings: {helpful: {tiers: [2, 1]}}, answers: {}, seconds: 40,
    guideline: task.guideline.version, session: "first-sitting"});
}"""
REFUSED = {("lead", "nowhere"): 404, ("annotator", "settings"): 403, ("stranger", "none"): 410}
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class RunSettings:
    """Settings of a run that trains nothing."""

    snapshot: str
    learning_rate: float = 1e-5


@dataclass
class Led:
    """A project with something on every page, and people to see it."""

    site: Any
    chromium: Any
    project: ProjectRecord
    invitation: str = ""
    dispute: int = 0
    annotator: str = ""
    """Who ranked one comparison in the browser."""

    def visit(self, role: str, language: str = "en", *, is_admin: bool = False, **options: Any) -> Page:
        """A browser page of somebody new with that role."""
        context = self.chromium.new_context(reduced_motion="reduce", **options)
        with self.site.database.writing() as session:
            login = f"{self.project.name}-{role}-{next(_NUMBERS)}"
            account = create_account(session, login, "none", is_admin=is_admin)
            add_membership(session, account, self.project.id, role)
            set_locale(session, account, language)
            ensure_annotator(session, account)
        response, sessions = Response(), self.site.app.state.sessions
        sessions.write(response, sessions.begin(account, "none"))
        name, _, rest = response.headers["set-cookie"].partition("=")
        context.add_cookies([{"name": name, "value": rest.split(";")[0], "url": self.site.url}])
        return context.new_page()

    def open(self, page: Page, place: str, status: int = 200) -> None:
        answer = page.goto(f"{self.site.url}/{place}")
        assert answer is not None and answer.status == status, (place, answer and answer.status)

    def pages(self) -> dict[str, list[str]]:
        """The places that each of lead and stranger sees."""
        name = self.project.name
        of_project = (
            "",
            "live",
            "agreement",
            "snapshots",
            "review",
            f"review/{self.dispute}",
            "data",
            "preview",
        )
        of_project += (
            "settings",
            "guidelines",
            "members",
            f"annotators/{self.annotator}",
            "questions",
            "pay",
        )
        of_project += ("webhooks", "my-agreement", "guideline")
        of_site = ["", "account", "accounts", "new-project", "runs", f"runs/{name}-reward", "nowhere"]
        return {
            "lead": [f"projects/{name}/{page}".rstrip("/") for page in of_project] + of_site,
            "annotator": [
                "",
                *(f"projects/{name}/{page}" for page in ("history", "my-questions", "settings")),
            ],
            "stranger": ["sign-in", f"join/{self.invitation}", "join/none"],
        }


@pytest.fixture(scope="module")
def led(site, chromium, shared):
    with site.database.writing() as session:
        project = create_project(session, "pandalm", description="Two answers each", settings=SETTINGS)
        found = itertools.islice(read_pandalm(shared / "pandalm/pandalm_3annotators.jsonl.gz"), 80, 120)
        import_comparisons(session, project.id, lambda on_bad: enumerate(found, 1), source="pandalm")
        add_guideline(session, project.id, GUIDELINE, changes="", actor="test")
        add_webhook(session, project.id, "https://example.org/accord", ["dispute.ended"], actor="test")
        token = create_invitation(
            session, project.id, "annotator", uses=5, lasts=timedelta(days=2), now=utc_now(), actor="test"
        )
    made = Led(site, chromium, project, invitation=token)
    page = made.visit("annotator")
    made.open(page, "projects/pandalm/rank")
    page.evaluate(RANK_ONE, "pandalm")
    page.context.close()
    snapshot = freeze_project(site.database, project, actor="test")
    with open_run("reward", RunSettings(snapshot=str(snapshot.path)), name="pandalm-reward") as run:
        for step in range(3):
            run.log(step, {"reward/accuracy": 0.5 + step / 10})
        info = CheckpointInfo(
            stage="reward", run="pandalm-reward", parents=(), snapshot=snapshot.content_hash
        )
        save_checkpoint(
            run.final_checkpoint, info, lambda folder: (folder / "w.bin").write_text("w") and None
        )
        run.finish({"reward/accuracy": 0.7})
    worker = Worker(site.database, site.app.state.settings)
    while worker.step():
        pass
    refresh_agreement(site.database, project.id, draws=50)
    with site.database.writing() as session:
        index_runs(session)
        made.dispute = list_disputes(session, project.id)[0].id
        made.annotator = list_counters(session, project.id)[0].pseudonym
    return made


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_on_any_page(led, look):
    language = {"english": "en", "chinese": "zh"}[look]
    found = {}
    for who, places in led.pages().items():
        page = led.visit(
            who if who != "stranger" else "annotator", language, is_admin=who == "lead", **LOOKS[look]
        )
        if who == "stranger":
            page.context.clear_cookies()
            page.set_extra_http_headers({"Accept-Language": language})
        for place in places:
            led.open(page, place, REFUSED.get((who, place.rpartition("/")[2]), 200))
            assert page.evaluate("document.documentElement.lang") == language, place
            wrong = violations(page)
            if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
                wrong.append("it scrolls sideways")
            if wrong:
                found[place] = wrong
        page.context.close()
    assert found == {}


def test_tab_reaches_everything_and_the_frame_is_whole(led):
    found = {}
    page = led.visit("lead", is_admin=True, **DESKTOP)
    for place in led.pages()["lead"]:
        if place.endswith("/preview"):
            continue  # The ranking page has tests of its own.
        led.open(page, place, REFUSED.get(("lead", place), 200))
        expected = page.evaluate(FOCUSABLE)
        stops, wrong = tabbed(page)
        if stops != expected:
            wrong.append(f"{stops} of {expected} reached")
        if wrong:
            found[place] = wrong
    page.context.close()
    assert found == {}


def test_a_cut_frame_would_be_found(led):
    page = led.visit("lead", **DESKTOP)
    led.open(page, "account")
    page.evaluate("document.querySelector('main form').style.overflow = 'hidden'")
    page.evaluate("document.querySelector('a.brand').style.outline = 'none'")
    _, wrong = tabbed(page)
    page.context.close()
    assert any("focus cut by form" in one for one in wrong) and any("no focus" in one for one in wrong)


def test_a_snapshot_by_keyboard_alone(led):
    page = led.visit("researcher", **DESKTOP)
    led.open(page, "projects/pandalm/snapshots")
    page.get_by_label("Share for validation").focus()
    page.keyboard.type("0")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Make the snapshot":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("validation split")
    assert violations(page) == []
    page.context.close()


def test_moments_are_shown_in_the_readers_own_time(led):
    page = led.visit("lead", timezone_id="Asia/Shanghai", **DESKTOP)
    led.open(page, "projects/pandalm/members")
    moment = page.locator("time[data-local]").first
    expect(moment).not_to_contain_text("UTC")
    (written,) = page.evaluate(
        """time => [new Date(time.dateTime).toLocaleString("sv-SE", {timeZone: "Asia/Shanghai"}).slice(0, 16)]""",
        moment.element_handle(),
    )
    expect(moment).to_have_text(written)
    assert moment.get_attribute("title").endswith("UTC")
    page.context.close()


def test_the_live_page_keeps_its_language_when_it_is_brought_up_to_date(led):
    page = led.visit("lead", "zh", **DESKTOP)
    led.open(page, "projects/pandalm/live")
    with page.expect_response("**/live"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#live-state")).to_contain_text("截至")
    # Names and figures of speech aside, nothing has turned to English.
    shown = re.sub("person-[0-9a-f]+", "", page.locator("#live-page").inner_text())
    assert set(re.findall("[A-Za-z]{3,}", shown)) <= {"alpha"}
    assert "后台任务：0 个等待" in shown
    page.context.close()


def test_the_service_refuses_in_the_readers_language(led):
    page = led.visit("annotator", "zh", **DESKTOP)
    led.open(page, "projects/pandalm/rank")
    page.click("#guideline-read")
    page.route("**/tasks/*/submit", lambda route: route.fulfill(
        status=422, json={"error": {"code": "invalid-answer", "message": "note: a note", "field": "note"}}
    ))  # fmt: skip
    page.route("**/tasks/*/skip", lambda route: route.fulfill(
        status=422, json={"error": {"code": "invalid-answer", "message": "note: a note", "field": "note"}}
    ))  # fmt: skip
    page.wait_for_timeout(300)
    page.keyboard.press("s")
    page.keyboard.press("1")
    expect(page.locator("#notices")).to_contain_text("答案不符合项目的表单（note）")
    page.context.close()
