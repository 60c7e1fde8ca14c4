"""Who agrees with whom: the annotators of a report, one by one and two by two."""

from annotation.agreement import Agreement
from workbench.page import Block
from workbench.plots import estimate_plot
from workbench.statistics.annotator_pairs import FEW
from workbench.statistics.annotators import AnnotatorFigures
from workbench.statistics.estimates import Estimate
from workbench.tables import Cell, Column, Missing, Table, missing_reason

ROWS = 40
"""Annotators shown; the JSON holds all."""
MATRIX = 12
"""Annotators up to which pairs are shown as a matrix."""


def annotator_blocks(agreement: Agreement) -> list[Block]:
    """The section on who agrees with whom: a plot, the annotators, and the pairs of them."""
    blocks: list[Block] = []
    shown = sorted(agreement.annotators, key=lambda figures: -figures.judgements)[:ROWS]
    measured = [figures for figures in shown if figures.decisive.value is not None]
    if len(measured) > 1:
        measured.sort(key=lambda figures: -(figures.decisive.value or 0))
        panel = agreement.panel.decisive.value
        blocks.append(
            estimate_plot(
                [figures.judge.name for figures in measured],
                [figures.decisive for figures in measured],
                title="Decisive agreement of each annotator with all others",
                caption="Lines are 95 % intervals. An annotator clear of the panel's figure deserves a look.",
                x_label="share of decisive judgements that agree with another's",
                references={} if panel is None else {"panel": panel},
            )
        )
    blocks.append(_annotator_table(shown, len(agreement.annotators)))
    blocks += _pair_blocks(agreement)
    return blocks


def _annotator_table(shown: list[AnnotatorFigures], total: int) -> Table:
    columns = [
        Column(title="annotator"),
        Column(title="kind"),
        Column(title="rankings", kind="count"),
        Column(title="skips", kind="count"),
        Column(title="agrees, ties counted", kind="estimate_percent", with_n=False),
        Column(title="agrees, decisive only", kind="estimate_percent"),
        Column(title="ties", kind="percent"),
        Column(title="first shown wins", kind="estimate_percent", with_n=False),
        Column(title="with themselves", kind="estimate_percent"),
        Column(title="median seconds", kind="number", digits=1),
    ]
    rows: list[tuple[Cell, ...]] = [
        (
            figures.judge.name,
            figures.judge.kind,
            figures.judge.rankings,
            figures.judge.skips,
            figures.with_ties,
            figures.decisive,
            Missing("no judgements") if figures.ties.value is None else figures.ties.value,
            figures.first_shown,
            figures.intra,
            Missing("no times recorded") if figures.judge.seconds is None else figures.judge.seconds,
        )
        for figures in shown
    ]
    note = (
        f"The {len(shown)} with most judgements of {total}; the JSON has all." if total > len(shown) else ""
    )
    return without_empty_columns(Table(title="Annotators", columns=columns, rows=rows, note=note))


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
    left_out = ", ".join(f"{title} ({reason})" for title, reason in reasons.items())
    return Table(
        title=table.title,
        columns=[table.columns[i] for i in kept],
        rows=[[row[i] for i in kept] for row in table.rows],
        note=" ".join(part for part in (table.note, f"Without values: {left_out}.") if part),
    )


def _pair_blocks(agreement: Agreement) -> list[Block]:
    if agreement.annotator_pairs_reason:
        return [f"Pairs of annotators are not shown: {agreement.annotator_pairs_reason}."]
    if not agreement.annotator_pairs:
        return ["No two annotators judged the same pair of completions."]
    if len(agreement.annotators) <= MATRIX:
        return [_matrix(agreement)]
    return _extremes(agreement)


def _matrix(agreement: Agreement) -> Table:
    names = [figures.judge.name for figures in agreement.annotators]
    cells: dict[tuple[int, int], Estimate] = {}
    for pair in agreement.annotator_pairs:
        cells[pair.one, pair.two] = pair.kappa
    never = Missing("they never judged the same pair")
    rows = [
        (names[i], *(cells.get((j, i), never) if j < i else None for j in range(len(names) - 1)))
        for i in range(1, len(names))
    ]
    columns = [Column(title=""), *(Column(title=name, kind="estimate") for name in names[:-1])]
    return Table(title="Cohen's kappa of every two annotators", columns=columns, rows=rows, stacked=True)


def _extremes(agreement: Agreement) -> list[Block]:
    names = [figures.judge.name for figures in agreement.annotators]
    known = [pair for pair in agreement.annotator_pairs if pair.kappa.value is not None]
    known.sort(key=lambda pair: pair.kappa.value or 0)
    total = len(agreement.annotator_pairs)
    said = f"{total:,} pairs of annotators met; {len(known):,} of them over {FEW} judgements or more."
    if not known:
        return [said]
    chosen = known if len(known) <= 20 else known[:10] + known[-10:]
    rows = [(names[pair.one], names[pair.two], pair.kappa, pair.decisive) for pair in chosen]
    columns = [
        Column(title="annotator"),
        Column(title="annotator"),
        Column(title="Cohen's kappa", kind="estimate"),
        Column(title="decisive agreement", kind="estimate_percent"),
    ]
    title = (
        "Pairs of annotators"
        if chosen is known
        else "The ten pairs that agree least, and the ten that agree most"
    )
    return [said, Table(title=title, columns=columns, rows=rows)]
