"""Make the pictures of the guides for annotators and leads: `python docs/make_annotator_pictures.py [folder]`.

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
THINGS = (
    "a lighthouse",
    "a fox",
    "a kite",
    "the rain",
    "a train",
    "an owl",
    "a shoe",
    "the moon",
    "bread",
    "a bee",
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
        annotator, lead = fill(database)
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
                for account, walk in ((annotator, take), (lead, take_leading)):
                    response = Response()
                    app.state.sessions.write(response, app.state.sessions.begin(account, "none"))
                    name, _, rest = response.headers["set-cookie"].partition("=")
                    context = opened.new_context(viewport=SIZE, reduced_motion="reduce")
                    context.add_cookies([{"name": name, "value": rest.split(";")[0], "url": url}])
                    walk(context.new_page(), url, folder)
                opened.close()
        finally:
            server.should_exit = True
            thread.join()
            database.dispose()
    return 0


def fill(database: Database) -> tuple[int, int]:
    """A project to rank in, one to practise in and one that was ranked; an annotator of them, and a lead."""
    right = Ranking(
        id="r", annotator="lead", annotator_kind="adjudicator", ranks=(2, 3, 1, 4), order=(0, 1, 2, 3),
        note="C has an idea and an end, A has a picture, B is no story, D refuses.",
    )  # fmt: skip
    with database.writing() as session:
        account = create_account(session, "mira", "none")
        lead = create_account(session, "lena", "none")
        for name, kind, settings, rankings in (
            ("stories", "ordinary", {}, ()),
            ("practice", "qualification", {"qualification": {"comparisons": 2, "pass": 0.7}}, (right,)),
            ("ideals", "ordinary", BOTH, ()),
        ):
            project = create_project(
                session, name, description="Little stories for children", settings=settings
            )
            add_membership(session, account, project.id, "annotator")
            add_membership(session, lead, project.id, "lead")
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
        ranked = create_project(session, "bedtime", description="Little stories for children")
        add_membership(session, lead, ranked.id, "lead")
        comparisons = [
            Comparison(
                id=f"c{i:02}",
                prompt=f"Tell me a very short story about {thing}.",
                completions=tuple(Completion(text=text) for text in STORIES),
                rankings=tuple(
                    Ranking(id=f"r{i}-{name}", annotator=name, ranks=(2, 3, 1, 4), order=(0, 1, 2, 3))
                    for name in ("a1", "a2")
                ),
            )
            for i, thing in enumerate(THINGS)
        ]
        import_comparisons(session, ranked.id, lambda _: enumerate(comparisons, 1), source="bedtime")
    return account, lead


def take_leading(page: Page, url: str, folder: Path) -> None:
    """What a lead does now and then."""
    page.goto(f"{url}/projects/bedtime/snapshots")
    page.get_by_role("button", name="Make the snapshot").click()
    page.wait_for_selector(".done")
    shoot(page, folder / "lead-snapshot.png")
    page.goto(f"{url}/projects/bedtime/settings#who")
    shoot(page, folder / "lead-settings.png")


def shoot(page: Page, file: Path) -> None:
    """A picture of what the window shows, small enough for a repository."""
    page.screenshot(path=file)
    with Image.open(file) as picture:
        picture.convert("RGB").quantize(96).save(file, optimize=True)
    print(file)


def take(page: Page, url: str, folder: Path) -> None:
    """Walk through an annotator's day."""

    def shot(name: str) -> None:
        shoot(page, folder / f"annotator-{name}.png")

    def rank(project: str, *keys: str) -> None:
        page.goto(f"{url}/projects/{project}/rank")
        page.wait_for_selector(".card")
        page.wait_for_timeout(400)
        if page.locator("#guideline-read").is_visible():
            shot("guideline")
            page.click("#guideline-read")
            page.wait_for_timeout(300)
        press(*keys)

    def press(*keys: str) -> None:
        for key in keys:
            page.keyboard.press(key)

    page.goto(url)
    shot("home")
    rank("stories", "2", "1", "c", "2")
    shot("ranking")
    press("m", "t")
    shot("flags")
    press("Escape", "?")
    shot("keys")
    press("Escape", "s")
    shot("skip")
    press("Escape")
    page.set_viewport_size(PHONE)
    page.evaluate("window.scrollTo(0, 0)")
    shot("phone")
    page.set_viewport_size(SIZE)
    rank("practice", "1", "2", "3", "4", "Enter")
    page.wait_for_selector("#feedback:not([hidden])")
    shot("practice")
    rank("ideals", "1", "2")
    page.locator("#sources button").first.click()
    page.locator("#demonstration").press("End")
    page.keyboard.type("\n\nIn the morning there were *two* lights.")
    page.locator("#demonstration-part").scroll_into_view_if_needed()
    shot("ideal")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
