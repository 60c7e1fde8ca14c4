"""Is it enough, and what to do: the last questions of the agreement report."""

from annotation.advice import give_advice
from annotation.agreement import Agreement
from annotation.report_parts import plural
from workbench.page import Block
from workbench.statistics.work import NO_SECONDS
from workbench.tables import Cell, Column, Missing, Table

KINDS = {
    "rerank": "rank again",
    "annotator": "annotator",
    "guideline": "guideline",
    "collect": "collect",
}


PEOPLE = 12
"""Annotators that are named on the page."""


def enough_blocks(agreement: Agreement) -> list[Block]:
    """What more rankings would give, and what no number of them can."""
    enough = agreement.enough
    blocks: list[Block] = []
    rows: list[tuple[Cell, ...]] = []
    reached = []
    for name, key, figure, scale, digits, unit in (
        ("decisive agreement, points", "decisive", agreement.panel.decisive, 100, 1, "point"),
        ("alpha, nominal", "alpha", agreement.panel.alpha_nominal, 1, 3, ""),
    ):
        now = figure.scaled(scale).format(digits)
        narrow = [need for need in enough.needs[key] if not need.rankings]
        if narrow:
            width = min(need.half_width for need in narrow) * scale
            points = f" {plural(unit, round(width))}" if unit else ""
            reached.append(f"{name.split(',')[0]} is known to ± {width:g}{points} or better: {now}")
        for need in enough.needs[key]:
            if need.rankings:
                hours = Missing(NO_SECONDS) if need.hours is None else need.hours
                wanted = f"± {need.half_width * scale:g}"
                rows.append((f"{name}: now {now}", wanted, need.prompts, need.rankings, hours))
    if reached:
        said = "; ".join(reached)
        blocks.append(f"{said[0].upper()}{said[1:]}.")
    if rows:
        columns = [
            Column(title="figure"),
            Column(title="wanted"),
            Column(title="more prompts", kind="count"),
            Column(title="more rankings", kind="count"),
            Column(title="hours of work", kind="number", digits=1),
        ]
        note = (
            f"{enough.prompts:,} prompts have overlap now, with {enough.rankings_a_prompt:.1f} rankings each; "
            "prompts of the same kind, with as many rankings each, are assumed."
        )
        title = "How many more rankings for an interval"
        blocks.append(Table(title=title, columns=columns, rows=rows, note=note))
    elif not reached:
        why = agreement.panel.decisive.reason or (
            "there is no interval to start from" if agreement.draws else "no intervals were asked for"
        )
        blocks.append(f"How many more rankings an interval needs cannot be told: {why}.")
    blocks.append(_ceiling(agreement))
    return blocks


def _ceiling(agreement: Agreement) -> Block:
    ceiling = agreement.enough.ceiling
    if ceiling.low.value is None:
        return f"The ceiling of a reward model cannot be told: {ceiling.low.reason}."
    rows: list[tuple[Cell, ...]] = [
        ("if each pair is clear to all or a coin flip", ceiling.low),
        ("if annotators are as noisy on one pair as on any other", ceiling.high),
    ]
    rows += [
        (
            f"the majority of {votes} votes, equally noisy" if votes > 1 else "a single vote, equally noisy",
            found,
        )
        for votes, found in agreement.enough.majority.items()
    ]
    return Table(
        title="What label noise leaves to reach",
        columns=[
            Column(title="accuracy on decisive pairs"),
            Column(title="value", kind="estimate_percent"),
        ],
        rows=rows,
        note=(
            "The first two bound the accuracy of the best possible reward model against single annotators' judgements; "
            "the others say how often a vote names the completion that annotators like better."
        ),
    )


def advice_blocks(agreement: Agreement) -> list[Block]:
    """What stands out, as things to do."""
    advice = give_advice(agreement)
    if not advice:
        return ["Nothing stands out: no annotator, slice or prompt is beyond what chance gives."]
    listed = [item for item in advice if item.kind != "annotator"]
    people = [item for item in advice if item.kind == "annotator"]
    listed[1:1] = people[:PEOPLE]
    columns = [Column(title="kind"), Column(title="do"), Column(title="because")]
    rows = [(KINDS[item.kind], item.what, item.why) for item in listed]
    more = len(people) - PEOPLE
    note = f"{more:,} more annotators stand out; the JSON has all." if more > 0 else ""
    return [Table(columns=columns, rows=rows, note=note, cards=True)]
