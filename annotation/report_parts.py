"""Small parts that the sections of the agreement report share."""

from annotation.definitions import DEFINITIONS, SECTION_TERMS
from workbench.page import Block, Definition
from workbench.tables import Table, missing_reason


def terms(section: str) -> list[Block]:
    """The words of a section, each explained one click away."""
    return [Definition(term=term, text=DEFINITIONS[term]) for term in SECTION_TERMS[section]]


def plural(word: str, count: int) -> str:
    """The word, with an s unless there is one of it."""
    return word if count == 1 else word + "s"


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
    )
