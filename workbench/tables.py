"""Tables: typed columns and rows, shown on the terminal, in Markdown and in HTML from one description."""

import html
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from unicodedata import east_asian_width

from workbench.statistics.estimates import Estimate

FAINT = " °"
"""What marks a faint cell in text."""
NARROW = 7
"""Columns beyond which a stacked table has the counts of its estimates on a line of their own."""
TEXT_WIDTH = 72
"""Columns on a terminal beyond which a cell goes on below."""
NUMERIC = ("count", "number", "percent", "estimate", "estimate_percent")


@dataclass(frozen=True, slots=True)
class Missing:
    """A cell without a value, and why; the table gathers the reasons as footnotes."""

    reason: str


@dataclass(frozen=True, slots=True)
class Faint:
    """An estimate that rests on too few observations to be read like the others: greyed, and marked ° in text."""

    value: Estimate


Cell = str | int | float | Estimate | Faint | Missing | None
"""What a cell may hold. None is an empty cell that needs no explanation (the half of a matrix that mirrors another)."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its heading and how its cells are written."""

    title: str
    kind: str = "text"
    """text, count (thousands marked), number, percent (a share, shown as percent), estimate (value, interval and n) or
    estimate_percent."""
    digits: int = 2
    """Decimals of numbers and estimates; a percentage shows one fewer."""
    with_n: bool = True
    """Whether estimates show their n in the cell."""

    def __post_init__(self) -> None:
        if self.kind != "text" and self.kind not in NUMERIC:
            raise ValueError(f"column kind must be text or one of {', '.join(NUMERIC)}, got {self.kind!r}")


@dataclass(frozen=True, kw_only=True)
class Table:
    """Columns, rows and a note below; every row has one cell a column."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    title: str = ""
    note: str = ""
    stacked: bool = False
    """On a page, put intervals and counts under their values: for wide tables of estimates."""
    cards: bool = False
    """On a phone, make each row a card: the first cell on a line of its own, the others below with their headings."""

    def __post_init__(self) -> None:
        for i, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(f"row {i} has {len(row)} cells for {len(self.columns)} columns")

    def to_text(self) -> str:
        """The table for a terminal: columns aligned, headings underlined, reasons of missing cells below."""
        cells, reasons = self._formatted()
        grid = [
            list(zip_longest(*map(_wrapped, row), fillvalue=""))
            for row in [[column.title for column in self.columns], *cells]
        ]
        widths = [max(_width(line[i]) for row in grid for line in row) for i in range(len(self.columns))]
        lines = [self._aligned(line, widths) for row in grid for line in row]
        lines.insert(1, "  ".join("─" * width for width in widths))
        head = [self.title, ""] if self.title else []
        tail = [
            *([self.note] if self.note else []),
            *(f"{_mark(i)} {text}" for i, text in enumerate(reasons)),
        ]
        return "\n".join([*head, *lines, *([""] if tail else []), *tail])

    def to_markdown(self) -> str:
        """The table in GitHub's Markdown."""
        cells, reasons = self._formatted()
        rule = ["---:" if column.kind in NUMERIC else "---" for column in self.columns]
        rows = [[column.title for column in self.columns], rule, *cells]
        lines = ["| " + " | ".join(markdown_text(cell) for cell in row) + " |" for row in rows]
        head = [f"**{markdown_text(self.title)}**", ""] if self.title else []
        notes = [
            *([self.note] if self.note else []),
            *(f"{_mark(i)} {text}" for i, text in enumerate(reasons)),
        ]
        tail = ["", "  \n".join(markdown_text(note) for note in notes)] if notes else []
        return "\n".join([*head, *lines, *tail])

    def to_html(self) -> str:
        """The table as HTML that scrolls by itself where the page is narrow; all text is escaped."""
        cells, reasons = self._formatted()
        kinds = ["number" if column.kind in NUMERIC else "text" for column in self.columns]
        head = "".join(
            # A column without a title has nothing to be the heading of.
            f'<th scope="col" class="{kind}">{html.escape(column.title)}</th>'
            if column.title
            else "<td></td>"
            for column, kind in zip(self.columns, kinds, strict=True)
        )
        labels = [
            f' data-label="{html.escape(column.title, quote=True)}"' if self.cards and i else ""
            for i, column in enumerate(self.columns)
        ]
        body = "\n".join(
            "<tr>"
            + "".join(
                f'<td class="{kind}"{label}>{_html_cell(cell)}</td>'
                for cell, kind, label in zip(row, kinds, labels, strict=True)
            )
            + "</tr>"
            for row in cells
        )
        caption = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        notes = [
            *([self.note] if self.note else []),
            *(f"{_mark(i)} {text}" for i, text in enumerate(reasons)),
        ]
        below = "".join(f'<p class="note">{html.escape(note)}</p>' for note in notes)
        named = self.title or ", ".join(column.title for column in self.columns if column.title) or "table"
        label = html.escape(named, quote=True)
        kinds_of_it = {
            "stacked": self.stacked,
            "narrow": self.stacked and len(self.columns) > NARROW,
            "carded": self.cards,
        }
        classes = " ".join(["table", *(name for name, wanted in kinds_of_it.items() if wanted)])
        return (
            f'<div class="{classes}" role="region" aria-label="{label}" tabindex="0"><table>{caption}'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>{below}"
        )

    def _formatted(self) -> tuple[list[list[str]], list[str]]:
        """The cells as text, and the reasons of the missing ones in order of appearance, each once."""
        reasons: list[str] = []
        rows = []
        for row in self.rows:
            cells = []
            for column, cell in zip(self.columns, row, strict=True):
                reason = missing_reason(cell)
                if reason is None:
                    cells.append(_format(cell, column))
                    continue
                if reason not in reasons:
                    reasons.append(reason)
                cells.append(f"– {_mark(reasons.index(reason))}")
            rows.append(cells)
        return rows, reasons

    def _aligned(self, row: Sequence[str], widths: Sequence[int]) -> str:
        cells = []
        for column, cell, width in zip(self.columns, row, widths, strict=True):
            space = " " * (width - _width(cell))
            cells.append(space + cell if column.kind in NUMERIC else cell + space)
        return "  ".join(cells).rstrip()


def missing_reason(cell: Cell) -> str | None:
    """Why a cell has no value; None where it has one, or is empty without explanation."""
    if isinstance(cell, Missing):
        return cell.reason
    if isinstance(cell, Faint):
        cell = cell.value
    return cell.reason if isinstance(cell, Estimate) and cell.value is None else None


def _format(cell: Cell, column: Column) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Faint):
        return f"{_format(cell.value, column)}{FAINT}"
    if isinstance(cell, Estimate):
        percent = column.kind == "estimate_percent"
        return cell.format(column.digits, percent=percent, with_n=column.with_n)
    if isinstance(cell, str | Missing):
        return str(cell)
    if column.kind == "count":
        return f"{cell:,}"
    if column.kind in ("number", "percent"):
        return Estimate(float(cell)).format(column.digits, percent=column.kind == "percent", with_n=False)
    return str(cell)


def _mark(index: int) -> str:
    """A footnote mark: [1], [2], ..."""
    return f"[{index + 1}]"


def _wrapped(cell: str) -> list[str]:
    """The lines that a cell takes."""
    return [part for line in cell.splitlines() for part in textwrap.wrap(line, TEXT_WIDTH)] or [""]


def _width(text: str) -> int:
    """Columns on a terminal; East Asian wide characters take two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    for character in "\\|<*_`":
        text = text.replace(character, "\\" + character)
    # Words that people wrote must not become a link or load a picture.
    text = text.replace("](", "\\](").replace("![", "\\![")
    return text.replace("\n", " ")


_ESTIMATE = re.compile(r"(−?[\d.,]+(?: %)?)(?: (\[−?[\d.,]+, −?[\d.,]+\]))?(?: (\(n=[\d,]+\)))?")
"""A value with its interval and its count, as `Estimate.format` writes them."""


def _html_cell(text: str) -> str:
    """Escaped; the interval and count of an estimate are quieter than its value, and all of a faint one is."""
    faint = text.endswith(FAINT)
    text = text.removesuffix(FAINT)
    found = _ESTIMATE.fullmatch(text)
    if not found:
        return html.escape(text)
    value, interval, count = (html.escape(part or "") for part in found.groups())
    quiet = " ".join(part for part in (interval, count and f'<span class="count">{count}</span>') if part)
    if quiet:
        value += f' <span class="interval">{quiet}</span>'
    return f'<span class="faint">{value}</span>' if faint else value
