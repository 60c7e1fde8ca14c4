"""Small parts that the sections of the agreement report share."""

from collections.abc import Sequence

from annotation.definitions import DEFINITIONS, SECTION_TERMS
from workbench.page import Block, Definition
from workbench.statistics.annotator_pairs import FEW
from workbench.statistics.estimates import Estimate
from workbench.tables import Cell, Faint, Table, missing_reason

GREY = f"Grey (in text: °): n under {FEW}."
"""What a grey figure means, below a table that has one."""


def terms(section: str) -> list[Block]:
    """The words of a section, each explained one click away."""
    return [Definition(term=term, text=DEFINITIONS[term]) for term in SECTION_TERMS[section]]


def plural(word: str, count: int) -> str:
    """The word, with an s unless there is one of it."""
    return word if count == 1 else word + "s"


def percent(share: float) -> str:
    """A share in whole percent; with decimals where it would read as none or all and is neither."""
    for digits in range(4):
        text = f"{share:.{digits}%}"
        if 0 < float(text[:-1]) < 100:
            return text
    return f"{share:.0%}"


def faint_if_few(figure: Estimate) -> Cell:
    """The figure, greyed where it rests on too few observations to be read like the others."""
    return Faint(figure) if figure.n < FEW else figure


def any_faint(rows: Sequence[Sequence[Cell]]) -> bool:
    """Whether a value of the table is greyed, so that its note must say why."""
    return any(isinstance(cell, Faint) and cell.value.value is not None for row in rows for cell in row)


def without_empty_columns(table: Table) -> Table:
    """The table without the columns that hold no value at all; its note says why each is not there."""
    reasons: dict[str, str] = {}
    for i, column in enumerate(table.columns):
        cells = [row[i] for row in table.rows]
        found = [missing_reason(cell) for cell in cells]
        if cells and all(found):
            reasons[column.title] = "; ".join(dict.fromkeys(reason for reason in found if reason))
    if not reasons:
        return table
    kept = [i for i, column in enumerate(table.columns) if column.title not in reasons]
    titles: dict[str, list[str]] = {}
    for title, reason in reasons.items():
        titles.setdefault(reason, []).append(title)
    left_out = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in titles.items())
    return Table(
        title=table.title,
        columns=[table.columns[i] for i in kept],
        rows=[[row[i] for i in kept] for row in table.rows],
        note=" ".join(part for part in (table.note, f"Without values: {left_out}.") if part),
        stacked=table.stacked,
        cards=table.cards,
    )
