"""Make the pictures of the annotator's guide: `python docs/make_annotator_pictures.py [folder]`.

It runs the service on a made-up project in a temporary folder and drives a Chromium; name another with CHROMIUM.
"""

import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import uvicorn
from fastapi import Response
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from annotation.app import create_app
from annotation.settings import Settings
from storage.accounts import add_membership, create_account
from storage.database import Database, init_database
from storage.importing import import_comparisons
from storage.projects import create_project
from storage.tables import GuidelineVersion
from workbench.records import Comparison, Completion, Ranking

SIZE = {"width": 1180, "height": 720}
PHONE = {"width": 390, "height": 760}
STORIES = (
    "The keeper climbed the stairs with his lamp. Far out the boats turned towards the light, one after another. "
    "When the storm came he sang, so that the sea would know where the rocks were.",
    "A lighthouse is a tower with a light on top. It helps ships. The story is about a lighthouse. The end.",
    "Once there was a lighthouse whose light was afraid of the dark. Each night it shone a little further to see "
    "whether anything was there, and so it was that no ship was ever lost.",
    "I am sorry, I can not write stories. Here is a list of lighthouses instead:\n\n- Pharos\n- Eddystone\n- Fastnet",
)
BOTH = {"note": "optional", "demonstration": "edit"}
GUIDELINE = (
    "# Stories\n\nRank by how glad a child of six would be to hear it.\n\n"
    "- A story that **ends** beats one that stops.\n- Skip what no child should hear."
)


def main(arguments: list[str]) -> int:
    """Take all pictures; 1 with a reason where there is no browser."""
    folder = Path(arguments[0] if arguments else "docs/pictures")
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print("no Chromium found; install it, or name it in CHROMIUM", file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        os.environ["ACCORD_HOME"] = home
        os.environ.pop("ACCORD_DATABASE_URL", None)
        database = init_database()
        app = create_app(Settings(environment="development"), database)
        account = fill(database)
        response = Response()
        app.state.sessions.write(response, app.state.sessions.begin(account, "none"))
        cookie = response.headers["set-cookie"].partition("=")
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            with sync_playwright() as playwright:
                flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
                opened = playwright.chromium.launch(executable_path=browser, args=flags)
                context = opened.new_context(viewport=SIZE, reduced_motion="reduce")
                context.add_cookies([{"name": cookie[0], "value": cookie[2].split(";")[0], "url": url}])
                take(context.new_page(), url, folder)
                opened.close()
        finally:
            server.should_exit = True
            thread.join()
            database.dispose()
    return 0


def fill(database: Database) -> int:
    """A project to rank in and one to practise in, and an annotator of both."""
    right = Ranking(
        id="r", annotator="lead", annotator_kind="adjudicator", ranks=(2, 3, 1, 4), order=(0, 1, 2, 3),
        note="C has an idea and an end, A has a picture, B is no story, D refuses.",
    )  # fmt: skip
    with database.writing() as session:
        account = create_account(session, "mira", "none")
        for name, kind, settings, rankings in (
            ("stories", "ordinary", {}, ()),
            ("practice", "qualification", {"qualification": {"comparisons": 2, "pass": 0.7}}, (right,)),
            ("ideals", "ordinary", BOTH, ()),
        ):
            project = create_project(
                session, name, description="Little stories for children", settings=settings
            )
            add_membership(session, account, project.id, "annotator")
            comparisons = [
                Comparison(
                    id=f"c{i}",
                    prompt="Tell me a very short story about a lighthouse.",
                    completions=tuple(
                        Completion(text=text) for text in STORIES[: 2 if name == "ideals" else 4]
                    ),
                    kind=kind,
                    rankings=rankings,
                )
                for i in range(3)
            ]
            import_comparisons(
                session, project.id, lambda _, found=comparisons: enumerate(found, 1), source=name
            )
            if name == "stories":
                session.add(GuidelineVersion(project_id=project.id, version="v1", text=GUIDELINE))
    return account


def take(page: Page, url: str, folder: Path) -> None:
    """Walk through an annotator's day."""

    def shoot(name: str) -> None:
        file = folder / f"annotator-{name}.png"
        page.screenshot(path=file)
        with Image.open(file) as picture:
            picture.convert("RGB").quantize(96).save(file, optimize=True)
        print(file)

    def rank(project: str, *keys: str) -> None:
        page.goto(f"{url}/projects/{project}/rank")
        page.wait_for_selector(".card")
        page.wait_for_timeout(400)
        if page.locator("#guideline-read").is_visible():
            shoot("guideline")
            page.click("#guideline-read")
            page.wait_for_timeout(300)
        press(*keys)

    def press(*keys: str) -> None:
        for key in keys:
            page.keyboard.press(key)

    page.goto(url)
    shoot("home")
    rank("stories", "2", "1", "c", "2")
    shoot("ranking")
    press("m", "t")
    shoot("flags")
    press("Escape", "?")
    shoot("keys")
    press("Escape", "s")
    shoot("skip")
    press("Escape")
    page.set_viewport_size(PHONE)
    page.evaluate("window.scrollTo(0, 0)")
    shoot("phone")
    page.set_viewport_size(SIZE)
    rank("practice", "1", "2", "3", "4", "Enter")
    page.wait_for_selector("#feedback:not([hidden])")
    shoot("practice")
    rank("ideals", "1", "2")
    page.locator("#sources button").first.click()
    page.locator("#demonstration").press("End")
    page.keyboard.type("\n\nIn the morning there were *two* lights.")
    page.locator("#demonstration-part").scroll_into_view_if_needed()
    shoot("ideal")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
