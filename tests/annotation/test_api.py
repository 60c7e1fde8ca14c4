"""The JSON API: the contract of docs/service-api.md, through the whole application."""

import pytest
from sqlalchemy import select

from annotation.client import Client, ServiceError
from storage.accounts import add_membership, create_account, find_account
from storage.importing import import_comparisons
from storage.projects import get_project
from storage.tables import Comparison, GuidelineVersion, Project, Ranking, Submission
from workbench.records import Comparison as Record
from workbench.records import Completion
from workbench.records import Ranking as RankingRecord

TEXTS = ("one", "two", "three", "four")


def comparison(name, **more):
    completions = tuple(Completion(text=text, source=("secret-model",)) for text in TEXTS)
    return Record(id=name, prompt=f"prompt {name}", completions=completions, tags={"t": "secret-tag"}, **more)


@pytest.fixture
def load(service):
    def load(*comparisons, **settings):
        with service.database.writing() as session:
            project = get_project(session, "stories")
            session.get_one(Project, project.id).settings = settings
            session.flush()
            import_comparisons(session, project.id, lambda _: enumerate(comparisons, 1), source="test")

    return load


@pytest.fixture
def ann(service):
    """Ann, an annotator of stories, with the client that scripts use."""
    client = Client("http://testserver", http=service.browser)
    client.sign_in("ann", service.password)
    return client


def place_of(task, text):
    return [completion["text"] for completion in task["completions"]].index(text)


def refused(status, code):
    return pytest.raises(ServiceError, match=rf"\({status} {code}\)")


def test_a_ranking_from_the_page_to_the_database(load, ann, service):
    """Tiers in the places shown come back by completion, whatever order was drawn."""
    load(comparison("c1"), note="optional", questions=[{"name": "overall"}], rules=["cites"])
    assert ann.projects() == [
        {"name": "stories", "description": "<b>bold</b> & plain", "roles": ["annotator"], "status": "open"}
    ]
    found = ann.next("stories")
    task = found["task"]
    assert found["mine"] == {"today": 0, "total": 0, "left": 1}
    assert "secret" not in str(task) and "c1" not in task["id"]
    places = {text: place_of(task, text) for text in TEXTS}
    tiers = [0] * 4
    for text, tier in zip(TEXTS, (2, 1, None, 2), strict=True):
        tiers[places[text]] = tier
    flags = [["untrue"] if completion["text"] == "one" else [] for completion in task["completions"]]
    likert = [{"one": 6, "two": 7, "three": None, "four": 1}[c["text"]] for c in task["completions"]]
    checks = [
        {"one": "yes", "two": "no", "three": None, "four": "unsure"}[c["text"]] for c in task["completions"]
    ]
    done = ann.submit(
        task["id"],
        {"helpful": tiers},
        flags=flags,
        answers={"overall": likert},
        rules={"cites": checks},
        note=" why ",
        seconds=41.5,
        session="a sitting",
        timings={"first_action": 3.2, "seen": [1, 2, 3, 4], "input": "keyboard"},
    )
    assert done["feedback"] is None
    with service.database.reading() as session:
        ranking, row = session.execute(select(Ranking, Submission).join(Submission)).one()
        assert ranking.ranks == [2, 1, None, 2]
        assert row.flags == [["untrue"], [], [], []]
        assert row.answers == {"overall": [6, 7, None, 1], "rule:cites": ["yes", "no", None, "unsure"]}
        assert (row.note, row.seconds, row.sitting, row.origin) == ("why", 41.5, "a sitting", "service")
        assert sorted(row.order) == [0, 1, 2, 3] and row.order[places["one"]] == 0
    assert ann.next("stories") == {
        "task": None,
        "reason": "nothing-left",
        "mine": {"today": 1, "total": 1, "left": 0},
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"tiers": {}}, "rankings.helpful"),
        ({"tiers": {"helpful": [1, 2]}}, "rankings.helpful.tiers"),
        ({"tiers": {"helpful": [None] * 4}}, "rankings.helpful.tiers"),
        ({"tiers": {"helpful": [1, 2, 3, 4], "other": [1, 2, 3, 4]}}, "rankings"),
        ({"flags": [["no-such-flag"], [], [], []]}, "flags"),
        ({"flags": [["bad"]]}, "flags"),
        ({"answers": {"none": [1, 2, 3, 4]}}, "answers"),
        ({"rules": {"none": ["yes"] * 4}}, "rules"),
        ({"demonstration": "text"}, "demonstration"),
    ],
)
def test_an_answer_that_does_not_fit_the_form(load, ann, service, body, field):
    load(comparison("c1"))
    task = ann.next("stories")["task"]
    tiers = body.pop("tiers", {"helpful": [1, 2, 3, 4]})
    with refused(422, "invalid-answer") as caught:
        ann.submit(task["id"], tiers, **body)
    assert str(caught.value).startswith(field)
    with service.database.reading() as session:
        assert session.scalars(select(Submission.id)).all() == []


@pytest.mark.parametrize(
    "tiers", [[0, 1, 2, 3], ["1", 2, 3, 4], [1.5, 2, 3, 4], [100, 1, 1, 1], [1] * 10, "1234", None]
)
def test_tiers_that_are_none(load, ann, tiers):
    load(comparison("c1"))
    task = ann.next("stories")["task"]
    with refused(422, "invalid"):
        ann._call(
            "POST", f"/tasks/{task['id']}/submit", {"rankings": {"helpful": {"tiers": tiers}}}, key="12345678"
        )


def test_text_that_no_database_can_store(load, ann):
    load(comparison("c1"))
    task = ann.next("stories")["task"]
    with refused(422, "invalid"):
        ann.submit(task["id"], {"helpful": [1, 2, 3, 4]}, note="a\x00b")
    with refused(422, "invalid"):
        ann.draft(task["id"], {"note": {"deep": ["a\x00b"]}})
    lone = ann.http.put(
        f"/api/v1/tasks/{task['id']}/draft",
        content=b'{"content": {"note": "a\\ud800"}}',
        headers={**ann._headers, "Content-Type": "application/json"},
    )
    assert lone.status_code == 422 and "surrogate" in lone.text


def test_keys_drafts_and_revisions(load, ann):
    load(comparison("c1"), comparison("c2"))
    task = ann.next("stories")["task"]
    ahead = ann.next("stories", exclude=[task["id"]])["task"]
    with refused(409, "too-many-tasks"):
        ann.next("stories", exclude=[task["id"], ahead["id"]])
    assert ann.draft(task["id"], {"tiers": [1]}, seconds=12.5)["expires_at"] > task["expires_at"]
    again = ann.next("stories")["task"]
    assert (again["id"], again["draft"], again["seconds_before"]) == (task["id"], {"tiers": [1]}, 12.5)
    assert again["completions"] == task["completions"]
    first = ann.submit(task["id"], {"helpful": [1, 2, 3, None]}, key="the-same-key", note="a note")
    assert ann.submit(task["id"], {"helpful": [4, 4, 4, 4]}, key="the-same-key") == first
    with refused(409, "already-answered"):
        ann.submit(task["id"], {"helpful": [1, 2, 3, 4]})
    with refused(409, "key-reused"):
        ann.submit(ahead["id"], {"helpful": [1, 2, 3, 4]}, key="the-same-key")
    revision = ann.revise(first["submission"])
    assert revision["completions"] == task["completions"] and revision["revises"] == first["submission"]
    assert revision["draft"]["rankings"] == {"helpful": {"tiers": [1, 2, 3, None], "strength": None}}
    assert revision["draft"]["note"] == "a note"
    second = ann.submit(revision["id"], {"helpful": [2, 1, 3, 4]})
    with refused(409, "superseded"):
        ann.revise(first["submission"])
    skipped = ann.skip(ahead["id"], "unclear", note="what?")
    history = ann.history("stories")
    assert [entry["id"] for entry in history] == [skipped["submission"], second["submission"]]
    assert (history[0]["outcome"], history[0]["reason"], history[0]["tiers"]) == ("skipped", "unclear", {})
    assert (history[1]["prompt_start"], history[1]["tiers"]) == ("prompt c1", {"helpful": [2, 1, 3, 4]})
    assert ann.history("stories", before=skipped["submission"], limit=1) == history[1:]
    with refused(410, "lease-expired"):
        ann.heartbeat(task["id"])


def test_practice_tells_what_was_expected(load, ann):
    right = RankingRecord(
        id="r", annotator="lead", annotator_kind="adjudicator", ranks=(1, 2, 3, 4), note="because"
    )
    load(
        comparison("q", kind="qualification", rankings=(right,)),
        qualification={"comparisons": 1, "pass": 0.7},
    )
    task = ann.next("stories")["task"]
    assert task["mode"] == "practice"
    tiers = [4 - TEXTS.index(completion["text"]) for completion in task["completions"]]
    done = ann.submit(task["id"], {"helpful": tiers}, key="practice-key")
    expected = [5 - tier for tier in tiers]
    assert done["feedback"] == {"agrees": 0.0, "expected": {"helpful": expected}, "explanation": "because"}
    assert ann.submit(task["id"], {"helpful": tiers}, key="practice-key") == done
    assert ann.next("stories")["reason"] == "not-qualified"


def test_gold_looks_like_any_other_task(load, ann):
    right = RankingRecord(id="r", annotator="lead", annotator_kind="adjudicator", ranks=(1, 2, 3, 4))
    load(
        *(comparison(f"c{n}") for n in range(6)),
        comparison("g", kind="gold", rankings=(right,)),
        gold_share=0.5,
    )
    seen = {}
    while (task := ann.next("stories")["task"]) is not None:
        seen[task["prompt"]] = sorted((key, type(value)) for key, value in task.items())
        assert ann.submit(task["id"], {"helpful": [1, 2, 3, 4]})["feedback"] is None
    assert "prompt g" in seen and len({str(keys) for keys in seen.values()}) == 1


def test_guideline_and_questions(load, ann, service):
    load(comparison("c1"))
    with service.database.writing() as session:
        project = get_project(session, "stories")
        session.add(GuidelineVersion(project_id=project.id, version="v1", text="# Read <script>x</script>"))
    task = ann.next("stories")["task"]
    assert task["guideline"] == {"version": "v1", "changed": True}
    text = ann._call("GET", "/projects/stories/guideline")
    assert text["version"] == "v1" and "<script>" not in text["html"] and "<h1>" in text["html"]
    ann._call("POST", "/projects/stories/guideline/acknowledge", {"version": "v1"})
    assert ann.next("stories")["task"]["guideline"] == {"version": "v1", "changed": False}
    with refused(422, "unknown-guideline"):
        ann.submit(task["id"], {"helpful": [1, 2, 3, 4]}, guideline="v9")
    asked = ann._call("POST", f"/tasks/{task['id']}/question", {"text": "What is meant?"})["question"]
    (own,) = ann._call("GET", "/projects/stories/questions")["questions"]
    assert (own["text"], own["annotator"], own["comparison"]) == ("What is meant?", None, None)
    with refused(404, "not-found"):
        ann._call("POST", f"/questions/{asked}/answer", {"text": "This."})
    lea = Client("http://testserver", http=service.browser)
    lea.sign_in("lea", service.password)
    (seen,) = lea._call("GET", "/projects/stories/questions")["questions"]
    assert seen["comparison"] == "c1" and seen["annotator"].startswith("person-")
    lea._call("POST", f"/questions/{asked}/answer", {"text": "This."})
    assert lea._call("GET", "/projects/stories/questions")["questions"][0]["answer"] == "This."


def test_a_project_takes_no_work_when_it_is_not_open(load, ann):
    for settings, reason in (
        ({"status": "paused"}, "paused"),
        ({"status": "closed"}, "nothing-left"),
        ({"hours": {"from": "00:00", "to": "00:00", "days": ["mon"]}}, None),
    ):
        load(comparison("c1"), **settings)
        found = ann.next("stories")
        assert found["reason"] == reason or "hours" in settings


def test_rights(load, ann, service):
    """Another's task and submission, another project, no session, no token: nothing tells whether they exist."""
    load(comparison("c1"), comparison("c2"))
    task = ann.next("stories")["task"]
    done = ann.submit(task["id"], {"helpful": [1, 2, 3, 4]})
    held = ann.next("stories")["task"]
    with service.database.writing() as session:
        password = find_account(session, "ann").password_hash
        add_membership(
            session, create_account(session, "bob", password), get_project(session, "stories").id, "annotator"
        )
    with refused(404, "not-found"):
        ann.next("secret")
    ann._headers = {}
    with refused(403, "form-refused"):
        ann.next("stories")
    bob = Client("http://testserver", http=service.browser)
    bob.sign_in("bob", service.password)
    for call in (
        lambda: bob.heartbeat(held["id"]),
        lambda: bob.submit(held["id"], {"helpful": [1, 2, 3, 4]}),
    ):
        with refused(410, "lease-expired"):
            call()
    with refused(404, "not-found"):
        bob.revise(done["submission"])
    assert bob.history("stories") == []
    lea = Client("http://testserver", http=service.browser)
    lea.sign_in("lea", service.password)
    with refused(403, "forbidden"):
        lea.next("stories")
    service.browser.cookies.clear()
    with refused(401, "not-signed-in"):
        lea.projects()


def test_the_description_names_every_path(service):
    described = service.browser.get("/api/v1/openapi.json").json()
    assert {
        "/api/v1/projects",
        "/api/v1/projects/{project}/tasks/next",
        "/api/v1/tasks/{task}/submit",
        "/api/v1/tasks/{task}/skip",
        "/api/v1/tasks/{task}/draft",
        "/api/v1/tasks/{task}/heartbeat",
        "/api/v1/submissions/{submission}/revise",
        "/api/v1/projects/{project}/history",
    } <= set(described["paths"])
    assert all(path.startswith("/api/v1/") for path in described["paths"])


def test_an_account_gets_one_pseudonym_that_tells_nothing(load, ann, service):
    load(comparison("c1"))
    ann.next("stories")
    with service.database.reading() as session:
        from storage.tables import Account, Annotator

        row = session.scalars(select(Annotator).join(Account).where(Account.login == "ann")).one()
        assert row.pseudonym.startswith("person-") and "ann" not in row.pseudonym.removeprefix("person-")
        assert session.scalars(select(Comparison.votes)).all() == [0]
