"""A newcomer ranks by hand what the simulated annotators ranked, and sees how far they agree."""

import re

import numpy as np
import pytest
from fastapi.testclient import TestClient

from annotation.app import create_app
from annotation.routes.visit import add_visit
from annotation.settings import Settings
from storage.database import init_database
from storage.importing import import_comparisons
from storage.projects import create_project, get_project
from workbench.errors import DataError
from workbench.home import runs_folder
from workbench.records import Comparison, Completion
from workbench.statistics.simulated import rank_all
from workflow.demo_config import PROJECT
from workflow.demo_grammar import draw_request, write_prompt, write_story
from workflow.demo_visit import prepare_visit
from workflow.demo_world import GUIDELINE_VERSION, PANEL, story_utility


@pytest.fixture
def database(home):
    database = init_database()
    yield database
    database.dispose()


def fill(database):
    """The demo's project as it is after the simulated annotators, with stories of the grammar instead of a model."""
    rng = np.random.default_rng(0)
    comparisons = []
    for i in range(8):
        request = draw_request(rng)
        stories = tuple(Completion(text=write_story(request, rng)) for _ in range(4))
        comparisons.append(Comparison(id=f"c{i}", prompt=write_prompt(request, rng), completions=stories))
    utilities = [story_utility(c.prompt, [one.text for one in c.completions]) for c in comparisons]
    ranked = rank_all(
        comparisons, utilities, PANEL, seed=0, overlap=3, overlap_share=0.5, guideline=GUIDELINE_VERSION
    )
    with database.writing() as session:
        project = create_project(session, PROJECT)
        import_comparisons(session, project.id, lambda _: enumerate(ranked, 1), source="demo")


def test_without_a_demo_there_is_no_visit(database):
    with pytest.raises(DataError, match="'accord demo' makes it"):
        prepare_visit(database, PROJECT)


def test_a_newcomer_ranks_and_sees_the_agreement_change(database):
    fill(database)
    folder = runs_folder() / PROJECT
    folder.mkdir(parents=True)
    (folder / "guideline.md").write_text("Judge the **story**.")
    prepare_visit(database, PROJECT)
    visit = prepare_visit(database, PROJECT)
    app = create_app(Settings(environment="development"), database)
    add_visit(
        app,
        token="a token",
        account_id=visit.account_id,
        password_hash=visit.password_hash,
        leads_to=f"/projects/{PROJECT}/rank",
    )
    with TestClient(app) as browser:
        assert browser.get("/visit/another", follow_redirects=False).status_code == 404
        page = browser.get("/visit/a%20token")
        assert page.url.path == f"/projects/{PROJECT}/rank"
        assert "Judge the <strong>story" in browser.get(f"/projects/{PROJECT}/guideline").text
        token = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
        assert "ranked nothing here yet" in browser.get(f"/projects/{PROJECT}/my-agreement").text
        figures = []
        for number in range(2):
            task = browser.post(
                f"/api/v1/projects/{PROJECT}/tasks/next", json={}, headers={"X-CSRF-Token": token}
            ).json()["task"]
            answer = {"rankings": {"helpful": {"tiers": [1, 2, 3, 4]}}, "guideline": GUIDELINE_VERSION}
            done = browser.post(
                f"/api/v1/tasks/{task['id']}/submit",
                json=answer,
                headers={"X-CSRF-Token": token, "Idempotency-Key": f"key-{number:04}"},
            )
            assert done.status_code == 201, done.text
            text = browser.get(f"/projects/{PROJECT}/my-agreement").text
            assert "simulated annotators, not people" in text
            assert f"ranked {number + 1} comparison" in text
            figures.append(re.findall(r"n = (\d+)", text)[0])
        assert int(figures[1]) > int(figures[0])
    with database.reading() as session:
        assert get_project(session, PROJECT).settings["policy"] == {"kind": "overlap", "overlap": 4}
