"""How annotators work: leanings and speed of each, and the panel over a sitting and over the work."""

from collections.abc import Sequence

from annotation.agreement import Agreement
from annotation.report_annotators import chosen_annotators, rows_note
from annotation.report_parts import GREY, any_faint, faint_if_few, without_empty_columns
from annotation.shown import shown
from annotation.standing_out import STREAK
from workbench.page import Block
from workbench.statistics.work import FEW_RANKINGS, NO_SECONDS, Span
from workbench.tables import Cell, Column, Missing, Table


def work_blocks(agreement: Agreement) -> list[Block]:
    """The two tables over time, and the annotators' ways of working."""
    work = agreement.work
    return [
        _ways(agreement),
        _over("Over a sitting", "minute", work.by_minute, work.no_minutes),
        _over(
            "Over each annotator's rankings, in order of work",
            "part of the work",
            work.by_quarter,
            work.no_quarters,
            note=f"Of annotators with {FEW_RANKINGS} rankings or more.",
        ),
    ]


def _ways(agreement: Agreement) -> Table:
    columns = [
        Column(title="annotator"),
        Column(title="first shown wins", kind="estimate_percent"),
        Column(title="ties", kind="estimate_percent"),
        Column(title="median seconds", kind="number", digits=1),
        Column(title="hurried", kind="estimate_percent"),
        Column(title="drift, points", kind="estimate", digits=1),
        Column(title="longest streak"),
    ]
    figures = agreement.annotators
    order = chosen_annotators(figures)
    rows: list[tuple[Cell, ...]] = []
    for i in order:
        one, pace = figures[i], agreement.work.paces[i]
        streak: Cell = Missing("the order shown is not recorded")
        if pace.streak is not None and pace.streak_chance is not None:
            streak = f"{pace.streak:,} ({_chance(pace.streak, pace.streak_chance)})"
        seconds: Cell = one.judge.seconds
        if seconds is None:
            seconds = Missing(NO_SECONDS)
        rows.append(
            (
                shown(one.judge.name, 40),
                faint_if_few(one.first_shown),
                faint_if_few(one.ties),
                seconds,
                faint_if_few(pace.hurried),
                pace.drift.scaled(100),
                streak,
            )
        )
    note = " ".join(part for part in (rows_note(figures, order), GREY if any_faint(rows) else "") if part)
    return without_empty_columns(
        Table(title="How each annotator works", columns=columns, rows=rows, note=note, stacked=True)
    )


def _chance(streak: int, probability: float) -> str:
    if streak < STREAK or probability >= 0.1:
        return "usual"
    return "p < 0.001" if probability < 0.001 else f"p < {probability:.2g}"


def _over(title: str, what: str, spans: Sequence[Span], reason: str | None, note: str = "") -> Block:
    if reason:
        return f"{title}: not shown, because {reason}."
    columns = [
        Column(title=what),
        Column(title="rankings", kind="count"),
        Column(title="agrees, decisive only", kind="estimate_percent"),
        Column(title="ties", kind="estimate_percent"),
        Column(title="first shown wins", kind="estimate_percent"),
        Column(title="median seconds", kind="estimate", digits=1),
    ]
    rows = [
        (span.name, span.rankings, span.decisive, span.ties, span.first_shown, span.seconds) for span in spans
    ]
    return without_empty_columns(Table(title=title, columns=columns, rows=rows, note=note, stacked=True))
