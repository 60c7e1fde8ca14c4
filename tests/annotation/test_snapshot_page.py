"""Snapshots made in the browser, and what had learned from a submission or a sitting that is withdrawn."""

import json
import re

import pytest
from sqlalchemy import select, update

from annotation import freezing
from annotation.worker import Worker
from storage.importing import import_comparisons_file
from storage.projects import get_project
from storage.tables import Annotator, Audit, Comparison, Job, Submission
from workbench.home import snapshots_folder
from workbench.snapshots import open_snapshot

PAGE = "/projects/stories/snapshots"
FORM = {"validation": "20", "test": "20", "kind_ordinary": "true"}


def import_lines(service, tmp_path, *, criteria=("helpful",), count=20, start=0) -> None:
    path = tmp_path / f"{start}.jsonl"
    lines = [
        {
            "id": f"c{i:02}",
            "prompt": f"prompt {i}",
            "completions": [{"text": "a"}, {"text": "b"}],
            "rankings": [
                {"annotator": name, "ranks": [1, 2], "criterion": criterion}
                for name in ("ann-x", "ann-y")
                for criterion in criteria
            ],
        }
        for i in range(start, start + count)
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines))
    with service.database.writing() as session:
        import_comparisons_file(session, get_project(session, "stories").id, path)


def work(service) -> None:
    """Do all that waits."""
    worker = Worker(service.database, service.browser.app.state.settings)
    while worker.step():
        pass


def make(service, login="lea", **fields):
    token = service.become(login)
    return service.browser.post(PAGE, data={"csrf": token, **fields}, follow_redirects=False)


def shown(service, place) -> str:
    return re.sub(r"\s+", " ", service.browser.get(place).text)


@pytest.mark.parametrize("login", ["lea", "res"])
def test_a_snapshot_is_made_and_shown_with_its_hash_and_splits(service, tmp_path, login) -> None:
    import_lines(service, tmp_path)
    answer = make(service, login, **FORM)
    assert answer.status_code == 303
    (folder,) = snapshots_folder().iterdir()
    snapshot = open_snapshot(folder)
    page = shown(service, answer.headers["location"])
    assert snapshot.content_hash in page and "40 rankings of 20 comparisons" in page
    for split in snapshot.manifest["splits"]["counts"].values():
        assert split["rankings"] and f"{split['rankings']} ({split['comparisons']})" in page
    assert "split of" not in page, "no split is empty"
    assert snapshot.manifest["splits"]["validation"] == 0.2
    assert snapshot.manifest["filter"]["kinds"] == ["ordinary"]
    with service.database.reading() as session:
        query = select(Audit.actor, Audit.subject).where(Audit.action == "create snapshot")
        ((actor, subject),) = session.execute(query)
    assert actor.startswith("account:") and subject.startswith("project:")
    assert make(service, login, **FORM).headers["location"] == answer.headers["location"], "the same again"
    assert len(list(snapshots_folder().iterdir())) == 1


def test_an_empty_validation_split_is_warned_of(service, tmp_path) -> None:
    import_lines(service, tmp_path)
    answer = make(service, **FORM | {"validation": "0"})
    page = shown(service, answer.headers["location"])
    assert page.count("The validation split of") == 1 and "The train split" not in page
    assert shown(service, PAGE).count("The validation split of") == 1


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"criterion": ""}, "more than one criterion"),
        ({"kind_ordinary": ""}, "at least one kind"),
        ({"validation": "60", "test": "60"}, "got 60 and 60"),
        ({"validation": "x"}, "got x and 20"),
        ({"validation": "nan"}, "got nan and 20"),
        ({"validation": "-5"}, "got -5 and 20"),
        ({"kind_ordinary": "", "kind_gold": "true"}, "no label to freeze"),
    ],
)
def test_what_cannot_be_is_refused_and_the_form_stays(service, tmp_path, fields, problem) -> None:
    import_lines(service, tmp_path, criteria=("helpful", "honest"), count=3)
    answer = make(service, **FORM | {"criterion": "honest"} | fields)
    assert answer.status_code == 422 and problem in answer.text
    assert (
        f'name="validation" type="number" min="0" max="99" step="any" value="{(FORM | fields)["validation"]}"'
        in (answer.text)
    )
    ticked = re.findall(r'name="kind_(\w+)" value="true" checked', answer.text)
    assert ticked == [name[5:] for name, value in (FORM | fields).items() if name[:5] == "kind_" and value]
    assert not snapshots_folder().exists() or not list(snapshots_folder().iterdir())


def test_of_several_criteria_one_is_taken(service, tmp_path) -> None:
    import_lines(service, tmp_path, criteria=("helpful", "honest"), count=3)
    assert make(service, **FORM, criterion="honest").status_code == 303
    (folder,) = snapshots_folder().iterdir()
    assert open_snapshot(folder).manifest["criteria"] == {"honest": 6}


def test_many_labels_are_frozen_by_the_worker(service, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("annotation.routes.snapshots.AT_ONCE", 10)
    import_lines(service, tmp_path)
    assert make(service, **FORM).headers["location"] == PAGE
    assert "being made in the background" in shown(service, PAGE) and not snapshots_folder().exists()
    work(service)
    page = shown(service, PAGE)
    (folder,) = snapshots_folder().iterdir()
    assert open_snapshot(folder).content_hash[:12] in page and "in the background, and" not in page
    assert make(service, **FORM | {"kind_ordinary": "", "kind_gold": "true"}).status_code == 303
    work(service)
    page = shown(service, PAGE)
    assert "could not be made" in page and "no label to freeze" in page
    with service.database.reading() as session:
        assert {job.kind for job in session.scalars(select(Job))} >= {freezing.SNAPSHOT_JOB}


def test_a_reviewer_sees_snapshots_and_no_form(service, tmp_path) -> None:
    import_lines(service, tmp_path, count=3)
    make(service, **FORM)
    service.become("rev")
    page = shown(service, PAGE)
    assert "<table>" in page and "Freeze the labels" not in page


def withdraw(service, **fields) -> str:
    """Withdraw, and the page that follows."""
    token = service.become("lea")
    place = "/projects/stories/annotators/ann-x"
    answer = service.browser.post(
        f"{place}/withdraw", data={"csrf": token, "reason": "slipped", **fields}, follow_redirects=False
    )
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def submissions_of(service, *names) -> list[int]:
    """Those of ann-x on these comparisons."""
    query = (
        select(Submission.id)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .join(Annotator, Annotator.id == Submission.annotator_id)
        .where(Comparison.record_id.in_(names), Annotator.pseudonym == "ann-x")
        .order_by(Submission.id)
    )
    with service.database.reading() as session:
        return list(session.scalars(query))


def hashes_in(page) -> set[str]:
    learned = page[page.index("What learned from what was withdrawn") : page.index("All that learned")]
    return set(re.findall(r'<code title="(\w+)">', learned))


def test_a_withdrawn_submission_names_only_the_snapshots_that_held_it(service, tmp_path) -> None:
    import_lines(service, tmp_path)
    first = make(service, **FORM).headers["location"].split("made=")[1]
    (c19, c18) = (submissions_of(service, name)[0] for name in ("c19", "c18"))
    gone = withdraw(service, what="submission", which=str(c19))
    page = shown(service, gone)
    assert "on “prompt 19”" in page and hashes_in(page) == {first}
    second = make(service, **FORM).headers["location"].split("made=")[1]
    assert second != first
    assert hashes_in(shown(service, withdraw(service, what="submission", which=str(c18)))) == {first, second}
    assert hashes_in(shown(service, gone)) == {first}, "the second was made without it"
    (snapshots_folder() / second[:16] / "comparisons.parquet").unlink()
    page = shown(service, gone)
    assert hashes_in(page) == {first, second} and "its file cannot be read here" in page


def test_a_withdrawn_sitting_names_only_the_snapshots_that_held_any_of_it(service, tmp_path) -> None:
    import_lines(service, tmp_path, count=8)
    before = make(service, **FORM).headers["location"].split("made=")[1]
    import_lines(service, tmp_path, count=4, start=8)
    late = submissions_of(service, "c08", "c09")
    with service.database.writing() as session:
        session.execute(update(Submission).where(Submission.id.in_(late)).values(sitting="evening"))
    after = make(service, **FORM).headers["location"].split("made=")[1]
    page = shown(service, "/projects/stories/annotators/ann-x")
    assert "2 submissions</option>" in page
    page = shown(service, withdraw(service, what="sitting", which="evening"))
    assert "Withdrawn: the sitting of" in page and ", 2 submissions." in page
    assert hashes_in(page) == {after} and before != after
    assert "2 submissions</option>" not in page


def test_a_changed_submission_cannot_be_withdrawn_by_its_old_revision(service, tmp_path) -> None:
    import_lines(service, tmp_path, count=2)
    old, new = submissions_of(service, "c00", "c01")
    with service.database.writing() as session:
        session.execute(update(Submission).where(Submission.id == new).values(supersedes_id=old))
    token = service.become("lea")
    page = "/projects/stories/annotators/ann-x"
    assert "changed later" in shown(service, page) and f'value="{old}"' not in shown(service, page)
    data = {"csrf": token, "reason": "x", "what": "submission", "which": str(old)}
    answer = service.browser.post(f"{page}/withdraw", data=data)
    assert answer.status_code == 422 and "was changed later" in answer.text
