"""The agreement report: its JSON keys, its sentences, and the command that writes it."""

import json
from pathlib import Path

import pytest

from annotation.agreement import measure_agreement
from annotation.report import agreement_page
from annotation.report_parts import percent, without_empty_columns
from cli.main import main
from workbench.errors import DataError
from workbench.jsonl import write_comparisons
from workbench.records import Comparison, Completion, Ranking
from workbench.tables import Column, Missing, Table


def comparisons(kind: str = "person", num: int = 30, annotators: int = 3, **tags: str) -> list[Comparison]:
    """Three completions a prompt; annotator i turns the last two around on every (i + 2)th prompt."""
    out = []
    for p in range(num):
        rankings = tuple(
            Ranking(
                id=f"{p}-{a}",
                annotator=f"a{a}",
                annotator_kind=kind,
                ranks=(1, 3, 2) if p % (a + 2) == 0 else (1, 2, 3),
                order=(0, 1, 2) if p % 2 else (2, 1, 0),
                seconds=10.0 + a,
            )
            for a in range(annotators)
        )
        out.append(
            Comparison(
                id=f"c{p}",
                prompt=f"prompt {p}",
                completions=tuple(Completion(text=text) for text in ("one", "two", "three")),
                rankings=rankings,
                tags={"half": "first" if p < num // 2 else "second", "number": str(p), **tags},
            )
        )
    return out


def measure(those: list[Comparison], **options: object):  # type: ignore[no-untyped-def]  # Agreement
    return measure_agreement(those, source="a test", **{"draws": 100, **options})


def test_json_has_the_promised_keys() -> None:
    found = json.loads(json.dumps(measure(comparisons(), by=["half"]).to_json(), allow_nan=False))
    assert {"counts", "raw", "alpha", "annotators", "annotator_pairs", "slices", "dropped"} <= set(found)
    for estimate in (
        found["raw"]["with_ties"],
        found["raw"]["decisive"],
        found["alpha"]["nominal"],
        found["alpha"]["ordinal"],
        found["annotators"][0]["decisive"],
        found["slices"]["half"]["first"]["alpha"]["nominal"],
    ):
        assert {"value", "low", "high", "n"} == set(estimate)
        assert estimate["low"] <= estimate["value"] <= estimate["high"] and estimate["n"] > 0
    assert found["counts"]["rankings"] == 90 and found["counts"]["annotators_by_kind"] == {"person": 3}
    assert found["simulated"] is False
    assert set(found["slices"]["half"]) == {"first", "second"}


def test_a_seed_repeats_the_report_and_slices_move_nothing() -> None:
    one, two = measure(comparisons()).to_json(), measure(comparisons(), by=["half"]).to_json()
    assert one["raw"] == two["raw"] and one["annotators"] == two["annotators"]
    assert measure(comparisons(), seed=1).to_json()["raw"] != one["raw"]


def test_simulated_labels_are_called_simulated_everywhere() -> None:
    page = agreement_page(measure(comparisons("simulated")))
    for form in (page.to_html(), page.to_markdown(), page.to_text()):
        assert "All labels here are simulated" in form
    assert measure(comparisons("simulated")).to_json()["simulated"] is True
    mixed = [*comparisons("simulated", num=5), *comparisons("person", num=5)]
    assert "3 of 6 annotators are simulated" in agreement_page(measure(mixed)).to_text()
    assert "simulated" not in agreement_page(measure(comparisons())).to_text()
    assert "language models" in agreement_page(measure(comparisons("model"))).to_text()


def test_one_annotator_gets_sentences_and_no_nan() -> None:
    page = agreement_page(measure(comparisons(annotators=1)))
    for form in (page.to_html(), page.to_markdown(), page.to_text()):
        assert "no pair of completions was judged by two annotators" in form
        assert "nan" not in form.lower().split()
        assert "None" not in form


def test_few_prompts_are_said() -> None:
    assert "Only 4 prompts have overlap" in agreement_page(measure(comparisons(num=4))).to_text()


def test_criteria_are_sliced_by_themselves() -> None:
    from dataclasses import replace

    both = comparisons(num=6)
    both += [
        replace(
            c,
            id=c.id + "h",
            rankings=tuple(replace(r, id=r.id + "h", criterion="honest") for r in c.rankings),
        )
        for c in both
    ]
    assert set(measure(both).to_json()["slices"]["criterion"]) == {"helpful", "honest"}


def test_unknown_or_useless_tag_is_named() -> None:
    with pytest.raises(
        DataError, match=r"no comparison carries the tag 'language'; the tags are: half, number"
    ):
        measure(comparisons(), by=["language"])
    with pytest.raises(DataError, match="60 values, at most 50"):
        measure(comparisons(num=60), by=["number"])
    with pytest.raises(DataError, match="has no comparisons"):
        measure([])
    with pytest.raises(ValueError, match="0 or more"):
        measure(comparisons(), draws=-1)


def test_many_annotators_show_the_extremes_only() -> None:
    page = agreement_page(measure(comparisons(num=12, annotators=15), draws=20))
    assert "Of 105 pairs of annotators 105 met (100%)" in page.to_text()
    assert "The ten pairs that agree least" in page.to_text()


def test_disputed_completions_are_folded_with_the_ranks_given() -> None:
    """Of the second pair, ann and bob say opposite things; eve never saw the first completion."""
    hostile = "<img src=x onerror=alert(1)> | [click](http://x) " + "word " * 100
    given = {"ann": (1, 2, 3), "bob": (1, 3, 2), "eve": (None, 2, 1)}
    comparison = Comparison(
        id="c",
        prompt="which?",
        completions=(Completion(text="first"), Completion(text=hostile), Completion(text="third")),
        rankings=tuple(Ranking(id=name, annotator=name, ranks=ranks) for name, ranks in given.items()),
    )
    report = measure([comparison], draws=0)
    (prompt,) = report.to_json()["disputes"]["prompts"]
    assert [text[:5] for text in prompt["completions"]] == ["<img ", "third", "first"]
    assert [(r["annotator"], r["comparison"], r["ranks"]) for r in prompt["rankings"]] == [
        ("ann", "c", [2, 3, 1]),
        ("bob", "c", [3, 2, 1]),
        ("eve", "c", [2, 1, None]),
    ]
    page = agreement_page(report)
    found = (
        page.to_html()
        .partition("<summary>Completions and ranks: which?</summary>")[2]
        .partition("</details>")[0]
    )
    assert ">eve</th>" in found and "&lt;img src=x" in found and "<img" not in found and "…" in found
    markdown = page.to_markdown()
    assert "\\<img src=x" in markdown and "[click](http" not in markdown and "| ann | bob | eve |" in markdown
    assert "Completions and ranks" not in page.to_text()


def test_a_dispute_of_many_lists_the_first_rankings() -> None:
    rankings = tuple(Ranking(id=f"{a}", annotator=f"a{a}", ranks=(1 + a % 2, 2 - a % 2)) for a in range(11))
    comparison = Comparison(
        id="c", prompt="p", completions=(Completion(text="x"), Completion(text="y")), rankings=rankings
    )
    report = measure([comparison], draws=0)
    (prompt,) = report.to_json()["disputes"]["prompts"]
    assert len(prompt["rankings"]) == 8 and prompt["rankings_not_listed"] == 3
    assert "3 more rankings of it not shown." in agreement_page(report).to_html()


def test_a_share_reads_as_all_or_none_only_where_it_is() -> None:
    assert [percent(share) for share in (0.0, 1.0, 0.426, 0.999, 0.9996, 0.0004)] == [
        "0%",
        "100%",
        "43%",
        "99.9%",
        "99.96%",
        "0.04%",
    ]


def test_columns_without_values_are_left_out_with_their_reason() -> None:
    table = Table(
        columns=[Column(title="a"), Column(title="b", kind="number"), Column(title="c", kind="number")],
        rows=[("x", Missing("no times"), 1.0), ("y", Missing("no times"), Missing("none"))],
    )
    found = without_empty_columns(table)
    assert [column.title for column in found.columns] == ["a", "c"]
    assert found.note == "Without values: b (no times)."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "labels.jsonl.gz"
    write_comparisons(path, comparisons())
    return path


def test_command_writes_page_markdown_and_json(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, markdown = tmp_path / "out/report.html", tmp_path / "report.md"
    arguments = ["agreement", str(file), "--html", str(page), "--markdown", str(markdown)]
    assert main([*arguments, "--json", "--by", "half", "--bootstrap", "50", "--seed", "3"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found["bootstrap"] == {
        "draws": 50,
        "seed": 3,
        "cluster": "prompt",
        "level": 0.95,
        "method": "percentile",
    }
    assert found["raw"]["with_ties"]["n"] == 270
    assert str(page) in printed.err
    assert page.read_text().startswith("<!doctype html>") and "## How much agreement" in markdown.read_text()


def test_command_prints_the_report(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agreement", str(file), "--bootstrap", "0"]) == 0
    assert "HOW MUCH AGREEMENT" in capsys.readouterr().out


def test_command_refuses_wrong_use(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agreement"]) == 2
    assert main(["agreement", str(file), "--project", "p"]) == 2
    assert main(["agreement", str(file), "--by", "language"]) == 1
    assert "the tags are: half, number" in capsys.readouterr().err


def test_bad_line_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text(
        '{"prompt": "p", "completions": [{"text": "x"}], "rankings": [{"annotator": "a", "ranks": [0]}]}\n'
    )
    assert main(["agreement", str(bad)]) == 1
    assert "bad.jsonl:1" in capsys.readouterr().err
