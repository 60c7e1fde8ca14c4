"""Disputes after a withdrawal or a revision: measured anew, and ended with a reason; on both databases."""

import threading
from dataclasses import replace

import pytest
from sqlalchemy import select

from annotation.duties import Rounds, find_disputes
from annotation.settings import Settings
from annotation.worker import Worker
from storage.accounts import create_account
from storage.annotators import get_annotator
from storage.disputes import decide
from storage.guidelines import add_guideline
from storage.hooks import add_webhook
from storage.projects import create_project
from storage.redoing import redo_labels
from storage.tables import Audit, Dispute, Project, Submission, WebhookEvent, utc_now
from storage.withdrawals import withdraw_annotator, withdraw_sitting, withdraw_submission
from tests.storage.service_work import Work, make_comparisons
from workbench.records import Ranking

SETTINGS = Settings(environment="development", secret_key="a secret of the test, 32 characters")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, new_database, home):
    home.mkdir()
    return new_database(request.param)


@pytest.fixture
def work(database):
    """A project that is told of, without comparisons."""
    with database.writing() as session:
        project = create_project(session, "test")
        add_webhook(session, project.id, "https://8.8.8.8/", ["dispute.ended"], actor="test")
    return Work(database, project)


def load(work, ranks, *, num: int = 1, **more) -> None:
    """Comparisons of two, ranked so by each annotator."""
    rankings = tuple(
        Ranking(id=f"{name}-1", annotator=name, ranks=pair, **more) for name, pair in ranks.items()
    )
    work.load(make_comparisons(num, k=2, rankings=rankings))
    find_disputes(Rounds(work.database))


def do_jobs(work) -> None:
    worker = Worker(work.database, SETTINGS)
    while worker.do_job():
        pass


def disputes(work):
    with work.database.reading() as session:
        found = list(session.scalars(select(Dispute).order_by(Dispute.id)))
        session.expunge_all()
        return found


def said(work, action: str) -> int:
    with work.database.reading() as session:
        return len(session.scalars(select(Audit.id).where(Audit.action == action)).all())


def submission_of(session, name: str) -> int:
    found = select(Submission.id).where(Submission.annotator_id == get_annotator(session, name).id)
    return session.scalars(found).one()


def everywhere(session, project_id: int) -> None:
    withdraw_annotator(session, "bob", reason="answers at random", actor="test")


def here(session, project_id: int) -> None:
    withdraw_annotator(session, "bob", reason="answers at random", actor="test", project_id=project_id)


def one(session, project_id: int) -> None:
    withdraw_submission(session, submission_of(session, "bob"), reason="wrong key", actor="test")


def sitting(session, project_id: int) -> None:
    session.get_one(Submission, submission_of(session, "bob")).sitting = "evening"
    session.flush()
    bob = get_annotator(session, "bob").id
    withdraw_sitting(session, project_id, bob, "evening", reason="was tired", actor="test")


@pytest.mark.parametrize("withdraw", [everywhere, here, one, sitting])
def test_a_withdrawal_ends_the_dispute_that_it_caused(work, withdraw) -> None:
    load(work, {"ann": (1, 2), "bob": (2, 1)})
    assert [row.status for row in disputes(work)] == ["open"]
    with work.database.writing() as session:
        withdraw(session, work.project.id)
    do_jobs(work)
    (row,) = disputes(work)
    assert (row.status, row.labels, row.disagreement) == ("settled", 1, 0.0)
    assert row.reason == "fewer than two annotators' rankings count" and row.ended_at is not None
    assert said(work, "dispute settled") == 1
    with work.database.reading() as session:
        (told,) = session.execute(select(WebhookEvent.kind, WebhookEvent.body))
    assert tuple(told) == ("dispute.ended", {"comparison": "c0000", "decision": "settled"})


def test_a_withdrawal_elsewhere_changes_nothing_here(work) -> None:
    load(work, {"ann": (1, 2), "bob": (2, 1)})
    with work.database.writing() as session:
        other = create_project(session, "other")
        withdraw_annotator(session, "bob", reason="test", actor="test", project_id=other.id)
    do_jobs(work)
    assert [row.status for row in disputes(work)] == ["open"]


def test_labels_made_under_an_older_guideline_are_withdrawn_with_their_disputes(work) -> None:
    load(work, {"ann": (1, 2), "bob": (2, 1)}, num=3, guideline="v1")
    assert [row.status for row in disputes(work)] == ["open"] * 3
    with work.database.writing() as session:
        add_guideline(session, work.project.id, "Be kinder.", changes="kindness", actor="test")
        assert redo_labels(session, work.project.id, "v1", withdraw=True, actor="test").withdrawn == 6
    do_jobs(work)
    assert [row.status for row in disputes(work)] == ["settled"] * 3


def test_later_rankings_open_it_again_and_its_reason_goes(work) -> None:
    """Two of three pairs of annotators are opposite: 2/3. Without bob none is; with dan, who says as bob did, 2/3 again."""
    load(work, {"ann": (1, 2), "eve": (1, 2), "bob": (2, 1)})
    with work.database.writing() as session:
        withdraw_annotator(session, "bob", reason="test", actor="test")
    do_jobs(work)
    (row,) = disputes(work)
    assert row.reason == (
        "the 2 annotators whose rankings count disagree by 0 %, and a dispute begins above 50 %"
    )
    load(work, {"dan": (2, 1)})
    (row,) = disputes(work)
    assert (row.status, row.reason, row.ended_at, row.labels) == ("open", None, None, 3)
    assert row.disagreement == pytest.approx(2 / 3) and said(work, "dispute reopened") == 1


def test_a_withdrawal_may_begin_a_dispute(work) -> None:
    """Above 70 %: with ann, who says as eve, two of three pairs are opposite; without her the one that is left."""
    with work.database.writing() as session:
        session.get_one(Project, work.project.id).settings = {"review_threshold": 0.7}
    load(work, {"ann": (1, 2), "eve": (1, 2), "bob": (2, 1)})
    assert disputes(work) == []
    with work.database.writing() as session:
        withdraw_annotator(session, "ann", reason="test", actor="test")
    do_jobs(work)
    (row,) = disputes(work)
    assert (row.status, row.disagreement, row.labels) == ("open", 1.0, 2)


def test_a_ranking_that_is_revised_into_a_skip_ends_it(work) -> None:
    work.load(make_comparisons(1, k=2))
    work.set_settings(policy={"kind": "overlap", "overlap": 2})
    work.submit(work.take("ann"), ranks=(1, 2))
    sent = work.submit(work.take("bob"), ranks=(2, 1))
    rounds = Rounds(work.database)
    find_disputes(rounds)
    assert [row.status for row in disputes(work)] == ["open"]
    work.skip(work.revise(sent.id, "bob"))
    find_disputes(rounds)
    assert [row.status for row in disputes(work)] == ["settled"]


def test_what_a_reviewer_decides_meanwhile_stays_decided(work) -> None:
    load(work, {"ann": (1, 2), "bob": (2, 1)})
    (row,) = disputes(work)
    with work.database.writing() as session:
        account = create_account(session, "rev", "hash")
        withdraw_annotator(session, "bob", reason="test", actor="test")
    measuring = threading.Thread(target=do_jobs, args=(work,))
    with work.database.writing() as session:
        decide(
            session,
            work.project.id,
            row.id,
            {"helpful": [1, 2]},
            reason="ann is right",
            account_id=account,
            now=utc_now(),
        )
        measuring.start()
        measuring.join(timeout=1)
    measuring.join(timeout=30)
    assert not measuring.is_alive()
    (row,) = disputes(work)
    assert (row.status, row.reason) == ("decided", "ann is right") and said(work, "dispute settled") == 0


def test_two_who_measure_at_once_open_a_dispute_once(work) -> None:
    work.load(
        replace(one, rankings=(Ranking(id="1", annotator="ann", ranks=(1, 2)),
                               Ranking(id="2", annotator="bob", ranks=(2, 1))))
        for one in make_comparisons(20, k=2)
    )  # fmt: skip
    failed = []

    def measure() -> None:
        try:
            find_disputes(Rounds(work.database))
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=measure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failed == [] and len(disputes(work)) == 20
