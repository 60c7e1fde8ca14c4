"""Practice, gold, repeats and demonstrations: what is mixed into the queue, and what it says of an annotator."""

import pytest
from sqlalchemy import select

from storage.assignment import Nothing, Qualification, Rules
from storage.gold import agreement_with, expected_ranking, gold_accuracy, wilson_interval
from storage.history import NotRevisable, own_submission
from storage.prompts import read_demonstrations
from storage.tables import Comparison, ProjectAnnotator
from storage.withdrawals import withdraw_submission
from tests.storage.service_work import Work, make_comparisons
from workbench.records import Comparison as ComparisonRecord
from workbench.records import Completion, Ranking


@pytest.fixture
def work(database, project):
    return Work(database, project)


def known(name, kind, ranks=(1, 2, 3, 4), note=None):
    """A comparison with an adjudicated ranking."""
    right = Ranking(
        id=f"{name}-right", annotator="lead", annotator_kind="adjudicator", ranks=ranks, note=note
    )
    texts = tuple(Completion(text=f"{name}.{i}") for i in range(len(ranks)))
    return ComparisonRecord(id=name, prompt=f"prompt {name}", completions=texts, kind=kind, rankings=(right,))


def standing(work, name):
    annotator = work.annotator(name)
    with work.database.reading() as session:
        row = session.scalars(
            select(ProjectAnnotator).where(ProjectAnnotator.annotator_id == annotator.id)
        ).one()
        session.expunge(row)
    return row


@pytest.mark.parametrize(
    ("expected", "given", "agreement"),
    [
        ((1, 2, 3), (1, 2, 3), 1.0),
        ((1, 2, 3), (3, 2, 1), 0.0),
        ((1, 2, 3), (1, 1, 2), 2.5 / 3),  # one tie of three pairs
        ((1, 1, 2), (2, 1, 3), 1.0),  # the tie in the expected ranking decides nothing
        ((1, None, 2), (1, 2, 3), 1.0),
        ((1, 2), (1, None), 1.0),  # set aside: below what was ranked
        ((1, 2), (None, 1), 0.0),
        ((1, 2), (None, None), 0.5),
        ((1, 1), (1, 2), None),
    ],
)
def test_agreement_with_gold_by_hand(expected, given, agreement):
    assert agreement_with({"helpful": expected}, {"helpful": given}) == agreement


def test_agreement_takes_the_criteria_that_both_have():
    assert agreement_with({"a": (1, 2), "b": (1, 2)}, {"a": (1, 2), "c": (2, 1)}) == 1.0
    assert agreement_with({"a": (1, 2)}, {"a": None}) is None


def test_wilson_by_hand():
    """8 of 10: the textbook's interval is 0.4902 to 0.9433."""
    low, high = wilson_interval(8, 10)
    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert wilson_interval(0, 5)[0] == pytest.approx(0) and wilson_interval(5, 5)[1] == pytest.approx(1)


def test_gold_is_mixed_in_silently_and_counted(work):
    work.rules = Rules(gold_share=0.5)
    work.load([*make_comparisons(20), *(known(f"gold{n}", "gold") for n in range(5))])
    right = work.rank_all("ann")
    gold = [name for name in right if name.startswith("gold")]
    assert len(gold) == 5 and right[-1] == "c0019", "every gold comparison once, and all of the queue"
    while not isinstance(lease := work.next("bob"), Nothing):
        work.submit(lease, ranks=(4, 3, 2, 1))
    work.rules = Rules()
    with work.database.reading() as session:
        found = {accuracy.pseudonym: accuracy for accuracy in gold_accuracy(session, work.project.id)}
    assert (found["ann"].value, found["ann"].n, found["ann"].high) == (1.0, 5, 1.0)
    assert found["ann"].low == pytest.approx(0.5655, abs=1e-4)


def test_gold_without_an_adjudication_is_never_given_out(work):
    work.rules = Rules(gold_share=0.5)
    work.load(
        [
            *make_comparisons(6),
            *make_comparisons(0),
            ComparisonRecord(
                id="unknown",
                prompt="p",
                completions=(Completion(text="a"), Completion(text="b")),
                kind="gold",
                rankings=(Ranking(id="r", annotator="x", ranks=(1, 2)),),
            ),
        ]
    )
    assert work.rank_all("ann") == [f"c{n:04}" for n in range(6)]


def test_a_revised_gold_answer_is_counted_once(work):
    work.rules = Rules(gold_share=0.5)
    work.load([*make_comparisons(8), known("gold", "gold")])
    while work.record_id(lease := work.take("ann")) != "gold":
        work.submit(lease)
    wrong = work.submit(lease, ranks=(4, 3, 2, 1))
    assert (standing(work, "ann").gold_answered, standing(work, "ann").gold_agreed) == (1, 0.0)
    again = work.revise(wrong.id, "ann")
    work.submit(again)
    row = standing(work, "ann")
    assert (row.gold_answered, row.gold_agreed) == (1, 1.0)


def test_a_qualification_round_comes_before_real_work(work):
    work.rules = Rules(qualification=Qualification(comparisons=3, threshold=0.7))
    work.load([*make_comparisons(2), *(known(f"q{n}", "qualification", note="because") for n in range(4))])
    for _ in range(3):
        lease = work.take("ann")
        assert lease.kind == "qualification"
        written = work.submit(lease)
        assert written.gold_agreement == 1.0
    assert work.rank_all("ann") == ["c0000", "c0001"]
    row = standing(work, "ann")
    assert (row.qualification, row.practised, row.submissions) == ("passed", 3, 2)
    with work.database.reading() as session:
        expected = expected_ranking(session, lease.comparison_id)
        assert expected is not None and expected.explanation == "because"
        with pytest.raises(NotRevisable, match="was practice"):
            own_submission(session, written.id, lease.annotator_id)


def test_who_fails_the_round_gets_no_work(work):
    work.rules = Rules(qualification=Qualification(comparisons=2, threshold=0.7))
    work.load([*make_comparisons(2), *(known(f"q{n}", "qualification") for n in range(2))])
    for ranks in ((4, 3, 2, 1), (1, 2, 3, 4)):
        work.submit(work.take("ann"), ranks=ranks)
    assert work.next("ann") == Nothing(reason="not-qualified") == work.next("ann")


def test_the_round_is_not_judged_while_its_last_task_is_on_the_page(work):
    work.rules = Rules(qualification=Qualification(comparisons=2, threshold=0.7))
    work.load([*make_comparisons(2), *(known(f"q{n}", "qualification") for n in range(2))])
    work.submit(work.take("ann"))
    last = work.take("ann")
    assert work.next("ann", exclude=[last.token]) == Nothing(reason="nothing-left")
    work.submit(last)
    assert work.take("ann").kind == "ordinary"


def test_a_round_without_comparisons_lets_nobody_through(work):
    work.rules = Rules(qualification=Qualification(comparisons=2, threshold=0.7))
    work.load(make_comparisons(2))
    assert work.next("ann") == Nothing(reason="not-qualified")


def test_repeats_are_comparisons_of_their_own(work):
    work.load(make_comparisons(60))
    work.rank_all("ann", limit=20)
    work.rules = Rules(repeat_share=0.5)
    done = work.rank_all("ann")
    repeats = [name for name in done if name.endswith("~ann")]
    assert len(repeats) > 5 and len(set(done)) == len(done)
    with work.database.reading() as session:
        row = session.scalars(select(Comparison).where(Comparison.record_id == repeats[0])).one()
        assert (row.kind, row.repeat_of) == ("repeat", repeats[0].removesuffix("~ann"))
    assert [name for name in work.rank_all("bob") if "~" in name] == [], "nobody gets another's repeats"


def test_a_repeat_from_a_file_is_taken_first(work):
    work.load(make_comparisons(1))
    originals = work.rank_all("ann")
    work.load(make_comparisons(40)[1:])
    work.rank_all("ann", limit=10)
    work.load(
        [
            ComparisonRecord(
                id="again",
                prompt="prompt 0",
                completions=make_comparisons(1)[0].completions,
                kind="repeat",
                repeat_of=originals[0],
            )
        ]
    )
    work.rules = Rules(repeat_share=0.5)
    assert "again" in work.rank_all("ann")


def test_a_demonstration_is_kept_with_its_submission(work):
    work.load(make_comparisons(2))
    lease = work.take("ann")
    first = work.submit(lease, demonstration="the ideal one")
    with work.database.writing() as session:
        (found,) = read_demonstrations(session, work.project.id)
        assert [(m.role, m.content) for m in found.messages] == [
            ("user", "prompt 0"),
            ("assistant", "the ideal one"),
        ]
    again = work.revise(first.id, "ann")
    second = work.submit(again, demonstration="a better one")
    with work.database.writing() as session:
        (found,) = read_demonstrations(session, work.project.id)
        assert found.messages[-1].content == "a better one"
        withdraw_submission(session, second.id, reason="test", actor="me")
    with work.database.reading() as session:
        assert list(read_demonstrations(session, work.project.id)) == []
