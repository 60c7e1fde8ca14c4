"""Counters say what they count, also where somebody ranks while they are counted anew."""

import threading
import time

import pytest
from sqlalchemy import select

from storage.answering import Withdrawn, write_answer
from storage.history import NotRevisable
from storage.leases import find_lease
from storage.overlap import apply_plan
from storage.tables import Comparison
from storage.votes import count_queue, count_votes, open_comparisons
from storage.withdrawals import withdraw_submission
from tests.storage.service_work import Work, _answer, make_comparisons
from workbench.statistics.overlap_plan import PlannedVotes


@pytest.fixture
def work(database, project):
    return Work(database, project)


def votes(work: Work) -> list[int]:
    with work.database.reading() as session:
        return list(session.scalars(select(Comparison.votes).order_by(Comparison.id)))


def rank_during(work: Work, count) -> None:
    """Let `count` begin while an answer is written and not yet there."""
    lease, annotator = work.take("ann"), work.annotator("ann")

    def run() -> None:
        with work.database.writing() as session:
            count(session, lease)

    thread = threading.Thread(target=run)
    with work.database.writing() as session:
        held = find_lease(session, lease.token, annotator.id, lock=True)
        day = work.now.date().isoformat()
        write_answer(session, held, _answer(held, {}), annotator=annotator, key="k", day=day, now=work.now)
        thread.start()
        time.sleep(0.3)  # Long enough for it to reach the row that the answer holds.
    thread.join(20)
    assert not thread.is_alive()


def test_a_vote_given_during_a_count_is_counted(work):
    """Two comparisons; one is ranked while its votes are counted: it has one vote, and not the none that were seen."""
    work.load(make_comparisons(2))
    rank_during(work, lambda session, lease: count_votes(session, [lease.comparison_id]))
    assert votes(work) == [1, 0]


def test_a_comparison_closed_during_a_count_is_not_left(work):
    """Two comparisons at one vote each; one is ranked while the queue is counted: one is left."""
    work.load(make_comparisons(2))
    rank_during(work, lambda session, lease: count_queue(session, work.project.id))
    with work.database.reading() as session:
        assert open_comparisons(session, work.project.id) == 1


def test_a_withdrawn_submission_is_not_brought_back_by_a_revision(work):
    """Withdrawn, it is not opened again; and one that was opened before is not taken."""
    work.load(make_comparisons(2))
    first, second = (work.submit(work.take("ann")) for _ in range(2))
    opened = work.revise(second.id, "ann")
    with work.database.writing() as session:
        for submission in (first, second):
            withdraw_submission(session, submission.id, reason="a slip", actor="lead")
    with pytest.raises(NotRevisable, match="withdrawn"):
        work.revise(first.id, "ann")
    with pytest.raises(Withdrawn):
        work.submit(opened)
    assert votes(work) == [0, 0]


def test_a_plan_stands_where_the_policy_was_chosen_before_it(work):
    """The settings ask for two votes each; the plan for four of one. Whoever comes next does not undo the plan."""
    work.load(make_comparisons(2))
    work.set_settings(policy={"kind": "overlap", "overlap": 2}, apply=False)
    with work.database.writing() as session:
        apply_plan(
            session,
            work.project.id,
            [PlannedVotes(comparison="c0000", overlap=4, rankings=0, priority=1.0, reason="in doubt")],
        )
    work.put_in_force()
    with work.database.reading() as session:
        assert list(session.scalars(select(Comparison.target_overlap).order_by(Comparison.id))) == [4, 2]
