"""Who gets what next: the queue, leases, overlap, and what comes back."""

import threading

import pytest
from sqlalchemy import func, select

from storage.answering import AlreadyAnswered, KeyReused, Withdrawn
from storage.assignment import Nothing, Rules, TooManyTasks, shown_order
from storage.leases import NoSuchTask, SlotTaken, find_lease, renew, save_draft
from storage.standing import lock_standing
from storage.tables import Comparison, Draft, Lease, Project, ProjectAnnotator, Submission, WorkDay
from storage.votes import open_comparisons
from storage.withdrawals import withdraw_annotator
from tests.storage.service_work import Work, make_comparisons
from workbench.errors import DataError
from workbench.records import Comparison as ComparisonRecord
from workbench.records import Completion, Ranking


@pytest.fixture
def work(database, project):
    return Work(database, project)


def columns(work, record_id):
    with work.database.reading() as session:
        row = session.scalars(select(Comparison).where(Comparison.record_id == record_id)).one()
        return row.votes, row.target_overlap


def left(work):
    with work.database.reading() as session:
        return open_comparisons(session, work.project.id)


def test_the_queue_goes_in_order_and_each_comparison_once(work):
    work.load(make_comparisons(4))
    assert work.rank_all("ann") == ["c0000", "c0001", "c0002", "c0003"]
    assert work.next("ann") == Nothing(reason="nothing-left") == work.next("bob")
    assert left(work) == 0


def test_two_annotators_never_hold_the_same_comparison_at_overlap_one(work):
    work.load(make_comparisons(3))
    one, two = work.take("ann"), work.take("bob")
    assert one.comparison_id != two.comparison_id
    assert work.take("ann").token == one.token, "a page that was reloaded gets its task again"
    third = work.take("ann", exclude=[one.token])
    assert third.comparison_id not in (one.comparison_id, two.comparison_id)
    with pytest.raises(TooManyTasks, match="you hold 2 tasks of 'test'; submit or skip one"):
        work.next("ann", exclude=[one.token, third.token])
    assert work.next("cid") == Nothing(reason="nothing-left")


def test_priority_goes_first_and_equal_ones_in_order(work):
    work.load(make_comparisons(5))
    with work.database.writing() as session:
        for record_id, priority in (("c0003", 2.5), ("c0001", 1.0), ("c0004", 1.0)):
            row = session.scalars(select(Comparison).where(Comparison.record_id == record_id)).one()
            row.priority = priority
    assert work.rank_all("ann") == ["c0003", "c0001", "c0004", "c0000", "c0002"]


def test_a_lease_that_runs_out_is_anybodys_and_comes_back_with_its_draft(work):
    work.load(make_comparisons(1))
    lease = work.take("ann")
    with work.database.writing() as session:
        save_draft(session, lease, {"tiers": [1]}, seconds=7.5, now=work.now)
    assert work.next("bob") == Nothing(reason="nothing-left")
    work.wait(601)
    again = work.take("ann")
    assert (again.token, again.order) == (lease.token, lease.order), (
        "nobody else took it: the same task again"
    )
    work.wait(601)
    taken = work.take("bob")
    assert taken.comparison_id == lease.comparison_id
    assert work.next("ann") == Nothing(reason="nothing-left")
    with pytest.raises(SlotTaken, match="others have ranked it meanwhile"):
        work.submit(lease)
    with work.database.reading() as session:
        assert session.scalars(select(Draft.content)).all() == [{"tiers": [1]}], "nothing of the work is lost"


def test_a_late_answer_is_taken_while_the_vote_is_free(work):
    work.load(make_comparisons(1))
    lease = work.take("ann")
    work.wait(5000)
    work.submit(lease)
    assert columns(work, "c0000") == (1, 1)


def test_a_heartbeat_keeps_a_task_and_wakes_one_that_nobody_took(work):
    work.load(make_comparisons(1))
    lease = work.take("ann")
    for seconds, expected in ((599, True), (599, True), (700, True)):
        work.wait(seconds)
        with work.database.writing() as session:
            held = find_lease(session, lease.token, lease.annotator_id, lock=True)
            assert (renew(session, held, seconds=600, now=work.now) is not None) is expected
    work.wait(601)
    work.submit(work.take("bob"))
    with work.database.writing() as session:
        held = find_lease(session, lease.token, lease.annotator_id, lock=True)
        assert renew(session, held, seconds=600, now=work.now) is None


def test_a_skip_is_a_submission_and_the_comparison_keeps_wanting_its_vote(work):
    work.load(make_comparisons(1))
    work.skip(work.take("ann"))
    assert work.next("ann") == Nothing(reason="nothing-left")
    assert columns(work, "c0000") == (0, 1)
    assert work.rank_all("bob") == ["c0000"]


def test_the_same_key_writes_once_and_another_task_or_key_is_refused(work):
    work.load(make_comparisons(2))
    lease = work.take("ann")
    first = work.submit(lease, key="the-same-key")
    again = work.submit(lease, key="the-same-key")
    assert (first.is_new, again.is_new, again.id) == (True, False, first.id)
    with pytest.raises(AlreadyAnswered, match=f"submission {first.id}"):
        work.submit(lease, key="another-key")
    other = work.take("ann")
    with pytest.raises(KeyReused, match="the key 'the-same-key' came with another task"):
        work.submit(other, key="the-same-key")
    with pytest.raises(NoSuchTask):
        work.submit(work.take("ann"), annotator="bob")
    assert work.submit(work.take("ann"), key="key-of-ann-and-bob").is_new


def test_fixed_overlap(work):
    work.set_settings(policy={"kind": "overlap", "overlap": 3})
    work.load(make_comparisons(2))
    for name in ("ann", "bob", "cid"):
        assert work.rank_all(name) == ["c0000", "c0001"]
    assert work.next("dot") == Nothing(reason="nothing-left")
    assert columns(work, "c0000") == (3, 3)


def test_a_changed_policy_reopens_what_was_closed(work):
    work.load(make_comparisons(2))
    work.rank_all("ann")
    work.set_settings(policy={"kind": "overlap", "overlap": 2})
    assert left(work) == 2
    assert work.rank_all("bob") == ["c0000", "c0001"]
    assert left(work) == 0
    work.set_settings()
    assert columns(work, "c0000") == (2, 1)


def test_overlap_on_a_share_is_drawn_from_the_salt(work):
    work.set_settings(policy={"kind": "share", "overlap": 3, "share": 0.25})
    work.load(make_comparisons(200))
    with work.database.reading() as session:
        targets = session.scalars(select(Comparison.target_overlap).order_by(Comparison.record_id)).all()
    assert set(targets) == {1, 3}
    assert 30 <= targets.count(3) <= 70
    work.set_settings(policy={"kind": "overlap", "overlap": 2})
    work.set_settings(policy={"kind": "share", "overlap": 3, "share": 0.25})
    with work.database.reading() as session:
        assert (
            session.scalars(select(Comparison.target_overlap).order_by(Comparison.record_id)).all() == targets
        )


def test_a_comparison_in_doubt_gets_votes_until_its_winner_is_clear(work):
    """Five who agree stop early; votes that contradict each other go on to the most."""
    work.set_settings(policy={"kind": "uncertain", "threshold": 0.9, "most": 5})
    work.load(make_comparisons(2, k=2))
    for n in range(6):
        for _ in range(2):
            lease = work.next(f"a{n}")
            if isinstance(lease, Nothing):
                break
            contradict = work.record_id(lease) == "c0001" and n % 2
            work.submit(lease, ranks=(2, 1) if contradict else (1, 2))
    agreed, disputed = columns(work, "c0000"), columns(work, "c0001")
    assert disputed == (5, 5)
    assert agreed[0] == agreed[1] < 5
    assert left(work) == 0


def test_imported_rankings_are_votes_and_withdrawn_ones_are_not(work):
    ranking = Ranking(id="r1", annotator="imp", ranks=(1, 2, 3, 4))
    skip = Ranking(id="r2", annotator="other", ranks=None, outcome="skipped", reason="x")
    work.load(make_comparisons(1, rankings=(ranking, skip)))
    assert columns(work, "c0000") == (1, 1)
    assert work.next("ann") == Nothing(reason="nothing-left")
    with work.database.writing() as session:
        withdraw_annotator(session, "imp", reason="test", actor="me")
    assert columns(work, "c0000") == (0, 1)
    assert work.rank_all("ann") == ["c0000"]


def test_a_withdrawn_annotator_gets_and_gives_nothing(work):
    work.load(make_comparisons(2))
    lease = work.take("ann")
    with work.database.writing() as session:
        withdraw_annotator(session, "ann", reason="test", actor="me", project_id=work.project.id)
    assert work.next("ann") == Nothing(reason="withdrawn")
    with pytest.raises(Withdrawn, match="your labels in 'test' were withdrawn"):
        work.submit(lease)


def test_who_has_ranked_a_comparison_in_a_file_does_not_get_it_again(work):
    work.set_settings(policy={"kind": "overlap", "overlap": 2})
    work.load(make_comparisons(1, rankings=(Ranking(id="r", annotator="ann", ranks=(1, 2, 3, 4)),)))
    assert work.next("ann") == Nothing(reason="nothing-left")
    assert work.rank_all("bob") == ["c0000"]


def test_one_completion_is_nothing_to_rank(work):
    work.load([ComparisonRecord(id="alone", prompt="p", completions=(Completion(text="x"),))])
    assert work.next("ann") == Nothing(reason="nothing-left")


def test_of_many_completions_nine_are_shown_in_an_order_that_can_be_drawn_again(work):
    work.load(make_comparisons(1, k=12))
    lease = work.take("ann")
    assert len(set(lease.order)) == 9
    assert list(lease.order) == shown_order("test", "ann", "c0000", 12)
    orders = {tuple(shown_order("test", f"a{n}", "c0000", 4)) for n in range(200)}
    assert len(orders) == 24, "every order of four is drawn for somebody"


def test_new_work_is_found_behind_the_place_in_the_queue(work):
    """Ann's place is at the end when a more urgent file comes in, and when somebody's lease runs out."""
    work.load(make_comparisons(3))
    held = work.take("bob")
    assert work.rank_all("ann") == ["c0001", "c0002"]
    work.load(
        [ComparisonRecord(id="a-new", prompt="p", completions=(Completion(text="x"), Completion(text="y")))]
    )
    assert work.rank_all("ann") == ["a-new"]
    work.wait(601)
    assert work.rank_all("ann") == [work.record_id(held)]


def test_the_place_in_the_queue_is_left_from_time_to_time(work):
    work.load(make_comparisons(30))
    held = work.take("bob")
    assert work.record_id(held) == "c0000"
    assert work.rank_all("ann", limit=3) == ["c0001", "c0002", "c0003"]
    work.wait(602)
    assert work.rank_all("ann", limit=2) == ["c0000", "c0004"], "what bob left comes before the rest"


def test_counters_follow(work):
    work.load(make_comparisons(3))
    work.skip(work.take("ann"), seconds=5.0)
    work.submit(work.take("ann"), seconds=20.0)
    with work.database.reading() as session:
        row = session.scalars(select(ProjectAnnotator)).one()
        day = session.scalars(select(WorkDay)).one()
        assert (row.submissions, row.ranked, row.skipped, row.seconds, row.closed) == (2, 1, 1, 25.0, 1)
        assert (day.day, day.ranked, day.skipped, day.seconds) == ("2026-11-24", 1, 1, 25.0)
        for day, today in (("2026-11-24", 2), ("2026-11-25", 0)):
            standing = lock_standing(session, work.project.id, row.annotator_id, day)
            assert (standing.today, standing.submissions, standing.left) == (today, 2, 2)
    assert left(work) == 2


def race(work, rounds):
    """Two annotators ask for the last vote at the same moment, `rounds` times; returns how often each number won."""
    names = ("ann", "bob")
    for name in names:
        work.annotator(name)
    won = {0: 0, 1: 0, 2: 0}
    for _ in range(rounds):
        gate = threading.Barrier(2)
        got = []

        def ask(name, gate=gate, got=got):
            gate.wait()
            lease = work.next(name)
            if not isinstance(lease, Nothing):
                got.append((name, lease))

        threads = [threading.Thread(target=ask, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        won[len(got)] += 1
        for _, lease in got:
            work.submit(lease)
    return won


def test_one_of_two_wins_the_last_vote(work):
    _race_fresh(work, 50)


@pytest.mark.soak
def test_one_of_two_wins_the_last_vote_a_thousand_times(work, record_property):
    record_property("repetitions", 1000)
    _race_fresh(work, 1000)


def _race_fresh(work, rounds):
    """One open comparison at a time: the next is opened when the one before is ranked."""
    work.load(make_comparisons(rounds))
    with work.database.writing() as session:
        session.execute(Comparison.__table__.update().values(target_overlap=0))
    for n in range(rounds):
        with work.database.writing() as session:
            row = session.scalars(select(Comparison).where(Comparison.record_id == f"c{n:04}")).one()
            row.target_overlap = 1
        assert race(work, 1) == {0: 0, 1: 1, 2: 0}, f"round {n}"
    with work.database.reading() as session:
        counts = select(func.count()).select_from(Submission).group_by(Submission.comparison_id)
        assert session.scalars(counts).all() == [1] * rounds
        assert session.scalar(select(func.count()).select_from(Lease)) == 0


def test_one_of_two_late_answers_wins(work):
    """Both leases ran out, the second was given after the first; both answer at the same moment."""
    work.load(make_comparisons(10))
    for _ in range(10):
        first = work.take("ann")
        work.wait(601)
        second = work.take("bob")
        work.wait(601)
        gate = threading.Barrier(2)
        results = []

        def answer(lease, gate=gate, results=results):
            gate.wait()
            try:
                results.append(work.submit(lease, key=f"{lease.token}-key").is_new)
            except SlotTaken:
                results.append(False)

        threads = [threading.Thread(target=answer, args=(lease,)) for lease in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results) == [False, True]
        with work.database.writing() as session:
            session.execute(Lease.__table__.delete())


def test_the_database_itself_refuses_a_second_first_answer(work):
    work.load(make_comparisons(1))
    lease = work.take("ann")
    work.submit(lease)
    with pytest.raises(DataError, match="refused the change"), work.database.writing() as session:
        row = session.scalars(select(Submission)).one()
        session.add(
            Submission(
                comparison_id=row.comparison_id,
                annotator_id=row.annotator_id,
                annotator_kind="person",
                origin="service",
                outcome="ranked",
            )
        )
        session.flush()


def test_queued_is_counted_at_import(work):
    work.load(make_comparisons(3))
    with work.database.reading() as session:
        assert session.scalar(select(Project.queued)) == 3


def test_rules_have_defaults():
    assert Rules().lease_seconds == 600
