"""A real Chromium in front of the real service: one browser and one server a session, a project and people a test."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from fastapi import Response
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from annotation.app import create_app
from annotation.settings import Settings
from storage.accounts import add_membership, create_account
from storage.annotators import ensure_annotator
from storage.database import init_database
from storage.importing import import_comparisons
from storage.projects import create_project
from storage.tables import GuidelineVersion
from workbench.records import Comparison, Completion, Message

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
DESKTOP = {"width": 1366, "height": 768}
expect.set_options(timeout=5000)


@pytest.fixture(scope="session")
def chromium():
    if CHROMIUM is None:
        assert os.environ.get("CI") != "true", "CI needs a Chromium: install it, or name it in CHROMIUM"
        pytest.skip("needs a Chromium: install it, or name it in CHROMIUM")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@dataclass
class Site:
    """The service on a socket of its own, and its database."""

    url: str
    app: Any
    database: Any
    count: int = 0


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    before = {name: os.environ.get(name) for name in ("ACCORD_HOME", "ACCORD_DATABASE_URL")}
    os.environ["ACCORD_HOME"] = str(tmp_path_factory.mktemp("site"))
    os.environ.pop("ACCORD_DATABASE_URL", None)
    database = init_database()
    settings = Settings(environment="development", secret_key="a secret of the test, 32 characters")
    app = create_app(settings, database)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Site(f"http://127.0.0.1:{listener.getsockname()[1]}", app, database)
    server.should_exit = True
    thread.join(timeout=10)
    database.dispose()
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def sign_in(site: Site, context: BrowserContext, login: str, project_id: int, role: str = "annotator") -> int:
    """An account with a role, signed in to the context by the cookie that the service would give it."""
    with site.database.writing() as session:
        account = create_account(session, login, "no password is asked for here")
        add_membership(session, account, project_id, role)
        annotator = ensure_annotator(session, account)
    response = Response()
    sessions = site.app.state.sessions
    sessions.write(response, sessions.begin(account, "no password is asked for here"))
    name, _, rest = response.headers["set-cookie"].partition("=")
    context.add_cookies([{"name": name, "value": rest.split(";")[0], "url": site.url}])
    return annotator.id


@dataclass
class Bench:
    """One annotator's browser page on one project."""

    site: Site
    context: BrowserContext
    page: Page
    project: str
    project_id: int
    annotator_id: int
    problems: list[str] = field(default_factory=list)

    def open(self, query: str = "") -> Page:
        """The ranking page with a task on it."""
        self.page.goto(f"{self.site.url}/projects/{self.project}/rank{query}")
        self.page.wait_for_selector(".card, #demonstration:visible")
        # Keys are dead for 200 ms after a task appears.
        self.page.wait_for_timeout(220)
        return self.page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def read_all(self) -> None:
        """Scroll every card over the screen, as a reader does."""
        for i in range(self.page.locator(".card").count()):
            for end in ("first", "last"):
                self.page.locator(f'.card[data-card="{i}"] [data-end={end}]').evaluate(
                    "mark => mark.scrollIntoView({block: 'center'})"
                )
                self.page.wait_for_timeout(60)
        expect(self.page.locator(".card[data-unread]")).to_have_count(0)

    def next_task(self) -> None:
        """Wait until another task than the last one is on the page, and keys count again."""
        self.page.wait_for_timeout(250)
        self.page.wait_for_selector(".card")

    def submissions(self, count: int | None = None) -> list[Any]:
        """What is in the database of this annotator, oldest first; waits for `count` of them."""
        from sqlalchemy import select

        from storage.tables import Ranking, Submission

        for _ in range(100):
            with self.site.database.reading() as session:
                query = select(Submission).where(Submission.annotator_id == self.annotator_id)
                found = list(session.scalars(query.order_by(Submission.id)))
                rankings = {
                    (one.submission_id, one.criterion): one
                    for one in session.scalars(
                        select(Ranking).where(Ranking.submission_id.in_([each.id for each in found]))
                    )
                }
                session.expunge_all()
            if count is None or len(found) >= count:
                break
            self.page.wait_for_timeout(50)
        assert count is None or len(found) == count, f"{len(found)} submissions, expected {count}"
        for one in found:
            one.by_criterion = {c: r for (key, c), r in rankings.items() if key == one.id}
        return found

    def shown_tiers(self, submission: Any, criterion: str = "helpful") -> list[int | None]:
        """A submission's tiers in the places in which its annotator saw the completions."""
        ranks = submission.by_criterion[criterion].ranks
        return [ranks[i] for i in submission.order]


def story(words: int, name: str) -> str:
    return " ".join([f"Completion {name}:", *["quiet words of middling length"] * (words // 5)])


def _texts(completions: Sequence[str] | int) -> Sequence[str]:
    """The texts themselves, or as many of thirty words."""
    return (
        [story(30, "abcdefghi"[i]) for i in range(completions)]
        if isinstance(completions, int)
        else completions
    )


@pytest.fixture
def bench(site, chromium):
    """Make a bench: `bench(texts, settings=..., prompt=..., count=...)`; closes its browser pages at the end."""
    made: list[Bench] = []

    def make(
        completions: list[list[str]] | Sequence[str] | int = 4,
        *,
        prompt: Any = "Tell me a short story about a lighthouse.",
        settings: dict[str, Any] | None = None,
        count: int = 3,
        kind: str = "ordinary",
        guideline: str | None = None,
        rankings: Any = (),
        **context: Any,
    ) -> Bench:
        site.count += 1
        name = f"p{site.count}"
        tasks = completions if isinstance(completions, list) and isinstance(completions[0], list) else None
        tasks = tasks or [_texts(completions)] * count
        turns = prompt if isinstance(prompt, str) else tuple(Message(role=r, content=c) for r, c in prompt)
        records = [
            Comparison(
                id=f"c{i}",
                prompt=turns if i == 0 or not isinstance(turns, str) else f"{turns} ({i})",
                completions=tuple(Completion(text=text) for text in texts),
                kind=kind,
                rankings=rankings,
            )
            for i, texts in enumerate(tasks)
        ]
        with site.database.writing() as session:
            project = create_project(session, name, settings=settings or {})
            import_comparisons(session, project.id, lambda on_bad: enumerate(records, 1), source="test")
            if guideline:
                session.add(GuidelineVersion(project_id=project.id, version="v1", text=guideline))
        options = {"viewport": DESKTOP, "reduced_motion": "reduce", **context}
        opened = chromium.new_context(**options)
        annotator = sign_in(site, opened, f"{name}-ann", project.id)
        found = Bench(site, opened, opened.new_page(), name, project.id, annotator)
        found.page.on("pageerror", lambda error: found.problems.append(str(error)))
        found.page.on(
            "console",
            lambda message: (
                found.problems.append(message.text)
                if message.type == "error" and "Failed to load resource" not in message.text
                else None
            ),
        )
        made.append(found)
        return found

    yield make
    for one in made:
        one.context.close()
        assert one.problems == []
