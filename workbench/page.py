"""Pages: one report, described once, written as self-contained HTML, as Markdown and as text for the terminal."""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from workbench.plots import Plot
from workbench.statistics.estimates import Estimate
from workbench.tables import Table, markdown_text


@dataclass(frozen=True, kw_only=True)
class KeyFigure:
    """One number that a reader should take away: its name, the number, and a sentence on how to read it."""

    label: str
    value: Estimate | str
    reading: str = ""
    percent: bool = False
    digits: int = 2


@dataclass(frozen=True)
class KeyFigures:
    """A row of key figures."""

    figures: Sequence[KeyFigure]


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A term explained, one click away on the page."""

    term: str
    text: str


@dataclass(frozen=True)
class Notice:
    """A sentence that no reader may miss: simulated labels, too few data."""

    text: str


@dataclass(frozen=True)
class Listing:
    """Text kept as it is, in a fixed-width face: a sample, a command."""

    text: str


@dataclass(frozen=True)
class Folded:
    """A table under its title, opened with a click; on a terminal it is left out."""

    title: str
    table: Table


Block = str | Table | Plot | KeyFigures | Definition | Notice | Listing | Folded
"""What a section is made of; a plain string is a paragraph."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, kw_only=True)
class Page:
    """A report: title, summary, sections, and a last line on where it came from."""

    title: str
    summary: Sequence[Block]
    sections: Sequence[Section] = field(default_factory=tuple)
    footer: str = ""

    def to_html(self) -> str:
        """One file without outside references; light and dark, phone and print."""
        contents = "".join(
            f'<li><a href="#s{i}">{html.escape(section.title)}</a></li>'
            for i, section in enumerate(self.sections)
        )
        navigation = f"<nav><ol>{contents}</ol></nav>" if len(self.sections) > 2 else ""
        body = "\n".join(
            f'<section id="s{i}"><h2>{html.escape(section.title)}</h2>\n{_html(section.blocks)}</section>'
            for i, section in enumerate(self.sections)
        )
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html.escape(self.title)}</title><style>{style()}</style></head>\n<body><main>\n"
            f"<h1>{html.escape(self.title)}</h1>\n{_html(self.summary)}\n{navigation}\n{body}\n"
            f"<footer>{html.escape(self.footer)}</footer></main></body></html>\n"
        )

    def to_fragment(self) -> str:
        """The summary and sections alone, for a page that has its own frame."""
        body = "\n".join(
            f"<section><h2>{html.escape(section.title)}</h2>\n{_html(section.blocks)}</section>"
            for section in self.sections
        )
        return f"{_html(self.summary)}\n{body}"

    def to_markdown(self) -> str:
        """The same report in Markdown; plots are named, not drawn."""
        return self._written("# ", "## ", _markdown)

    def to_text(self) -> str:
        """The same report for a terminal; plots and definitions are left out."""
        return self._written("", "", _text)

    def _written(self, title: str, heading: str, write: Callable[[Block], str]) -> str:
        parts = [title + markdown_text(self.title) if title else self.title, *map(write, self.summary)]
        for section in self.sections:
            name = heading + markdown_text(section.title) if heading else section.title.upper()
            written = [text for text in map(write, section.blocks) if text]
            parts += [name, *written] if written else []
        parts.append(markdown_text(self.footer) if title else self.footer)
        return "\n\n".join(part for part in parts if part) + "\n"


@cache
def style() -> str:
    """The style sheet of every report and of the service's pages."""
    return files("workbench").joinpath("page.css").read_text(encoding="utf-8")


def _html(blocks: Sequence[Block]) -> str:
    return "\n".join(map(_html_block, blocks))


def _html_block(block: Block) -> str:
    match block:
        case str():
            return f"<p>{html.escape(block)}</p>"
        case Table():
            return block.to_html()
        case Plot():
            caption = f" <span>{html.escape(block.caption)}</span>" if block.caption else ""
            title = html.escape(block.title, quote=True)
            return (
                f'<figure><div class="drawing" role="region" aria-label="{title}" tabindex="0">{block.to_svg()}</div>'
                f"<figcaption><b>{html.escape(block.title)}</b>{caption}</figcaption></figure>"
            )
        case KeyFigures():
            return f'<div class="figures">{"".join(map(_html_figure, block.figures))}</div>'
        case Definition():
            return f"<details><summary>{html.escape(block.term)}</summary><p>{html.escape(block.text)}</p></details>"
        case Notice():
            return f'<p class="notice" role="note">{html.escape(block.text)}</p>'
        case Listing():
            return f"<pre>{html.escape(block.text)}</pre>"
        case Folded():
            return f"<details><summary>{html.escape(block.title)}</summary>{block.table.to_html()}</details>"


def _html_figure(figure: KeyFigure) -> str:
    value, interval = _split(figure)
    below = f'<div class="interval">{html.escape(interval)}</div>' if interval else ""
    reading = f'<div class="reading">{html.escape(figure.reading)}</div>' if figure.reading else ""
    return (
        f'<div class="figure"><div class="label">{html.escape(figure.label)}</div>'
        f'<div class="value">{html.escape(value)}</div>{below}{reading}</div>'
    )


def _split(figure: KeyFigure) -> tuple[str, str]:
    """The number by itself, and its interval and n (or the reason why there is no number)."""
    if isinstance(figure.value, str):
        return figure.value, ""
    text = figure.value.format(figure.digits, percent=figure.percent)
    if figure.value.value is None:
        return "–", figure.value.reason or ""
    value, bracket, rest = text.partition(" [")
    if bracket:
        return value, f"[{rest}"
    value, bracket, rest = text.partition(" (")
    return value, f"({rest}" if bracket else ""


def _markdown(block: Block) -> str:
    match block:
        case Table():
            return block.to_markdown()
        case Plot():
            return f"*Figure: {markdown_text(block.title)}.* {markdown_text(block.caption)}".strip()
        case KeyFigures():
            return "\n".join(
                f"- **{markdown_text(figure.label)}**: {markdown_text(_line(figure))}"
                for figure in block.figures
            )
        case Definition():
            return _details(block.term, markdown_text(block.text))
        case Notice():
            return f"> **{markdown_text(block.text)}**"
        case Listing():
            return _fenced(block.text)
        case Folded():
            return _details(block.title, block.table.to_markdown())
        case str():
            return markdown_text(block)


def _details(title: str, content: str) -> str:
    # Not every reader of Markdown leaves what stands in HTML alone.
    name = html.escape(title).replace("[", "&#91;").replace("]", "&#93;")
    return f"<details><summary>{name}</summary>\n\n{content}\n\n</details>"


def _fenced(text: str) -> str:
    """Between fences that are longer than any run of backticks within."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _text(block: Block) -> str:
    match block:
        case Table():
            return block.to_text()
        case Plot() | Definition() | Folded():
            return ""
        case KeyFigures():
            width = max((len(figure.label) for figure in block.figures), default=0)
            return "\n".join(f"{figure.label:<{width}}  {_line(figure)}" for figure in block.figures)
        case Notice():
            return f"! {block.text}"
        case Listing():
            return block.text
        case str():
            return block


def _line(figure: KeyFigure) -> str:
    value, interval = _split(figure)
    return " ".join(
        part for part in (value, interval, f"— {figure.reading}" if figure.reading else "") if part
    )
