"""The bridge without a server: blinding, addresses, and projects that travel as files."""

import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from annotation.label_studio.layout import label_config
from annotation.label_studio.pull import take_tasks
from annotation.label_studio.server import Server, clean_url
from annotation.label_studio.tasks import draw, prompt_text, task_data
from cli.main import main
from storage.comparisons import read_comparisons
from storage.database import open_database
from storage.importing import import_comparisons_file
from storage.projects import create_project, get_project
from storage.tables import Comparison as StoredComparison
from storage.tables import LabelStudioAnnotation, Submission
from tests.annotation.label_studio_json import json_values, ranker
from workbench.errors import ConfigError
from workbench.jsonl import write_comparisons
from workbench.records import Comparison, Completion, Message


def test_tasks_are_blinded_and_shuffled() -> None:
    comparison = Comparison(
        id="secret-id",
        prompt=(Message(role="system", content="be kind"), Message(role="user", content="hello")),
        completions=tuple(Completion(text=f"text {i}", source=("secret-policy",)) for i in range(4)),
        tags={"secret": "tag"},
    )
    one, two = draw(comparison, 7), draw(comparison, 7)
    assert one.order == two.order and sorted(one.order) == [0, 1, 2, 3]
    assert one.key != two.key and len({*one.item_ids, *two.item_ids}) == 8, "names are never drawn twice"
    data = task_data(comparison, one, "ranker")
    assert "secret" not in json.dumps(data)
    assert [item["body"] for item in data["items"]] == [f"text {i}" for i in one.order]
    assert data["prompt"] == "System:\nbe kind\n\nUser:\nhello"
    assert prompt_text((Message(role="user", content="hello"),)) == "hello"
    others = Counter(
        draw(Comparison(id=f"c{n}", prompt="p", completions=comparison.completions), 7).order[0]
        for n in range(200)
    )
    assert min(others.values()) > 25, "each completion comes first about as often"


def test_the_layout_has_buckets_and_no_place_for_a_script() -> None:
    config = label_config("ranker", 3)
    assert config.count("<Bucket") == 4 and 'name="r3" title="3"' in config
    assert "<Pairwise" in label_config("pairwise", 2)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("labels.example.org", "must look like"),
        ("ftp://x", "must look like"),
        ("https://a:b@x", "the token is"),
    ],
)
def test_addresses_that_are_none(url, problem) -> None:
    with pytest.raises(ConfigError, match=problem):
        clean_url(url)
    assert clean_url("https://x.org/ls/?page=1") == "https://x.org/ls"


def test_a_missing_token_is_named(monkeypatch) -> None:
    monkeypatch.delenv("NO_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="NO_TOKEN holds no token"):
        Server("http://127.0.0.1:9", "NO_TOKEN")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, new_database, home, monkeypatch):
    """An empty database of either kind, and the one that commands use; what they open is closed after the test."""
    home.mkdir()
    database = new_database(request.param)
    monkeypatch.setenv("ACCORD_DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    opened = []

    def open_and_keep(url=None):
        opened.append(open_database(url))
        return opened[-1]

    monkeypatch.setattr("storage.database.open_database", open_and_keep)
    yield database
    for each in opened:
        each.dispose()


@pytest.fixture
def stories(database, tmp_path):
    """A project with three comparisons of three."""
    comparisons = [
        Comparison(
            id=f"c{n}", prompt=f"p{n}", completions=tuple(Completion(text=f"{n}.{i}") for i in range(3))
        )
        for n in range(3)
    ]
    write_comparisons(tmp_path / "c.jsonl", comparisons)
    with database.writing() as session:
        import_comparisons_file(session, create_project(session, "stories").id, tmp_path / "c.jsonl")
    return database


def read(database):
    with database.reading() as session:
        return {c.id: c for c in read_comparisons(session, get_project(session, "stories").id)}


def annotated(tasks, *annotations):
    """Label Studio's export of the first task with these annotations."""
    task = {**tasks[0], "id": 11, "annotations": list(annotations)}
    return [task, *({**other, "id": 12 + n, "annotations": []} for n, other in enumerate(tasks[1:]))]


def by(person, number, tasks, *tiers, **more):
    """An annotation that puts the item at position p of the first task into the bucket named."""
    buckets = {}
    for item, tier in zip(tasks[0]["data"]["items"], tiers, strict=True):
        buckets.setdefault(tier, []).append(item["id"])
    times = {"created_at": "2026-11-24T10:00:00Z", "updated_at": "2026-11-24T11:00:00Z"}
    return {"id": number, "completed_by": person, **times, **ranker(buckets), **more}


def test_files_there_and_back(stories, tmp_path, capsys) -> None:
    out = tmp_path / "tasks.json"
    export = ["export", "label-studio", str(out), "--project", "stories"]
    assert main(export) == 0
    tasks = json.loads(out.read_text())
    assert len(tasks) == 3 and out.with_suffix(".xml").read_text() == label_config("ranker", 3)
    assert main(export) == 0
    assert json.loads(out.read_text()) == tasks, "the same names and orders the second time"

    file = tmp_path / "export.json"
    bring = ["import", "label-studio", str(file), "--project", "stories", "--json"]

    def take(*annotations):
        file.write_text(json.dumps(annotated(tasks, *annotations)))
        capsys.readouterr()
        assert main(bring) == 0
        return json.loads(capsys.readouterr().out)

    ann, bob = {"id": 5, "email": "ann@example.com"}, {"email": "bob@example.com"}
    first = by(ann, 1, tasks, "r1", "r2", "r3")
    assert take(first, by(bob, 2, tasks, "r1", "r1", "r2"))["ranked"] == 2
    assert take(first, by(bob, 2, tasks, "r1", "r1", "r2"))["known"] == 2
    kept = {ranking.annotator: ranking for c in read(stories).values() for ranking in c.rankings}
    assert len(kept) == 2 and {r.at for r in kept.values()} == {"2026-11-24T10:00:00Z"}
    with stories.reading() as session:
        stored = [
            row for table in (Submission, LabelStudioAnnotation) for row in session.scalars(select(table))
        ]
        assert not any("example.com" in str(vars(row)) for row in stored)
        votes = sorted(session.scalars(select(StoredComparison.votes)))
        assert votes == [0, 0, 2], "the queue counts them"

    report = take(by(ann, 1, tasks, "r3", "r2", "r1"), by(ann, 3, tasks, "r1", "r2", "r3"))
    assert (report["revised"], report["ranked"], len(report["rejected"])) == (1, 0, 1)
    assert report["deleted"] == 0, "a file may leave annotations out"
    (ranking,) = (r for c in read(stories).values() for r in c.rankings if r.at == "2026-11-24T11:00:00Z")
    assert [ranking.ranks[i] for i in ranking.order] == [3, 2, 1]

    bad = take(by(ann, 1, tasks, "r3", "_", "r1"), {"completed_by": 5}, {"id": 9})
    assert len(bad["rejected"]) == 4 and len([r for c in read(stories).values() for r in c.rankings]) == 2, (
        "an edit that is bad changes nothing"
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "is not JSON"),
        ("{}", "no list of tasks"),
        ('[{"id": 1, "rank": {}}]', "looks like JSON-MIN"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_files_that_are_no_export(stories, tmp_path, capsys, content, problem) -> None:
    assert main(["export", "label-studio", str(tmp_path / "t.json"), "--project", "stories"]) == 0
    (tmp_path / "bad.json").write_text(content)
    assert main(["import", "label-studio", str(tmp_path / "bad.json"), "--project", "stories"]) == 1
    assert problem in capsys.readouterr().err


def test_without_a_link_there_is_nothing_to_pull(stories, tmp_path, capsys) -> None:
    assert main(["import", "label-studio", "--project", "stories"]) == 1
    assert "'accord export label-studio' makes one" in capsys.readouterr().err
    assert main(["export", "label-studio", "--project", "stories"]) == 2
    assert "give either --url or a file" in capsys.readouterr().err
    assert main(["export", "label-studio", str(tmp_path / "t.json"), "--project", "stories"]) == 0
    assert (
        main(["export", "label-studio", str(tmp_path / "t.json"), "--project", "stories", "--seed", "4"]) == 1
    )
    assert "linked with seed 0, and 4 was asked for" in capsys.readouterr().err


@pytest.fixture
def sent(stories, tmp_path):
    """The tasks of the project, as written to a file."""
    out = tmp_path / "tasks.json"
    assert main(["export", "label-studio", str(out), "--project", "stories"]) == 0
    return json.loads(out.read_text())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    annotations=st.lists(
        json_values
        | st.fixed_dictionaries(
            {
                "id": st.integers(-1, 3),
                "completed_by": json_values,
                "result": json_values,
                "created_at": json_values,
            }
        ),
        max_size=3,
    )
    | json_values
)
def test_a_pull_of_anything_leaves_whole_labels_or_none(stories, sent, annotations) -> None:
    tasks = [{**task, "id": 1, "annotations": annotations} for task in sent]
    take_tasks(stories, 1, tasks, actor="test", complete=True)
    with stories.reading() as session:
        assert session.scalar(select(func.count()).select_from(Submission)) == 0
