import pytest

from workbench.errors import DataError
from workbench.jsonl import write_comparisons
from workbench.preferences import open_preferences
from workbench.records import Comparison, Completion, Ranking


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "c.jsonl"
    write_comparisons(
        path,
        [
            Comparison(f"c{i}", f"P{i}", (Completion("a"), Completion("b")), (Ranking(f"r{i}", "a", (1, 2)),))
            for i in range(60)
        ],
    )
    return path


def test_a_file_and_the_snapshot_made_of_it_are_the_same_data(home, file):
    first = open_preferences(str(file), validation_fraction=0.3)
    assert len(first.train) + len(first.validation) == 60 and 8 < len(first.validation) < 30
    again = open_preferences(first.snapshot.content_hash[:12])
    assert [c.id for c in again.train] == [c.id for c in first.train]
    assert again.snapshot.content_hash == first.snapshot.content_hash
    assert first.tags == {"annotator_kinds": ["imported"], "criteria": ["helpful"]}


def test_another_criterion_is_refused(home, file):
    snapshot = open_preferences(str(file)).snapshot
    with pytest.raises(DataError, match="holds labels for helpful, not for 'honest'"):
        open_preferences(str(snapshot.path), criterion="honest")
