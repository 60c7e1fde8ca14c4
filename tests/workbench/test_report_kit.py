"""Tables, plots and pages: what a reader sees, and that nothing from the data can break out of it."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from workbench.page import Definition, Folded, KeyFigure, KeyFigures, Listing, Notice, Page, Section
from workbench.plots import Line, Points, bar_plot, estimate_plot, line_plot, scatter_plot
from workbench.statistics.estimates import Estimate
from workbench.tables import Cell, Column, Faint, Missing, Table

HOSTILE = "<script>alert('x')</script> | & \"quoted\" *bold*"


def small_table(**changes: object) -> Table:
    columns = [
        Column(title="annotator"),
        Column(title="rankings", kind="count"),
        Column(title="agreement", kind="estimate"),
        Column(title="ties", kind="percent"),
    ]
    rows = [
        ("a1", 12345, Estimate(0.731, 0.7, 0.764, 412), 0.125),
        (HOSTILE, 0, Estimate.missing("no second annotator"), Missing("nothing ranked")),
        ("注释者", 7, Estimate.missing("no second annotator"), None),
    ]
    return Table(**{"columns": columns, "rows": rows, **changes})


def test_estimate_reads_as_value_interval_and_count() -> None:
    assert str(Estimate(0.734, 0.7, 0.76, 1412)) == "0.73 [0.70, 0.76] (n=1,412)"
    assert Estimate(-0.0001).format(2, with_n=False) == "0.00"
    assert Estimate(-0.25, n=4).format(1) == "−0.2 (n=4)"
    assert Estimate(0.726, 0.711, 0.741, 9).format(percent=True) == "72.6 % [71.1, 74.1] (n=9)"
    assert str(Estimate.missing("one annotator only")) == "– (one annotator only)"


def test_estimate_refuses_numbers_that_are_none() -> None:
    with pytest.raises(ValueError, match="finite"):
        Estimate(float("nan"))
    with pytest.raises(ValueError, match="finite"):
        Estimate(0.5, 0.1, float("inf"))
    with pytest.raises(ValueError, match="reason"):
        Estimate(None)


def test_estimate_json_comes_back_equal() -> None:
    for estimate in (Estimate(0.5, 0.25, 0.75, 8), Estimate.missing("why", 3), Estimate(1.0)):
        assert Estimate.from_json(estimate.to_json()) == estimate
    assert Estimate(0.5, n=2).to_json() == {"value": 0.5, "low": None, "high": None, "n": 2}


def test_text_table_aligns_wide_characters_and_lists_each_reason_once() -> None:
    text = small_table().to_text()
    lines = text.splitlines()
    assert "12,345" in lines[2] and "0.73 [0.70, 0.76] (n=412)" in lines[2] and "12.5 %" in lines[2]
    assert text.count("no second annotator") == 1 and text.count("– [1]") == 2
    assert lines[4].startswith("注释者" + " " * (len(HOSTILE) - 6 + 2))


def test_a_long_cell_goes_on_below_in_text() -> None:
    columns = [Column(title="policy"), Column(title="completion"), Column(title="reward", kind="number")]
    table = Table(columns=columns, rows=[("start", f"One.\n{'word ' * 20}", 0.5), ("dpo", "", 1.0)])
    assert table.to_text().splitlines()[2:] == [
        "start   One." + " " * 65 + "    0.50",
        "        " + " ".join(["word"] * 14),
        "        " + " ".join(["word"] * 6),
        "dpo" + " " * 74 + "    1.00",
    ]


def test_markdown_escapes_the_cell_border() -> None:
    row = next(line for line in small_table().to_markdown().splitlines() if "script" in line)
    assert len(re.findall(r"(?<!\\)\|", row)) == 5


def test_a_page_tells_value_interval_and_count_apart() -> None:
    row: tuple[Cell, ...] = (
        "12 [3]",
        Estimate(-0.5, -0.75, 0.25, 1200),
        Faint(Estimate(0.5, n=7)),
        Estimate.missing("none"),
    )
    columns = [Column(title="a"), *(Column(title=name, kind="estimate") for name in "bcd")]
    page = Table(columns=columns, rows=[row], stacked=True, cards=True).to_html()
    assert '<td class="text">12 [3]</td>' in page and 'class="table stacked carded"' in page
    assert (
        '<td class="number" data-label="b">−0.50 <span class="interval">[−0.75, 0.25] '
        '<span class="count">(n=1,200)</span></span></td>'
    ) in page
    faint = '<span class="faint">0.50 <span class="interval"><span class="count">(n=7)</span></span></span>'
    assert faint in page and ">– [1]</td>" in page
    wide = [Column(title=str(i), kind="estimate") for i in range(8)]
    assert 'class="table stacked narrow"' in Table(columns=wide, rows=[], stacked=True).to_html()


def test_table_refuses_a_row_of_another_length() -> None:
    with pytest.raises(ValueError, match="row 1 has 1 cells for 2 columns"):
        Table(columns=[Column(title="a"), Column(title="b")], rows=[(1, 2), (3,)])
    with pytest.raises(ValueError, match="column kind"):
        Column(title="a", kind="integer")


VOID = {"meta", "br", "hr", "img", "link", "input"}


class Outline(HTMLParser):
    """The tags and ids of a page, and that each opened tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src", "xlink:href"):
                self.references.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def full_page() -> Page:
    lines = [
        Line(label=f"run {i}", x=[1, 2, 3], y=[i, 1, 2], low=[0, 0, 1], high=[2, 2, 3]) for i in range(8)
    ]
    estimates = [Estimate(0.5, 0.4, 0.6, 9), Estimate.missing("none")]
    return Page(
        title=HOSTILE,
        summary=[
            Notice("Simulated labels."),
            KeyFigures([KeyFigure(label="agreement", value=Estimate(0.7, 0.6, 0.8, 5), reading=HOSTILE)]),
        ],
        sections=[
            Section(title="One", blocks=["a paragraph", small_table(title=HOSTILE, note=HOSTILE)]),
            Section(title="Two", blocks=[line_plot(lines, title=HOSTILE, x_label="x", y_label=HOSTILE)]),
            Section(
                title="Three",
                blocks=[
                    estimate_plot(
                        ["a", "b"], estimates, title="dots", x_label="x", references={"chance": 0.5}
                    ),
                    bar_plot(["a", "b"], estimates, title="bars", x_label="x"),
                    scatter_plot(
                        [Points(label="p", x=[0, 1], y=[1, 0], names=["a", HOSTILE])],
                        title="points",
                        x_label="x",
                        y_label="y",
                        diagonal=True,
                    ),
                    Definition(term="alpha", text=HOSTILE),
                    Listing("accord agreement < file"),
                ],
            ),
        ],
        footer="made here",
    )


def test_page_is_one_whole_file_without_outside_references() -> None:
    page = full_page().to_html()
    outline = Outline()
    outline.feed(page)
    assert outline.open == []
    assert "script" not in outline.tags and "link" not in outline.tags and "img" not in outline.tags
    assert len(outline.ids) == len(set(outline.ids))
    assert all(reference.startswith("#") for reference in outline.references)
    assert {reference[1:] for reference in outline.references} <= set(outline.ids)
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(outline.ids)
    assert "prefers-color-scheme: dark" in page and "@media print" in page
    assert not re.search(r"https?://(?!www\.w3\.org)", page)


def test_drawing_takes_its_colours_from_the_page_and_repeats_exactly() -> None:
    plot = line_plot([Line(label="a", x=[0, 1], y=[0, 1])], title="t", x_label="x", y_label="y")
    svg = plot.to_svg()
    assert "currentColor" in svg and "var(--series-1" in svg
    assert not re.search(r"(?<!, )#1b1c1d", svg)
    assert svg == plot.to_svg()


def test_png_is_written(tmp_path: Path) -> None:
    line_plot([Line(label="a", x=[0, 1], y=[0, 1])], title="t", x_label="x", y_label="y").save_png(
        tmp_path / "a.png"
    )
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_page_says_the_same_in_markdown_and_text() -> None:
    page = full_page()
    for form in (page.to_markdown(), page.to_text()):
        assert "Simulated labels." in form and "0.70 [0.60, 0.80] (n=5)" in form and "made here" in form
    assert "## Two" in page.to_markdown() and "THREE" in page.to_text()
    assert "TWO" not in page.to_text(), "a section of plots alone has nothing to say on a terminal"
    assert "<h1>" not in page.to_fragment() and "<section>" in page.to_fragment()


def test_markdown_shows_the_words_of_others_as_they_are() -> None:
    """Titles, paragraphs, figures and notices as table cells: no tag, no emphasis, no link; a fence holds its text."""
    hostile = "<b>bold</b> *star* [click](http://x) `code`"
    inside = Table(columns=[Column(title=hostile)], rows=[[hostile]])
    page = Page(
        title=hostile,
        summary=[
            hostile,
            Notice(hostile),
            KeyFigures([KeyFigure(label=hostile, value="1", reading=hostile)]),
        ],
        sections=[Section(title=hostile, blocks=[Folded(hostile, inside), Listing("```\nout?")])],
    )
    written = page.to_markdown()
    ours = [line for line in written.splitlines() if not line.startswith("<details>")]
    assert sum("bold" in line for line in ours) == 7
    for line in ours:
        assert not re.search(r"(?<!\\)(<b>|\*star|`code|\]\()", line), line
    assert "<details><summary>&lt;b&gt;bold&lt;/b&gt; *star*" in written
    assert "````\n```\nout?\n````" in written
