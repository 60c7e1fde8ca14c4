"""On what annotators disagree: prompts, kinds of disagreement, slices, length and guideline versions."""

from collections.abc import Mapping, Sequence

from annotation.agreement import Agreement
from annotation.agreement_slices import Slice
from annotation.report_parts import plural
from annotation.shown import listed, shown
from workbench.page import Block, Folded
from workbench.plots import estimate_plot
from workbench.statistics.disputes import DisputedPrompt, GuidelineChange
from workbench.tables import Cell, Column, Table


def dispute_blocks(agreement: Agreement) -> list[Block]:
    """The prompts that drive disagreement, then every way of cutting the labels."""
    blocks = [*_prompts(agreement), *_slices(agreement)]
    if agreement.lengths:
        blocks.append(_lengths(agreement))
    blocks.append(
        _guidelines(agreement.guideline_changes)
        if agreement.guideline_changes
        else "Before and after a change of the guideline: the rankings name fewer than two versions."
    )
    others = {tag: count for tag, count in agreement.tags.items() if count > 1}
    if others and not any(part.tag != "criterion" for part in agreement.slices):
        named = ", ".join(f"{shown(tag, 40)} ({count:,} values)" for tag, count in others.items())
        blocks.append(f"The comparisons carry tags that agreement could be sliced by (--by TAG): {named}.")
    return blocks


def _prompts(agreement: Agreement) -> list[Block]:
    disputes = agreement.disputes
    if disputes.with_tie.value is None:
        return [f"No disagreement to show: {disputes.with_tie.reason}."]
    met = disputes.prompts_met
    said = (
        f"{disputes.disagreements:,} {plural('meeting', disputes.disagreements)} ended in disagreement; in "
        f"{disputes.with_tie.value:.0%} of them one of the two called a tie. On {disputes.prompts_agreed:,} of "
        f"{met:,} {plural('prompt', met)} with overlap everybody agrees."
    )
    if not disputes.prompts:
        return [said]
    said += (
        f" The {len(disputes.prompts)} below hold {disputes.listed / disputes.disagreements:.0%} of the "
        "disagreements."
    )
    rows = [
        (
            shown(prompt.text, 140) or "(an empty prompt)",
            prompt.meetings,
            prompt.opposite,
            prompt.one_tie,
            " : ".join(map(str, prompt.votes[:2])) + (f", {prompt.votes[2]} tied" if prompt.votes[2] else ""),
            listed(list(prompt.comparisons), 2),
        )
        for prompt in disputes.prompts
    ]
    columns = [
        Column(title="prompt"),
        Column(title="meetings", kind="count"),
        Column(title="opposite sides", kind="count"),
        Column(title="a tie against a side", kind="count"),
        Column(title="votes on its most disputed pair"),
        Column(title="comparison"),
    ]
    table = Table(title="The prompts that drive disagreement", columns=columns, rows=rows, cards=True)
    return [said, table, *(_rankings(prompt) for prompt in disputes.prompts)]


def _rankings(prompt: DisputedPrompt) -> Folded:
    """What stood there, and the rank that each annotator gave; the disputed two come first."""
    found = prompt.rankings
    columns = [
        Column(title="completion"),
        *(Column(title=shown(given.annotator, 24), kind="count") for given in found.rankings),
    ]
    rows: list[Sequence[Cell]] = [
        (shown(text, 200) or "(an empty completion)", *(given.ranks[i] for given in found.rankings))
        for i, text in enumerate(found.completions)
    ]
    notes = ["Ranks: 1 is best, equal ones tie. The first two completions are the disputed pair."]
    if found.more:
        notes.append(f"{found.more:,} more {plural('ranking', found.more)} of it not shown.")
    name = shown(prompt.text, 90) or "(an empty prompt)"
    table = Table(columns=columns, rows=rows, note=" ".join(notes), cards=True)
    return Folded(f"Completions and ranks: {name}", table)


def _slices(agreement: Agreement) -> list[Block]:
    groups: dict[str, list[Slice]] = {}
    for part in agreement.slices:
        groups.setdefault(part.tag, []).append(part)
    blocks: list[Block] = []
    for tag, parts in groups.items():
        overall = agreement.panel.alpha_nominal.value
        references: Mapping[str, float] = {} if overall is None else {"all": overall}
        name = shown(tag, 40)
        if sum(part.panel.alpha_nominal.value is not None for part in parts) > 1:
            blocks.append(
                estimate_plot(
                    [shown(part.value, 24) for part in parts],
                    [part.panel.alpha_nominal for part in parts],
                    title=f"Alpha by {name}",
                    x_label="Krippendorff's alpha, nominal",
                    references=references,
                )
            )
        rows = [
            (
                shown(part.value, 60),
                part.judgements,
                part.panel.with_ties,
                part.panel.decisive,
                part.panel.alpha_nominal,
            )
            for part in parts
        ]
        columns = [
            Column(title=name),
            Column(title="judgements", kind="count"),
            Column(title="ties counted", kind="estimate_percent"),
            Column(title="decisive only", kind="estimate_percent"),
            Column(title="alpha, nominal", kind="estimate"),
        ]
        blocks.append(Table(title=f"By {name}", columns=columns, rows=rows, stacked=True))
    return blocks


def _lengths(agreement: Agreement) -> Table:
    rows = [
        (part.name, part.with_ties, part.decisive, part.ties, part.longer_wins) for part in agreement.lengths
    ]
    columns = [
        Column(title="difference in length"),
        Column(title="ties counted", kind="estimate_percent"),
        Column(title="decisive only", kind="estimate_percent"),
        Column(title="ties", kind="estimate_percent"),
        Column(title="the longer wins", kind="estimate_percent"),
    ]
    return Table(
        title="By how unlike the two completions are in length", columns=columns, rows=rows, stacked=True
    )


def _guidelines(changes: Sequence[GuidelineChange]) -> Table:
    rows = [
        (
            f"{shown(change.before, 30)} to {shown(change.after, 30)}",
            change.old_rankings,
            change.decisive_before,
            change.decisive_after,
            change.change.scaled(100),
        )
        for change in changes
    ]
    columns = [
        Column(title="guideline"),
        Column(title="rankings under the older", kind="count"),
        Column(title="decisive before", kind="estimate_percent"),
        Column(title="decisive after", kind="estimate_percent"),
        Column(title="change, points", kind="estimate", digits=1),
    ]
    return Table(
        title="Before and after a change of the guideline",
        columns=columns,
        rows=rows,
        note="Judgements under different versions are not compared. Other things may have changed meanwhile.",
        stacked=True,
    )
