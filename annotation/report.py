"""The agreement report as a page: how much, who, on what, what was counted, and what the words mean."""

from annotation.agreement import Agreement
from annotation.anchors import ANCHORS
from annotation.report_annotators import annotator_blocks
from annotation.report_disputes import dispute_blocks
from annotation.report_enough import advice_blocks, enough_blocks
from annotation.report_parts import percent, plural, terms
from annotation.report_work import work_blocks
from annotation.shown import shown
from workbench.page import Block, KeyFigure, KeyFigures, Notice, Page, Section
from workbench.statistics.estimates import Estimate
from workbench.tables import Cell, Column, Table


def agreement_page(agreement: Agreement) -> Page:
    """The whole report; the page writes itself as HTML, Markdown or text."""
    sections = [
        Section(title="How much agreement", blocks=[*_how_much(agreement), *terms("how much")]),
        Section(
            title="Who disagrees",
            blocks=[*annotator_blocks(agreement), *work_blocks(agreement), *terms("who")],
        ),
        Section(title="On what", blocks=[*dispute_blocks(agreement), *terms("on what")]),
        Section(title="Is it enough", blocks=[*enough_blocks(agreement), *terms("enough")]),
        Section(title="What to do", blocks=[*advice_blocks(agreement), *terms("advice")]),
        Section(title="What was counted", blocks=_counted(agreement)),
    ]
    kind = {"percentile": "percentile", "bca": "bias-corrected and accelerated (BCa)"}[agreement.method]
    intervals = (
        f"Intervals are 95 % {kind} intervals from {agreement.draws:,} resamples of the prompts (seed "
        f"{agreement.seed})."
        if agreement.draws
        else "No intervals were asked for."
    )
    return Page(
        title=f"Agreement: {shown(agreement.source, 80)}",
        summary=[*_notices(agreement), _headline(agreement), _key_figures(agreement)],
        sections=sections,
        footer=f"{intervals} Made by accord agreement.",
    )


def _notices(agreement: Agreement) -> list[Block]:
    kinds = agreement.annotator_kinds
    notices: list[Block] = []
    total = sum(kinds.values())
    if count := kinds.get("simulated", 0):
        whose = "All labels here are" if count == total else f"{count} of {total} annotators are"
        notices.append(Notice(f"{whose} simulated: made by a program with known noise, not by people."))
    if count := kinds.get("model", 0):
        whose = "All annotators are" if count == total else f"{count} of {total} annotators are"
        notices.append(Notice(f"{whose} language models, and their judgements are counted among the others."))
    few = agreement.panel.by_prompt.n
    if few == 1:
        notices.append(
            Notice("Only 1 prompt has overlap: nothing can be said of others, so there are no intervals.")
        )
    elif 0 < few < 20:
        notices.append(Notice(f"Only {few} prompts have overlap: intervals over so few are rough."))
    return notices


def _headline(agreement: Agreement) -> str:
    panel, counts = agreement.panel, agreement.counts
    people = f"{counts['annotators']:,} {plural('annotator', counts['annotators'])}"
    made = f"{people} made {counts['rankings']:,} {plural('ranking', counts['rankings'])} of "
    made += f"{counts['prompts']:,} {plural('prompt', counts['prompts'])}."
    if panel.with_ties.value is None or panel.chance_with_ties.value is None:
        return f"{made} Agreement cannot be computed: {panel.with_ties.reason}."
    text = (
        f"{made} Where two of them judged the same pair of completions, they gave the same verdict (better, worse or "
        f"tied) {percent(panel.with_ties.value)} of the time; judgements drawn at random from the same pool would do "
        f"so {percent(panel.chance_with_ties.value)} of the time."
    )
    if panel.decisive.value is not None:
        same = percent(panel.decisive.value)
        text += f" Where both took a side, it was the same side {same} of the time (chance: 50%)."
    return text + _alpha_reading(panel.alpha_nominal)


def _alpha_reading(estimate: Estimate) -> str:
    alpha, low, high = estimate.value, estimate.low, estimate.high
    if alpha is None:
        return ""
    if low is not None and high is not None and low <= 0:
        if high < 0:
            return " The whole interval of alpha is below 0: annotators disagree more than chance would have them."
        return (
            " The interval of nominal alpha holds 0, so these labels do not show that annotators agree any better "
            "than chance."
        )
    if alpha >= 0.8:
        return (
            " By Krippendorff's rule of thumb (nominal alpha of 0.80 or more) such labels can be relied on."
        )
    if alpha >= 2 / 3:
        return " By Krippendorff's rule of thumb (nominal alpha from 0.67 to 0.80) they allow tentative conclusions."
    return (
        " Nominal alpha is below the 0.67 that Krippendorff asks of content analysis; judgements of preference rarely "
        "reach it, and many such labels together can still carry a clear signal."
    )


def _key_figures(agreement: Agreement) -> KeyFigures:
    panel = agreement.panel
    return KeyFigures(
        [
            KeyFigure(
                label="Raw agreement, ties counted",
                value=panel.with_ties,
                percent=True,
                reading=_chance_reading(panel.chance_with_ties),
            ),
            KeyFigure(
                label="Raw agreement, decisive only",
                value=panel.decisive,
                percent=True,
                reading="chance 50 %",
            ),
            KeyFigure(
                label="Krippendorff's alpha, nominal",
                value=panel.alpha_nominal,
                reading="chance 0, perfect 1",
            ),
            KeyFigure(
                label="Krippendorff's alpha, ordinal",
                value=panel.alpha_ordinal,
                reading="a tie is half way: chance 0, perfect 1",
            ),
        ]
    )


def _chance_reading(chance: Estimate) -> str:
    return "" if chance.value is None else f"chance {chance.value * 100:.1f} %"


def _how_much(agreement: Agreement) -> list[Block]:
    panel = agreement.panel
    shares = [
        ("Raw agreement, ties counted", panel.with_ties, "pairs of judgements"),
        ("Raw agreement, decisive only", panel.decisive, "pairs of judgements"),
        ("Mean of the prompts, ties counted", panel.by_prompt, "prompts"),
        ("Mean of the prompts, decisive only", panel.by_prompt_decisive, "prompts"),
        ("By chance, ties counted", panel.chance_with_ties, "judgements with overlap"),
        ("One annotator with themselves", agreement.intra, "repeated judgements"),
        ("Judgements that are ties", agreement.ties, "judgements"),
        ("Decisive judgements won by the completion shown first", agreement.first_shown, "judgements"),
    ]
    coefficients = [
        ("Krippendorff's alpha, nominal", panel.alpha_nominal, "judgements with overlap"),
        ("Krippendorff's alpha, ordinal", panel.alpha_ordinal, "judgements with overlap"),
        ("Gwet's AC1", panel.ac1, "units with overlap"),
        ("Kendall's tau-b, mean over two rankings", agreement.tau_b, "pairs of rankings"),
        ("Kendall's W, mean over panels of three or more", agreement.kendall_w, "panels"),
    ]
    share, coefficient = (
        Column(title="value", kind="estimate_percent"),
        Column(title="value", kind="estimate", digits=3),
    )
    return [
        _figures_table("Shares", shares, share),
        _figures_table("Coefficients: 0 is chance, 1 is perfect (W: 0 is none)", coefficients, coefficient),
        *_undefined(agreement),
        _anchor_table(agreement),
    ]


def _figures_table(title: str, rows: list[tuple[str, Estimate, str]], column: Column) -> Table:
    columns = [Column(title="figure"), column, Column(title="n counts")]
    return Table(title=title, columns=columns, rows=[(name, value, unit) for name, value, unit in rows])


def _undefined(agreement: Agreement) -> list[Block]:
    said = []
    for name, count in (("tau-b", agreement.tau_b_undefined), ("W", agreement.kendall_w_undefined)):
        if count:
            said.append(f"{count:,} more had no {name}, because a ranking tied everything.")
    return [" ".join(said)] if said else []


def _anchor_table(agreement: Agreement) -> Table:
    panel = agreement.panel
    rows: list[tuple[Cell, ...]] = [("This report", panel.with_ties, panel.decisive, "", "")]
    rows += [(a.who, a.with_ties or "", a.decisive or "", a.unstated or "", a.where) for a in ANCHORS]
    return Table(
        title="Beside published figures",
        columns=[
            Column(title="who"),
            Column(title="ties counted", kind="estimate_percent", with_n=False),
            Column(title="decisive only", kind="estimate_percent", with_n=False),
            Column(title="not stated which", kind="estimate_percent", with_n=False),
            Column(title="source"),
        ],
        rows=rows,
        cards=True,
        note="Tasks, annotators and definitions differ; these say what is usual, not what is good enough.",
    )


_COUNT_WORDS = {
    "comparisons": "comparisons read",
    "comparisons_without_rankings": "comparisons among them without any ranking",
    "empty_completions": "empty completions in the comparisons read, which count as any other",
    "rankings": "rankings that count",
    "skips": "skips",
    "annotators": "annotators",
    "prompts": "prompts with rankings",
    "judgements": "judgements: pairs of completions in rankings",
    "units": "units: different pairs judged",
    "units_with_overlap": "units that two annotators judged",
    "meetings": "meetings: two annotators' judgements of one unit",
}


def _counted(agreement: Agreement) -> list[Block]:
    counts = [(_COUNT_WORDS[key], count) for key, count in agreement.counts.items()]
    columns = [Column(title="what"), Column(title="how many", kind="count")]
    blocks: list[Block] = [Table(columns=columns, rows=counts)]
    if agreement.dropped:
        dropped = sorted(agreement.dropped.items(), key=lambda entry: -entry[1])
        blocks.append(Table(title="Read but not counted", columns=columns, rows=dropped))
    else:
        blocks.append("Nothing that was read was left out.")
    return blocks
