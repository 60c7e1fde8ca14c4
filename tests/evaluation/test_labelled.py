"""Which labels measure a reward model: a file whole, of a snapshot what nobody trained on."""

from evaluation.compare import read_labelled
from workbench.jsonl import write_comparisons
from workbench.record_json import comparison_from_json
from workbench.snapshots import snapshot_from_file


def test_a_file_is_taken_whole_and_of_a_snapshot_the_test_split(home, tmp_path):
    pair = {"completions": [{"text": "a"}, {"text": "b"}], "rankings": [{"annotator": "x", "ranks": [1, 2]}]}
    comparisons = [comparison_from_json({"id": f"c{i:03}", "prompt": f"p{i}", **pair}) for i in range(200)]
    write_comparisons(tmp_path / "c.jsonl", comparisons)
    assert len(read_labelled(str(tmp_path / "c.jsonl"))) == 200
    snapshot = snapshot_from_file(tmp_path / "c.jsonl")
    test = list(snapshot.comparisons("test"))
    assert 0 < len(test) < 100
    assert read_labelled(snapshot.content_hash[:12]) == test
