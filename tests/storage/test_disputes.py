"""Disputes: how disagreement is measured, the queue, decisions, and taking labels out; on both databases."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from storage.accounts import create_account
from storage.annotators import ensure_annotator, get_annotator
from storage.bookmarks import move_bookmark, take_bookmark
from storage.comparisons import read_comparisons
from storage.disagreement import disagreement, disputable, measure_disputes
from storage.disputes import count_disputes, decide, dismiss, list_disputes, read_dispute
from storage.importing import import_comparisons_file
from storage.tables import Account, Comparison, Submission
from storage.withdrawals import withdraw_sitting, withdraw_submission
from workbench.errors import DataError, RecordError
from workbench.records import Ranking

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def ranking(annotator: str, *ranks, criterion: str = "helpful", kind: str = "person") -> Ranking:
    return Ranking(
        id=f"{annotator}{criterion}",
        annotator=annotator,
        annotator_kind=kind,
        ranks=ranks,
        criterion=criterion,
    )


@pytest.mark.parametrize(
    ("rankings", "expected"),
    [
        ([], (0.0, 0)),
        ([ranking("a", 1, 2)], (0.0, 1)),
        ([ranking("a", 1, 2), ranking("b", 1, 2)], (0.0, 2)),
        ([ranking("a", 1, 2), ranking("b", 2, 1)], (1.0, 2)),
        ([ranking("a", 1, 2), ranking("b", 1, 1)], (0.5, 2)),
        # Pairs 01, 02, 12; a and b differ on 12 alone: 1/3.
        ([ranking("a", 1, 2, 3), ranking("b", 1, 3, 2)], (1 / 3, 2)),
        # What one did not rank is not compared: of the pairs only 01 is left, and it is opposite.
        ([ranking("a", 1, 2, None), ranking("b", 2, 1, 3)], (1.0, 2)),
        # The criterion on which they disagree most.
        (
            [
                ranking("a", 1, 2),
                ranking("b", 1, 2),
                ranking("a", 1, 2, criterion="honest"),
                ranking("b", 2, 1, criterion="honest"),
            ],
            (1.0, 2),
        ),
        # An adjudication is no vote.
        ([ranking("a", 1, 2), ranking("b", 2, 1, kind="adjudicator")], (0.0, 1)),
        # Three annotators: two pairs of them are opposite, one agrees: 2/3.
        ([ranking("a", 1, 2), ranking("b", 1, 2), ranking("c", 2, 1)], (2 / 3, 3)),
    ],
)
def test_disagreement_by_hand(rankings, expected):
    assert disagreement(rankings) == pytest.approx(expected)


@pytest.fixture
def disputed(database, project, write_lines):
    """Comparison `calm` on which x and y agree, `torn` on which they are opposite; reviewer's account id."""
    path = write_lines(
        *(
            {
                "id": name,
                "prompt": name,
                "completions": [{"text": "a"}, {"text": "b"}],
                "rankings": [{"annotator": "x", "ranks": [1, 2]}, {"annotator": "y", "ranks": ranks}],
            }
            for name, ranks in (("calm", [1, 2]), ("torn", [2, 1]))
        )
    )
    with database.writing() as session:
        import_comparisons_file(session, project.id, path)
        return create_account(session, "rev", "hash")


def measure(session, project, threshold: float = 0.5) -> int:
    found = disputable(session, list(session.scalars(select(Submission.id))))
    return measure_disputes(session, found[project.id], {project.id: threshold}, now=NOW)


def test_a_dispute_is_decided_once_and_is_then_the_consensus(database, project, disputed):
    with database.writing() as session:
        assert measure(session, project) == 1 and measure(session, project) == 0
        (found,) = list_disputes(session, project.id)
        assert (found.comparison, found.disagreement, found.labels, found.status) == ("torn", 1.0, 2, "open")
        with pytest.raises(DataError, match="write why"):
            decide(
                session, project.id, found.id, {"helpful": [1, 2]}, reason=" ", account_id=disputed, now=NOW
            )
        with pytest.raises(RecordError):
            decide(
                session, project.id, found.id, {"helpful": [0, 2]}, reason="x", account_id=disputed, now=NOW
            )
    with database.writing() as session:
        decide(
            session, project.id, found.id, {"helpful": [2, 1]}, reason="b cites", account_id=disputed, now=NOW
        )
        assert list_disputes(session, project.id) == []
        (comparison,) = read_comparisons(session, project.id, ids=["torn"])
        (made,) = [each for each in comparison.rankings if each.annotator_kind == "adjudicator"]
        assert (made.ranks, made.note) == ((2, 1), "b cites")
        assert session.scalar(select(Comparison.votes).where(Comparison.record_id == "torn")) == 2
        assert measure(session, project) == 0, "it stays decided"
        assert count_disputes(session, project.id) == {"decided": 1}
        with pytest.raises(DataError, match="decided already"):
            dismiss(session, project.id, found.id, reason="x", account_id=disputed, now=NOW)


def test_nobody_decides_on_their_own_ranking(database, project, disputed):
    with database.writing() as session:
        measure(session, project)
        (found,) = list_disputes(session, project.id)
        session.get(Account, disputed).annotator_id = get_annotator(session, "x").id
        session.flush()
        assert list_disputes(session, project.id, account_id=disputed) == []
        with pytest.raises(DataError, match="ranked this comparison yourself"):
            dismiss(session, project.id, found.id, reason="x", account_id=disputed, now=NOW)
        other = create_account(session, "other", "hash")
        assert len(list_disputes(session, project.id, account_id=other)) == 1
        ensure_annotator(session, other)
        dismiss(session, project.id, found.id, reason="tastes differ", account_id=other, now=NOW)
        shown = read_dispute(session, project.id, found.id)
        assert (shown.dispute.status, shown.dispute.reason) == ("dismissed", "tastes differ")
        with pytest.raises(DataError, match="no dispute"):
            read_dispute(session, project.id + 1, found.id)


def test_a_withdrawal_settles_what_it_caused(database, project, disputed):
    with database.writing() as session:
        assert measure(session, project, threshold=1.0) == 0, "not above the threshold"
        measure(session, project)
        y = get_annotator(session, "y").id
        torn = (
            select(Submission.id)
            .join(Comparison)
            .where(Comparison.record_id == "torn", Submission.annotator_id == y)
        )
        key = session.scalars(torn).one()
        with pytest.raises(DataError, match="needs a reason"):
            withdraw_submission(session, key, reason="", actor="test")
        withdraw_submission(session, key, reason="pressed the wrong key", actor="test")
        measure_disputes(session, list(session.scalars(select(Comparison.id))), {project.id: 0.5}, now=NOW)
        assert count_disputes(session, project.id) == {"settled": 1}


def test_a_sitting_is_taken_out_whole(database, project, disputed):
    with database.writing() as session:
        y = get_annotator(session, "y").id
        for row in session.scalars(select(Submission).where(Submission.annotator_id == y)):
            row.sitting = "evening"
        session.flush()
        with pytest.raises(DataError, match="nothing that counts"):
            withdraw_sitting(
                session, project.id, get_annotator(session, "x").id, "evening", reason="x", actor="t"
            )
        assert withdraw_sitting(session, project.id, y, "evening", reason="was tired", actor="test") == 2
        session.expire_all()
        assert set(session.scalars(select(Comparison.votes))) == {1}
        with pytest.raises(DataError, match="nothing that counts"):
            withdraw_sitting(session, project.id, y, "evening", reason="again", actor="test")


def test_bookmarks_are_kept(database):
    with database.writing() as session:
        assert take_bookmark(session, "x", start=5) == 5
        move_bookmark(session, "x", 9)
    with database.writing() as session:
        assert take_bookmark(session, "x") == 9
