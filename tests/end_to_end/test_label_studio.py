"""The bridge against a real Label Studio server: push, annotate as two people, pull, edit, delete, and what goes wrong."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update

from annotation.app import create_app
from annotation.label_studio.layout import label_config
from annotation.label_studio.sync import PULL_JOB, run_pull_job
from annotation.settings import Settings
from cli.main import main
from storage.comparisons import read_comparisons
from storage.database import open_database
from storage.importing import import_comparisons_file
from storage.jobs import claim
from storage.projects import create_project, get_project
from storage.tables import GuidelineVersion, LabelStudioProject, LabelStudioTask, Submission, utc_now
from tests.end_to_end.label_studio_server import label_studio
from workbench.jsonl import write_comparisons
from workbench.records import Comparison, Completion

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(600),
    # Label Studio's SDK renews personal tokens with a method that pydantic has renamed.
    pytest.mark.filterwarnings("ignore:The `parse_obj` method:DeprecationWarning"),
]

K = 3


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    with label_studio(tmp_path_factory.mktemp("label-studio")) as server:
        yield server


@pytest.fixture(scope="module")
def people(studio):
    """Two annotators."""
    return studio.sign_up("bea"), studio.sign_up("cem")


@pytest.fixture
def database(home, monkeypatch, studio, tmp_path):
    """A project `stories` with four comparisons of three and one of two, and a guideline."""
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", studio.admin.token)
    assert main(["init"]) == 0
    database = open_database()
    comparisons = [
        Comparison(
            id=f"secret-id-{n}",
            prompt=f"prompt {n} <b>bold</b>",
            completions=tuple(
                Completion(text=f"text {n}.{i}", source=(f"secret-policy-{i}",)) for i in range(K)
            ),
            tags={"secret-tag": "x"},
        )
        for n in range(4)
    ]
    pair = Comparison(id="pair", prompt="p", completions=(Completion(text="yes"), Completion(text="no")))
    write_comparisons(tmp_path / "c.jsonl", [*comparisons, pair])
    with database.writing() as session:
        project = create_project(session, "stories")
        import_comparisons_file(session, project.id, tmp_path / "c.jsonl")
        session.add(GuidelineVersion(project_id=project.id, version="v1", text="Prefer <short> ones."))
    yield database
    database.dispose()


def run_json(capsys, *arguments):
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def push(capsys, studio, *more):
    return run_json(capsys, "export", "label-studio", "--project", "stories", "--url", studio.url, *more)


def pull(capsys, *more):
    return run_json(capsys, "import", "label-studio", "--project", "stories", *more)


def tasks_of(studio, number):
    """The tasks as they are on the server, by the prompt's number."""
    found = studio.admin.call("GET", f"/api/tasks?project={number}&fields=all&page_size=100")["tasks"]
    return {task["data"]["prompt"]: task for task in found}


def placed(task, *tiers):
    """A result that puts the item at position p into the bucket named."""
    buckets = {}
    for item, tier in zip(task["data"]["items"], tiers, strict=True):
        buckets.setdefault(tier, []).append(item["id"])
    return [{"from_name": "rank", "to_name": "answers", "type": "ranker", "value": {"ranker": buckets}}]


def rankings_of(database, record_id):
    with database.reading() as session:
        project = get_project(session, "stories")
        (comparison,) = read_comparisons(session, project.id, ids=[record_id])
    return comparison


def count_submissions(database):
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(Submission))


def test_there_and_back(studio, people, database, capsys, tmp_path):
    bea, cem = people
    first = push(capsys, studio)
    assert (first["created"], first["sent"], first["known"], first["left_out"]) == (True, 5, 0, 0)
    again = push(capsys, studio)
    assert (again["created"], again["sent"], again["known"]) == (False, 0, 5)
    assert again["label_studio_project"] == first["label_studio_project"]

    tasks = tasks_of(studio, first["label_studio_project"])
    assert len(tasks) == 5
    seen = json.dumps([{**task["data"], **(task["meta"] or {})} for task in tasks.values()])
    assert "secret" not in seen, "neither source, tag nor id leaves the house"
    project = studio.admin.call("GET", f"/api/projects/{first['label_studio_project']}")
    assert "Prefer &lt;short&gt; ones." in project["expert_instruction"] and project["show_instruction"]

    one = tasks["prompt 0 <b>bold</b>"]
    mine = bea.annotate(
        one["id"],
        [
            *placed(one, "r1", "r2", "r2"),
            {"from_name": "note", "to_name": "prompt", "type": "textarea", "value": {"text": ["ties"]}},
        ],
    )
    cem.annotate(one["id"], placed(one, "r3", "aside", "r1"))
    report = pull(capsys)
    assert (report["ranked"], report["tasks"], report["rejected"]) == (2, 5, [])
    comparison = rankings_of(database, "secret-id-0")
    by_note = sorted(comparison.rankings, key=lambda ranking: ranking.note or "")
    shown = [comparison.completions[i].text for i in by_note[1].order]
    assert shown == [item["body"] for item in one["data"]["items"]], "the order recorded is the order shown"
    tiers = [[ranking.ranks[i] for i in ranking.order] for ranking in by_note]
    assert tiers == [[3, None, 1], [1, 2, 2]]
    assert [ranking.note for ranking in by_note] == [None, "ties"]
    assert {ranking.seconds for ranking in by_note} == {12.5}
    assert {ranking.guideline for ranking in by_note} == {"v1"}
    assert len({ranking.annotator for ranking in by_note}) == 2
    assert all(ranking.annotator.startswith("ls-") for ranking in by_note), "pseudonyms"

    again = pull(capsys)
    assert (again["ranked"], again["revised"], again["known"]) == (0, 0, 2)
    full = pull(capsys, "--full")
    assert (full["ranked"], full["known"], full["tasks"]) == (0, 2, 5)
    assert count_submissions(database) == 2
    with database.writing() as session:
        link = session.scalars(select(LabelStudioProject)).one()
        seen = link.pulled_to
        link.pulled_to = "2100-01-01T00:00:00+00:00"
    assert pull(capsys)["tasks"] == 0, "the server is asked for what changed since, and for nothing else"
    with database.writing() as session:
        session.scalars(select(LabelStudioProject)).one().pulled_to = seen

    bea.edit(mine, placed(one, "r2", "r1", "r1"))
    assert pull(capsys)["revised"] == 1
    assert pull(capsys)["revised"] == 0
    ranking = next(
        r for r in rankings_of(database, "secret-id-0").rankings if r.annotator == by_note[1].annotator
    )
    assert [ranking.ranks[i] for i in ranking.order] == [2, 1, 1]
    with database.reading() as session:
        chain = session.scalars(select(Submission).where(Submission.supersedes_id.is_not(None))).one()
        assert (chain.revision, count_submissions(database)) == (2, 3)

    out = tmp_path / "out.jsonl"
    assert main(["export", "comparisons", str(out), "--project", "stories"]) == 0
    assert "@" not in out.read_text() and "example.com" not in out.read_text()
    assert main(["import", "comparisons", str(out), "--project", "stories"]) == 0
    assert count_submissions(database) == 3, "what was exported is known when it comes back"


def test_what_label_studio_lets_pass_is_rejected(studio, people, database, capsys):
    bea, cem = people
    number = push(capsys, studio)["label_studio_project"]
    tasks = tasks_of(studio, number)
    one, two, three = (tasks[f"prompt {n} <b>bold</b>"] for n in (0, 1, 2))
    bea.annotate(one["id"], placed(one, "r1", "r2", "r3"))
    second = bea.annotate(one["id"], placed(one, "r3", "r2", "r1"))
    bogus = [
        {
            "from_name": "rank",
            "to_name": "answers",
            "type": "ranker",
            "value": {"ranker": {"r1": ["made-up"], "r2": [], "r3": []}},
        }
    ]
    bea.annotate(two["id"], bogus)
    cem.annotate(two["id"], placed(one, "r1", "r2", "r3"))  # another task's items
    unplaced = cem.annotate(three["id"], placed(three, "r1", "_", "r2"))
    elsewhere = [{**placed(three, "r1", "r2", "r3")[0], "from_name": "other"}]
    bea.annotate(three["id"], elsewhere)
    report = pull(capsys)
    assert report["ranked"] == 1
    problems = {entry["annotation"]: entry["problem"] for entry in report["rejected"]}
    assert len(problems) == 5 and all(entry["task"] for entry in report["rejected"])
    assert "annotated this task already" in problems[second] and "Delete one of the two" in problems[second]
    assert sum("an item 'made-up' that this task does not have" in text for text in problems.values()) == 1
    assert sum("does not have" in text for text in problems.values()) == 2
    assert "1 of 3 completions are not placed" in problems[unplaced]
    assert sum("a result from 'other'" in text for text in problems.values()) == 1
    assert count_submissions(database) == 1, "nothing half written"

    later = pull(capsys)
    assert len(later["rejected"]) == 5, "listed until they are mended"
    assert main(["import", "label-studio", "--project", "stories"]) == 0
    said = capsys.readouterr()
    assert "5 annotations rejected" in said.out and "rejected: task" in said.err

    cem.edit(unplaced, placed(three, "r1", "r2", "r2"))
    bea.delete(second)
    report = pull(capsys)
    assert (report["ranked"], len(report["rejected"])) == (1, 3)


def test_skips_and_deleted_annotations(studio, people, database, capsys):
    bea, _ = people
    tasks = tasks_of(studio, push(capsys, studio)["label_studio_project"])
    one, two = tasks["prompt 0 <b>bold</b>"], tasks["prompt 1 <b>bold</b>"]
    bea.annotate(one["id"], [], was_cancelled=True)
    made = bea.annotate(two["id"], placed(two, "r1", "r2", "r3"))
    assert (lambda r: (r["ranked"], r["skipped"], r["rejected"]))(pull(capsys)) == (1, 1, [])
    assert rankings_of(database, "secret-id-0").rankings[0].outcome == "skipped"

    bea.delete(made)
    assert pull(capsys)["deleted"] == 1
    assert rankings_of(database, "secret-id-1").rankings == (), "withdrawn, not erased"
    assert count_submissions(database) == 2
    bea.annotate(two["id"], placed(two, "r3", "r2", "r1"))
    assert pull(capsys)["revised"] == 1, "the person's next annotation corrects the one that they deleted"
    (ranking,) = rankings_of(database, "secret-id-1").rankings
    assert [ranking.ranks[i] for i in ranking.order] == [3, 2, 1]


def test_a_push_that_was_cut_short_sends_nothing_twice(studio, database, capsys):
    number = push(capsys, studio)["label_studio_project"]
    with database.writing() as session:  # as if the process had died after the server's answer
        session.execute(update(LabelStudioTask).values(number=None))
    report = push(capsys, studio)
    assert (report["sent"], report["known"]) == (0, 5)
    assert len(tasks_of(studio, number)) == 5
    with database.reading() as session:
        numbers = {row.key: row.number for row in session.scalars(select(LabelStudioTask))}
    assert numbers == {task["data"]["accord"]: task["id"] for task in tasks_of(studio, number).values()}


def test_pairs_left_right_and_equal(studio, people, database, capsys):
    bea, cem = people
    report = push(capsys, studio, "--layout", "pairwise", "--criterion", "honest")
    assert (report["sent"], report["left_out"]) == (1, 4)
    (task,) = tasks_of(studio, report["label_studio_project"]).values()

    def result(side, strength):
        found = []
        if side:
            found.append(
                {"from_name": "pair", "to_name": "pair", "type": "pairwise", "value": {"selected": side}}
            )
        if strength:
            value = {"choices": [strength]}
            found.append({"from_name": "strength", "to_name": "prompt", "type": "choices", "value": value})
        return found

    bea.annotate(task["id"], result("right", "much better"))
    cem.annotate(task["id"], result(None, "equally good"))
    assert pull(capsys, "--criterion", "honest")["ranked"] == 2
    better, equal = sorted(rankings_of(database, "pair").rankings, key=lambda r: -(r.strength or 0))
    assert (better.ranks[better.order[1]], better.ranks[better.order[0]], better.strength) == (1, 2, 3.0)
    assert (equal.ranks, equal.strength, equal.criterion) == ((1, 1), 0.0, "honest")


def test_a_plain_ranker_and_a_press_of_submit(studio, people, database, capsys):
    """Someone replaced the layout by a Ranker without buckets: what may be just the order shown is not taken."""
    bea, cem = people
    number = push(capsys, studio)["label_studio_project"]
    config = label_config("ranker", K)
    start, end = config.index("<Ranker"), config.index("</Ranker>") + len("</Ranker>")
    plain = config[:start] + '<Ranker name="rank" toName="answers"/>' + config[end:]
    studio.admin.call("PATCH", f"/api/projects/{number}", json={"label_config": plain})
    task = tasks_of(studio, number)["prompt 3 <b>bold</b>"]
    ids = [item["id"] for item in task["data"]["items"]]

    def result(order):
        value = {"ranker": {"rank": order}}
        return [{"from_name": "rank", "to_name": "answers", "type": "ranker", "value": value}]

    bea.annotate(task["id"], result(ids))
    cem.annotate(task["id"], result(ids[::-1]))
    report = pull(capsys)
    assert report["ranked"] == 1
    assert "only presses Submit" in report["rejected"][0]["problem"]
    (ranking,) = rankings_of(database, "secret-id-3").rankings
    assert [ranking.ranks[i] for i in ranking.order] == [3, 2, 1]


def test_tokens_projects_and_servers_that_are_not_there(studio, database, capsys, monkeypatch):
    command = ["export", "label-studio", "--project", "stories", "--url", studio.url]
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "f" * 40)
    assert main(command) == 1
    said = capsys.readouterr().err
    assert (
        "refuses the token in LABEL_STUDIO_API_KEY" in said
        and "legacy token" in said
        and "f" * 40 not in said
    )
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "")
    assert main(command) == 1
    assert "holds no token" in capsys.readouterr().err
    personal = studio.sign_up("dora").call("POST", "/api/token/")["token"]
    monkeypatch.setenv("MY_TOKEN", personal)
    number = push(capsys, studio, "--token-env", "MY_TOKEN")["label_studio_project"]
    assert pull(capsys)["tasks"] == 5, "the link remembers which variable holds the token"
    monkeypatch.setenv("MY_TOKEN", personal[:-4] + "AAAA")
    assert main(["import", "label-studio", "--project", "stories"]) == 1
    assert "It looks like a personal access token" in capsys.readouterr().err
    monkeypatch.setenv("MY_TOKEN", personal)
    studio.admin.call("DELETE", f"/api/projects/{number}/")
    assert main([*command, "--token-env", "MY_TOKEN"]) == 1
    assert "--anew" in capsys.readouterr().err
    fresh = push(capsys, studio, "--token-env", "MY_TOKEN", "--anew")
    assert (fresh["created"], fresh["sent"]) == (True, 5) and fresh["label_studio_project"] != number
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", personal)
    assert main([*command[:-1], "http://127.0.0.1:9"]) == 1
    assert "http://127.0.0.1:9 does not answer" in capsys.readouterr().err


def test_a_webhook_is_a_hint(studio, people, database, capsys):
    """Label Studio's own request, caught and handed to our endpoint: a pull is queued, once, and brings the label."""
    bea, _ = people
    caught = []

    class Catch(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            caught.append((self.path, self.headers.get("X-Accord-Secret")))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Catch) as receiver:
        thread = threading.Thread(target=receiver.serve_forever)
        thread.start()
        try:
            ours = f"http://127.0.0.1:{receiver.server_port}"
            report = push(capsys, studio, "--webhook", ours)
            push(capsys, studio, "--webhook", ours)  # a second time replaces the first, with a new secret
            task = tasks_of(studio, report["label_studio_project"])["prompt 0 <b>bold</b>"]
            bea.annotate(task["id"], placed(task, "r1", "r2", "r3"))
        finally:
            receiver.shutdown()
            thread.join()
    ((path, secret),) = caught
    settings = Settings(environment="development", secret_key="a secret of the test, 32 characters")
    with TestClient(create_app(settings, database)) as service:
        assert service.post(path, headers={"X-Accord-Secret": "guess"}).status_code == 404
        assert service.post(path).status_code == 404
        for _ in range(2):
            assert service.post(path, headers={"X-Accord-Secret": secret}).status_code == 202
    with database.writing() as session:
        later = utc_now().replace(year=2100)
        job = claim(session, [PULL_JOB], "test", now=later)
        assert claim(session, [PULL_JOB], "test", now=utc_now()) is None, "one pull waits, not two"
    run_pull_job(database, job.payload)
    assert len(rankings_of(database, "secret-id-0").rankings) == 1
