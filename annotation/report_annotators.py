"""Who disagrees: the annotators of a report, one by one and two by two."""

from collections.abc import Sequence

from annotation.agreement import Agreement
from annotation.report_parts import GREY, any_faint, faint_if_few, without_empty_columns
from annotation.shown import shown
from workbench.page import Block
from workbench.plots import Points, estimate_plot, scatter_plot
from workbench.statistics.annotator_pairs import FEW, FEW_REASON, PairFigures
from workbench.statistics.annotators import AnnotatorFigures
from workbench.statistics.estimates import Estimate
from workbench.tables import Cell, Column, Faint, Missing, Table

ROWS = 24
"""Annotators up to which all are shown; of more, half as many of those who agree least and of those who agree most."""
UNSURE = 0.3
"""Width of the interval of a reliability from which on it is greyed."""
MATRIX = 12
"""Annotators up to which pairs are shown as a matrix."""


def annotator_blocks(agreement: Agreement) -> list[Block]:
    """The annotators, a plot of them, and the pairs of them."""
    figures = agreement.annotators
    order = chosen_annotators(figures)
    blocks: list[Block] = [
        *_summary(figures, order),
        *_plot(agreement, [figures[i] for i in order]),
        _table(agreement, order),
    ]
    errors = agreement.influence
    if errors.alpha_error.value is not None and errors.decisive_error.value is not None:
        blocks.append(
            "Had other annotators of the same kind been on the panel, decisive agreement would differ by a standard "
            f"error of {100 * errors.decisive_error.value:.1f} points and alpha by {errors.alpha_error.value:.3f} "
            f"(jackknife over {errors.alpha_error.n} annotators)."
        )
    return blocks + _pair_blocks(agreement)


def chosen_annotators(figures: Sequence[AnnotatorFigures]) -> list[int]:
    """Whom the tables show: all, by their number of judgements; of many, those who agree least and most."""
    if len(figures) <= ROWS:
        return sorted(range(len(figures)), key=lambda i: -figures[i].judgements)
    measured = _measured(figures)
    if len(measured) <= ROWS:
        return sorted(range(len(figures)), key=lambda i: -figures[i].judgements)[:ROWS]
    return measured[: ROWS // 2] + measured[-ROWS // 2 :]


def rows_note(figures: Sequence[AnnotatorFigures], order: list[int]) -> str:
    """Says which of the annotators a table shows."""
    if len(order) == len(figures):
        return ""
    if len(_measured(figures)) <= ROWS:
        return f"The {len(order)} with most judgements of {len(figures):,}; the JSON has all."
    half = len(order) // 2
    return (
        f"Of {len(figures):,} annotators the {half} who agree least and the {half} who agree most, among those with "
        f"{FEW} decisive meetings or more; the JSON has all."
    )


def _measured(figures: Sequence[AnnotatorFigures]) -> list[int]:
    """Annotators who met others often enough, those who agree least first."""
    known = [i for i, one in enumerate(figures) if one.decisive.value is not None and one.decisive.n >= FEW]
    return sorted(known, key=lambda i: figures[i].decisive.value or 0.0)


def _summary(figures: Sequence[AnnotatorFigures], order: list[int]) -> list[Block]:
    measured = _measured(figures)
    if len(order) == len(figures) or not measured:
        return []
    values = [figures[i].decisive.value or 0.0 for i in measured]
    low, middle, high = (values[len(values) * part // 4] for part in (1, 2, 3))
    return [
        f"{len(measured):,} of {len(figures):,} annotators met others in {FEW} decisive judgements or more. They agree "
        f"with them {values[0]:.0%} to {values[-1]:.0%} of the time; the middle half of them {low:.0%} to {high:.0%}, "
        f"with {middle:.0%} in the middle."
    ]


def _plot(agreement: Agreement, figures: list[AnnotatorFigures]) -> list[Block]:
    measured = [one for one in figures if one.decisive.value is not None]
    if len(measured) < 2:
        return []
    measured.sort(key=lambda one: -(one.decisive.value or 0))
    panel = agreement.panel.decisive.value
    return [
        estimate_plot(
            [shown(one.judge.name, 24) for one in measured],
            [one.decisive for one in measured],
            title="Decisive agreement of each annotator with all others",
            caption="Lines are 95 % intervals. An annotator clear of the panel's figure deserves a look.",
            x_label="share of decisive judgements that agree with another's",
            references={} if panel is None else {"panel": panel},
        )
    ]


def _table(agreement: Agreement, order: list[int]) -> Table:
    columns = [
        Column(title="annotator"),
        Column(title="kind"),
        Column(title="skips", kind="count"),
        Column(title="rankings", kind="count"),
        Column(title="agrees, ties counted", kind="estimate_percent"),
        Column(title="agrees, decisive only", kind="estimate_percent"),
        Column(title="reliability", kind="estimate"),
        Column(title="with themselves", kind="estimate_percent"),
        Column(title="alpha without them", kind="number", digits=3),
    ]
    rows: list[tuple[Cell, ...]] = []
    for i in order:
        one, without = agreement.annotators[i], agreement.influence.without[i]
        alpha: Cell = without.alpha
        if without.alpha is None:
            alpha = Missing("without them there is no alpha")
        rows.append(
            (
                shown(one.judge.name, 40),
                one.judge.kind,
                one.judge.skips,
                one.judge.rankings,
                faint_if_few(one.with_ties),
                faint_if_few(one.decisive),
                _reliability(agreement.reliability[i].follows),
                faint_if_few(one.intra),
                alpha,
            )
        )
    panel = agreement.panel.alpha_nominal
    whole = "" if panel.value is None else f"Alpha of the whole panel: {panel.format(3)}."
    grey = f"{GREY[:-1]}, or a reliability that the votes say little of." if any_faint(rows) else ""
    # What is the same for everybody is said once, and the columns that tell people apart have the room.
    same = []
    kinds = {one.judge.kind for one in agreement.annotators}
    if len(kinds) == 1:
        columns, rows = _without(1, columns, rows)
        same.append(f"Kind of every annotator: {kinds.pop()}.")
    if not any(one.judge.skips for one in agreement.annotators):
        at = next(i for i, column in enumerate(columns) if column.title == "skips")
        columns, rows = _without(at, columns, rows)
        same.append("Nobody skipped.")
    note = " ".join(part for part in (whole, *same, rows_note(agreement.annotators, order), grey) if part)
    return without_empty_columns(
        Table(title="Agreement of each annotator", columns=columns, rows=rows, note=note, stacked=True)
    )


def _without(
    at: int, columns: list[Column], rows: list[tuple[Cell, ...]]
) -> tuple[list[Column], list[tuple[Cell, ...]]]:
    return columns[:at] + columns[at + 1 :], [row[:at] + row[at + 1 :] for row in rows]


def _reliability(follows: Estimate) -> Cell:
    """Grey where the votes say little, so that the figure is hardly more than the prior."""
    if follows.low is not None and follows.high is not None and follows.high - follows.low > UNSURE:
        return Faint(follows)
    return follows


def _pair_blocks(agreement: Agreement) -> list[Block]:
    if agreement.annotator_pairs_reason:
        return [f"Pairs of annotators are not shown: {agreement.annotator_pairs_reason}."]
    if len(agreement.annotators) < 2:
        return ["There is one annotator, so there are no pairs of them."]
    if not agreement.annotator_pairs:
        return ["No two annotators judged the same pair of completions."]
    if len(agreement.annotators) <= MATRIX:
        return [_matrix(agreement)]
    return _extremes(agreement)


def _matrix(agreement: Agreement) -> Table:
    names = [shown(figures.judge.name, 24) for figures in agreement.annotators]
    cells: dict[tuple[int, int], Cell] = {}
    for pair in agreement.annotator_pairs:
        cells[pair.one, pair.two] = Faint(pair.kappa) if pair.with_ties.n < FEW else pair.kappa
    never = Missing("they never judged the same pair")
    rows = [
        (names[i], *(cells.get((j, i), never) if j < i else None for j in range(len(names) - 1)))
        for i in range(1, len(names))
    ]
    columns = [Column(title=""), *(Column(title=name, kind="estimate") for name in names[:-1])]
    return Table(
        title="Cohen's kappa of every two annotators, and how many judgements they have in common",
        columns=columns,
        rows=rows,
        stacked=True,
        note=f"Grey (in text: °): {FEW_REASON}." if any_faint(rows) else "",
    )


def _extremes(agreement: Agreement) -> list[Block]:
    names = [shown(figures.judge.name, 40) for figures in agreement.annotators]
    pairs = agreement.annotator_pairs
    known = [pair for pair in pairs if pair.kappa.value is not None and pair.kappa.n >= FEW]
    known.sort(key=lambda pair: pair.kappa.value or 0)
    possible = len(names) * (len(names) - 1) // 2
    said = (
        f"Of {possible:,} pairs of annotators {len(pairs):,} met ({len(pairs) / possible:.0%}); {len(known):,} of "
        f"them over {FEW} judgements or more."
    )
    if not known:
        return [said]
    values = [pair.kappa.value or 0.0 for pair in known]
    middle = sorted(values)[len(values) // 2]
    said += (
        f" Their kappa goes from {_number(values[0])} to {_number(values[-1])}; half of them are "
        f"above {_number(middle)}."
    )
    chosen = known if len(known) <= 20 else known[:10] + known[-10:]
    rows = [(names[pair.one], names[pair.two], pair.kappa, faint_if_few(pair.decisive)) for pair in chosen]
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
    note = (
        "The least and the most of many pairs are extreme by chance too; mind the intervals."
        if chosen is not known
        else ""
    )
    grey = GREY if any_faint(rows) else ""
    note = " ".join(part for part in (note, grey) if part)
    return [said, _map(agreement, known), Table(title=title, columns=columns, rows=rows, note=note)]


def _number(value: float) -> str:
    return Estimate(value).format(with_n=False)


CLASSES = (("under 0.2", -2.0), ("0.2 to 0.4", 0.2), ("0.4 to 0.6", 0.4), ("0.6 and more", 0.6))


def _map(agreement: Agreement, known: list[PairFigures]) -> Block:
    """A dot for each pair that met often enough, annotators in the order of their agreement with all others."""

    def rank(figure: Estimate) -> float:
        return -1.0 if figure.value is None else figure.value

    order = sorted(range(len(agreement.annotators)), key=lambda i: rank(agreement.annotators[i].decisive))
    place = {annotator: i + 1 for i, annotator in enumerate(order)}
    ends = [low for _, low in CLASSES[1:]] + [2.0]
    sets = []
    for (name, low), high in zip(CLASSES, ends, strict=True):
        part = [pair for pair in known if low <= (pair.kappa.value or 0.0) < high]
        if part:
            sets.append(
                Points(
                    label=f"kappa {name} ({len(part):,})",
                    x=[max(place[pair.one], place[pair.two]) for pair in part],
                    y=[min(place[pair.one], place[pair.two]) for pair in part],
                )
            )
    return scatter_plot(
        sets,
        title="Which annotators met, and how they agree",
        caption=(
            f"A dot for every two annotators with {FEW} judgements or more in common. Annotators are numbered from "
            "the one that agrees least with all others to the one that agrees most."
        ),
        x_label="annotator, by agreement",
        y_label="annotator, by agreement",
    )
