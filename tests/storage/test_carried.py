"""Figures carried on by counters say the same as a count of the rows, whatever happens between."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from storage import carried as module
from storage.carried import PROGRESS, carried, count_rows
from storage.figures import keep_figure
from storage.gold import gold_accuracy
from storage.leases import give_lease
from storage.pay import work_between
from storage.progress import missing_votes, project_progress
from storage.projects import count_project
from storage.standing import count_mine, lock_standing
from storage.submissions import NewRanking, add_rankings, ranking_content_hash
from storage.tables import Comparison, ProjectAnnotator, Submission, utc_now
from storage.votes import count_votes
from storage.withdrawals import withdraw_annotator, withdraw_sitting, withdraw_submission
from tests.storage.service_work import Work, make_comparisons
from workbench.errors import DataError
from workbench.records import Ranking


@pytest.fixture
def work(database, project):
    return Work(database, project)


@pytest.fixture
def large(monkeypatch):
    """Every project is too large to be counted in a request."""
    monkeypatch.setattr(module, "SMALL", -1)


def count(work: Work) -> None:
    with work.database.reading() as session:
        content = count_rows(session, work.project.id)
    with work.database.writing() as session:
        keep_figure(session, work.project.id, PROGRESS, content, seconds=1.0, now=utc_now())


def check(work: Work, *, exactly: bool = True):
    """Carried on and counted are the same."""
    with work.database.reading() as session:
        known = carried(session, work.project.id, holdings=True)
        counted = project_progress(session, work.project.id)
        names = ("comparisons", "complete", "wanted", "submissions")
        if exactly:
            assert [getattr(known.progress, name) for name in names] == [
                getattr(counted, name) for name in names
            ]
            assert known.missing == missing_votes(session, work.project.id)
    return known


def test_a_large_project_that_was_never_counted_is_not_counted_in_the_request(work, large):
    work.load(make_comparisons(3))
    with work.database.reading() as session:
        assert carried(session, work.project.id) is None


def test_a_small_project_is_counted_when_it_is_asked_for(work):
    work.load(make_comparisons(3))
    work.submit(work.take("ann"))
    known = check(work)
    assert known.counted_at is None and known.holdings["submissions"] == 1
    count(work)
    work.submit(work.take("ann"))
    assert check(work).counted_at is not None, "the stored figure is carried on where nothing else changed"


def test_votes_are_carried_on_and_skips_are_none(work, large):
    """Of six comparisons two are ranked before the count; then come a ranking, a skip, and revisions both ways."""
    work.load(make_comparisons(6))
    first = work.submit(work.take("ann"))
    work.submit(work.take("ann"))
    count(work)
    work.submit(work.take("ann"))
    skipped = work.skip(work.take("ann"))
    known = check(work)
    assert (known.progress.submissions, known.progress.complete, known.missing) == (3, 3, 3)
    work.submit(work.revise(skipped.id, "ann"))
    assert check(work).progress.submissions == 4
    work.skip(work.revise(first.id, "ann"))
    assert check(work).progress.submissions == 3


def test_gold_gives_no_vote(work, large):
    work.load(make_comparisons(2))
    work.load(make_gold())
    count(work)
    with work.database.writing() as session:
        assert count_project(session, work.project.id)["comparisons"] == {"gold": 1, "ordinary": 2}
    answer_gold(work, "ann", (1, 2, 3, 4))
    assert check(work).progress.submissions == 0


def test_what_is_imported_or_withdrawn_makes_the_figure_old(work, large):
    work.load(make_comparisons(3))
    work.submit(work.take("ann"))
    count(work)
    assert check(work).is_current
    work.load(make_comparisons(5))
    known = check(work, exactly=False)
    assert not known.is_current and known.progress.comparisons == 3, "as of the count, and says so"
    count(work)
    with work.database.writing() as session:
        withdraw_annotator(session, "ann", reason="test", actor="test")
    assert not check(work, exactly=False).is_current
    count(work)
    assert check(work).progress.submissions == 0


def test_holdings_count_what_counts_and_name_what_does_not(work):
    """Ann ranks three (one revised, one withdrawn) and skips one; one more is adjudicated."""
    work.load(make_comparisons(5))
    made = [work.submit(work.take("ann")) for _ in range(3)]
    work.skip(work.take("ann"))
    work.submit(work.revise(made[0].id, "ann"))
    with work.database.writing() as session:
        withdraw_submission(session, made[1].id, reason="a slip", actor="lead")
        ranking = Ranking(id="j", annotator="rev", annotator_kind="adjudicator", ranks=(1, 2, 3, 4))
        new = NewRanking(made[2].comparison_id, ranking, ranking_content_hash(ranking))
        add_rankings(session, work.project.id, [new])
    with work.database.reading() as session:
        counts = count_project(session, work.project.id)
        progress = project_progress(session, work.project.id)
        mine = count_mine(session, work.project.id, work.annotator("ann").id, work.now.date().isoformat())
        day = work.now.date().isoformat()
        paid = work_between(session, work.project.id, day, day)[0]
    assert (counts["submissions"], counts["skips"], counts["rankings"]) == (3, 1, {"helpful": 2})
    assert counts["left_out"] == {"adjudications": 1, "superseded": 1, "withdrawn": 1}
    assert progress.submissions == counts["submissions"] - counts["skips"], "votes are rankings that count"
    assert mine == (4, 4), "own work: all that was sent, whatever became of it; a revision is none"
    assert (paid.ranked, paid.skipped, paid.revised) == (3, 1, 1), "pay: the same, rankings and skips apart"


def test_a_skip_revised_into_a_ranking_moves_from_one_count_to_the_other(work):
    work.load(make_comparisons(2))
    skipped = work.skip(work.take("ann"))
    first = work.now.date().isoformat()
    work.wait(24 * 3600)
    ranked = work.submit(work.revise(skipped.id, "ann"))
    later = work.now.date().isoformat()
    with work.database.reading() as session:
        row = session.get(ProjectAnnotator, (work.project.id, work.annotator("ann").id))
        assert (row.submissions, row.ranked, row.skipped) == (1, 1, 0)
        days = [work_between(session, work.project.id, day, day)[0] for day in (first, later)]
        assert [(day.ranked, day.skipped, day.revised) for day in days] == [(0, 1, 0), (1, -1, 1)]
        both = work_between(session, work.project.id, first, later)[0]
        assert (both.ranked, both.skipped, both.revised) == (1, 0, 1)
    work.skip(work.revise(ranked.id, "ann"))
    with work.database.reading() as session:
        assert work_between(session, work.project.id, first, later)[0].ranked == 0, "paid for no ranking"


def make_gold():
    """One gold comparison, best first."""
    ranking = Ranking(id="right", annotator="lea", annotator_kind="adjudicator", ranks=(1, 2, 3, 4))
    (one,) = make_comparisons(1, kind="gold", rankings=(ranking,))
    return [replace(one, id="gold", prompt="a known one")]


def answer_gold(work: Work, name: str, ranks, **more):
    """Give the gold comparison to an annotator, and rank it."""
    annotator = work.annotator(name)
    with work.database.writing() as session:
        lock_standing(session, work.project.id, annotator.id, work.now.date().isoformat())
        key = session.scalars(select(Comparison.id).where(Comparison.kind == "gold")).one()
        lease = give_lease(
            session,
            work.project,
            comparison_id=key,
            annotator_id=annotator.id,
            kind="gold",
            num_completions=4,
            order=(0, 1, 2, 3),
            expires_at=work.now,
            now=work.now,
        )
    return work.submit(lease, ranks=ranks, **more)


def accuracy(work: Work) -> dict[str, tuple[int, float | None]]:
    with work.database.reading() as session:
        return {each.pseudonym: (each.n, each.value) for each in gold_accuracy(session, work.project.id)}


@pytest.mark.parametrize("how", ["annotator", "submission", "sitting"])
def test_withdrawn_answers_leave_the_gold_counters(work, how):
    """Ann answers right and is withdrawn, in each of the three ways; bob answers the opposite and stays."""
    work.load(make_gold())
    written = answer_gold(work, "ann", (1, 2, 3, 4), sitting="morning")
    answer_gold(work, "bob", (4, 3, 2, 1), sitting="noon")
    ann = work.annotator("ann")
    assert accuracy(work) == {"ann": (1, 1.0), "bob": (1, 0.0)}
    with work.database.writing() as session:
        if how == "annotator":
            withdraw_annotator(session, "ann", reason="test", actor="test", project_id=work.project.id)
        elif how == "submission":
            withdraw_submission(session, written.id, reason="test", actor="test")
        else:
            withdraw_sitting(session, work.project.id, ann.id, "morning", reason="test", actor="test")
    assert accuracy(work) == {"ann": (0, None), "bob": (1, 0.0)}


def test_a_revised_gold_answer_counts_once_and_not_when_it_is_withdrawn(work):
    work.load(make_gold())
    first = answer_gold(work, "ann", (4, 3, 2, 1))
    second = work.submit(work.revise(first.id, "ann"), ranks=(1, 2, 3, 4))
    assert accuracy(work)["ann"] == (1, 1.0)
    with work.database.writing() as session:
        withdraw_submission(session, second.id, reason="test", actor="test")
    assert accuracy(work)["ann"] == (0, None)


def test_a_submission_is_withdrawn_once(work):
    work.load(make_comparisons(1))
    made = work.submit(work.take("ann"))
    with work.database.writing() as session:
        withdraw_submission(session, made.id, reason="a slip of the hand", actor="account:7")
    with (
        pytest.raises(DataError, match=r"withdrawn already, by account:7 on .*: a slip of the hand"),
        work.database.writing() as session,
    ):
        withdraw_submission(session, made.id, reason="again", actor="account:8")
    with work.database.writing() as session:
        count_votes(session, [made.comparison_id])
        assert project_progress(session, work.project.id).submissions == 0
        assert session.get_one(Submission, made.id).outcome == "ranked", "kept for the record"
