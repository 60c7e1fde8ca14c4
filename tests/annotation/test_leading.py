"""Review, withdrawals, questions, the live page: what leads and reviewers do, through the pages."""

import json
import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from annotation.jobs import JOBS
from annotation.language import translator
from annotation.live import live_figures, share
from annotation.live_words import in_words
from annotation.worker import Worker
from storage.accounts import find_account
from storage.annotators import ensure_annotator, get_annotator
from storage.carried import count_rows
from storage.comparisons import read_comparisons
from storage.disputes import list_disputes
from storage.figures import keep_figure
from storage.importing import import_comparisons_file
from storage.jobs import count_jobs
from storage.projects import get_project
from storage.questions import ask, list_questions
from storage.standing import count_answer
from storage.tables import utc_now

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def torn(service, tmp_path) -> int:
    """Ten comparisons in stories, on the first of which secret-x and secret-y are opposite; the dispute's id."""
    path = tmp_path / "c.jsonl"
    lines = [
        {
            "id": f"c{i}",
            "prompt": f"p{i} {HOSTILE}",
            "completions": [{"text": f"**one** {HOSTILE}", "source": "model-seven"}, {"text": "two"}],
            "rankings": [
                {"annotator": "secret-x", "ranks": [1, 2], "note": HOSTILE},
                {"annotator": "secret-y", "ranks": [2, 1] if i == 0 else [1, 2], "flags": [["untrue"], []]},
            ],
        }
        for i in range(10)
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines))
    with service.database.writing() as session:
        import_comparisons_file(session, get_project(session, "stories").id, path)
    Worker(service.database, service.browser.app.state.settings).step()
    with service.database.reading() as session:
        (found,) = list_disputes(session, get_project(session, "stories").id)
    return found.id


def stored(service, name: str = "c0"):
    with service.database.reading() as session:
        return next(read_comparisons(session, get_project(session, "stories").id, ids=[name]))


def test_a_reviewer_sees_rankings_without_names_and_decides(service, torn) -> None:
    token = service.become("rev")
    assert "c0" in service.browser.get("/projects/stories/review").text
    path = f"/projects/stories/review/{torn}"
    page = service.browser.get(path).text
    for secret in ("secret-x", "secret-y", "model-seven", "<script>alert"):
        assert secret not in page
    assert "<strong>one</strong>" in page and "untrue" in page
    open_ = service.post(path, token, reason="because", **{"tier-helpful-0": "1"})
    assert (
        open_.status_code == 422
        and "Choose a tier for every completion" in open_.text
        and "because" in open_.text
    )
    mute = service.post(path, token, reason=" ", **{"tier-helpful-0": "1", "tier-helpful-1": "2"})
    assert mute.status_code == 422 and "Write why" in mute.text
    tiers = {"tier-helpful-0": "2", "tier-helpful-1": "1"}
    assert service.post(path, token, reason="two is right", **tiers).status_code == 303
    (made,) = [each for each in stored(service).rankings if each.annotator_kind == "adjudicator"]
    assert made.ranks == (2, 1) and made.note == "two is right" and made.annotator != "rev"
    page = service.browser.get(path)
    assert "decided" in page.text and '<form class="form"' not in page.text
    again = service.post(path, token, reason="no", **tiers)
    assert again.status_code == 422 and "has ended already" in again.text
    service.become("sec")
    assert service.browser.get(f"/projects/secret/review/{torn}").status_code == 404, (
        "another project's dispute"
    )


def test_a_dispute_may_be_left_as_it_is(service, torn) -> None:
    token = service.become("lea")
    path = f"/projects/stories/review/{torn}"
    assert service.post(path, token, action="dismiss", reason="tastes differ").status_code == 303
    assert len(stored(service).rankings) == 2
    assert service.browser.get("/api/v1/projects/stories/disputes").json() == {"disputes": []}


def test_the_page_of_an_annotator_shows_what_they_did_in_the_service(service, torn) -> None:
    service.become("lea")
    now = utc_now()
    with service.database.writing() as session:
        project, found = get_project(session, "stories"), get_annotator(session, "secret-x")
        day = now.date().isoformat()
        count_answer(session, project.id, found.id, day=day, what="ranked", seconds=30, now=now, more={})
    shown = service.browser.get("/projects/stories/annotators/secret-x")
    assert shown.status_code == 200 and "1 submission," in shown.text


def test_a_lead_takes_labels_out_and_sees_what_learned_from_them(service, torn) -> None:
    token = service.become("lea")
    page = "/projects/stories/annotators/secret-y"
    shown = service.browser.get(page)
    assert "No snapshot holds any of them" in shown.text
    number = re.findall(r'name="which" value="(\d+)"', shown.text)[0]
    path = f"{page}/withdraw"
    for data, problem in (
        ({"what": "all"}, "needs a reason"),
        ({"what": "dance", "reason": "x"}, "withdraw all, a sitting or a submission"),
        ({"what": "submission", "which": "999999", "reason": "x"}, "has no submission"),
        ({"what": "submission", "which": "x", "reason": "x"}, "has no submission"),
        ({"what": "sitting", "which": "none", "reason": "x"}, "Nothing that counts"),
    ):
        answer = service.post(path, token, **data)
        assert answer.status_code == 422 and problem in answer.text
    other = "/projects/stories/annotators/secret-x/withdraw"
    wrong = service.post(other, token, what="submission", which=number, reason="x")
    assert wrong.status_code == 422, "another annotator's submission"
    assert service.post(path, token, what="submission", which=number, reason="slipped").status_code == 303
    assert len(stored(service, "c9").rankings) == 1 and len(stored(service).rankings) == 2
    assert service.post(path, token, what="all", reason="guessed").status_code == 303
    assert [each.annotator for each in stored(service).rankings] == ["secret-x"]
    assert "Nothing that this annotator makes here counts" in service.browser.get(f"{page}?done=all").text
    service.become("sec")
    assert service.browser.get("/projects/secret/annotators/secret-y").status_code == 404


def test_questions_are_answered(service) -> None:
    with service.database.writing() as session:
        project = get_project(session, "stories")
        annotator = ensure_annotator(session, find_account(session, "ann").id)
        number = ask(session, project.id, annotator.id, None, f"Why? {HOSTILE}", now=utc_now())
    token = service.become("lea")
    page = service.browser.get("/projects/stories/questions").text
    assert "Why?" in page and HOSTILE not in page and annotator.pseudonym in page
    assert service.post(f"/projects/stories/questions/{number}", token, text=" ").status_code == 409
    assert service.post(f"/projects/stories/questions/{number}", token, text="Because.").status_code == 303
    with service.database.reading() as session:
        assert list_questions(session, project.id)[0].answer == "Because."
    token = service.become("sec")
    assert service.post(f"/projects/secret/questions/{number}", token, text="Mine.").status_code == 404


def test_shares_have_wilsons_interval() -> None:
    """8 of 10: (0.8 + z²/20) / (1 + z²/10) ∓ ..., as in Brown, Cai and DasGupta: 0.490 to 0.943."""
    found = share(8, 10)
    assert (found["low"], found["high"]) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert share(0, 0)["value"] is None and share(0, 5)["low"] == 0.0


def test_figures_in_words() -> None:
    words = [
        in_words(*each, translator("en"))
        for each in ((None, "number"), (1234.5, "number"), (0.256, "percent"), (0.5, "decimal"))
    ]
    assert words == ["–", "1,235", "26 %", "0.50"]
    assert in_words(share(8, 10), "share", translator("en")) == "80 % (49 % to 94 %, n=10)"


def test_the_live_page_counts_on_from_what_was_counted(service, torn) -> None:
    now = datetime.now(UTC)
    with service.database.writing() as session:
        project = get_project(session, "stories")
        annotator = ensure_annotator(session, find_account(session, "ann").id)
        content = {**count_rows(session, project.id), "missing": 22}
        keep_figure(session, project.id, "progress", content, seconds=1.0, now=now)
        for back, times in ((2, 3), (1, 5), (0, 2)):
            day = (now - timedelta(days=back)).date().isoformat()
            for _ in range(times):
                count_answer(
                    session,
                    project.id,
                    annotator.id,
                    day=day,
                    what="ranked",
                    seconds=30,
                    now=now,
                    more={"votes": 1},
                )
    with service.database.reading() as session:
        found = live_figures(session, project, now)
    # 20 labels were counted and 10 came since; the past days brought 3 and 5, on average 4.
    progress = found["progress"]
    assert (progress["labels"], progress["today"], progress["per_working_day"]) == (30, 2, 4.0)
    # All comparisons have their rankings, so nothing is left, whatever was missing when it was counted.
    assert progress["working_days_left"] == 0
    assert found["queue"]["disputes"] == 1 and found["at_work"] == 1
    assert found["annotators"][0]["seconds"] == 30
    service.become("rev")
    page = service.browser.get("/projects/stories/live").text
    assert annotator.pseudonym in page and "/annotators/" not in page, "a reviewer does not withdraw"
    assert service.browser.get("/api/v1/projects/stories/live").json()["progress"]["labels"] == 30


def test_a_large_project_is_not_counted_in_a_request(service, torn, monkeypatch) -> None:
    monkeypatch.setattr("storage.carried.SMALL", -1)
    service.become("lea")
    pages = [service.browser.get(path).text for path in ("/", "/projects/stories", "/projects/stories/data")]
    assert all("Not counted yet" in page for page in pages)
    assert service.browser.get("/api/v1/projects/stories/live").json()["progress"]["labels"] is None
    worker = Worker(service.database, service.browser.app.state.settings)
    while worker.step():
        pass
    pages = [service.browser.get(path).text for path in ("/", "/projects/stories", "/projects/stories/data")]
    assert not any("Not counted yet" in page for page in pages)
    assert "10 of 10" in pages[0] and "20 rankings that count" in pages[1] and "20 submissions" in pages[2]
    assert service.browser.get("/projects/stories/agreement").status_code == 200


def test_counting_now_is_a_job(service, torn) -> None:
    token = service.become("lea")
    assert service.post("/projects/stories/refresh", token).status_code == 303
    service.post("/projects/stories/refresh", token)
    with service.database.reading() as session:
        assert count_jobs(session)["queued"] <= 2, "each once"
    worker = Worker(service.database, service.browser.app.state.settings)
    deadline = time.monotonic() + 60
    while worker.step():
        assert time.monotonic() < deadline
    figures = service.browser.get("/api/v1/projects/stories/live").json()
    assert figures["progress"]["comparisons"] == 10 and figures["progress"]["labels"] == 20
    assert figures["agreement"]["with_ties"]["value"] == pytest.approx(0.9)
    assert set(JOBS) >= {"refresh-figures", "refresh-agreement", "tell-webhook", "label-studio-pull"}
