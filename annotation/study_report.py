"""The page of a simulated study: the design, what it costs, what it gives."""

from annotation.study import Study
from workbench.page import Block, KeyFigure, KeyFigures, Notice, Page, Section
from workbench.statistics.estimates import Estimate
from workbench.tables import Cell, Column, Table

EFFORT = (("rankings", "rankings"), ("hours", "hours of work"), ("days", "days until done"), ("cost", "cost"))
SHARES = (
    ("with_ties", "raw agreement, ties counted"),
    ("decisive", "raw agreement, decisive only"),
    ("consensus_best", "the consensus puts the truly best completion first"),
    ("single_best", "a single ranking does"),
    ("consensus_pairs", "pairs that the consensus has in their true order"),
    ("careless_named", "spammers and straight-liners whom the report names"),
    ("others_named", "other annotators whom it names"),
)
WIDTHS = (
    ("decisive_half_width", "decisive agreement", True),
    ("with_ties_half_width", "agreement with ties", True),
    ("alpha_half_width", "alpha, nominal", False),
)


def study_page(study: Study) -> Page:
    """The study as a page; it says that it is simulated."""
    figures, design = study.figures, study.design
    replicates = "study" if design.replicates == 1 else "studies"
    summary: list[Block] = [
        Notice("Simulated: the figures are those of a program with known noise, not of people."),
        f"{design.annotators} annotators rank {design.completions} completions of each of {design.prompts:,} prompts, "
        f"up to {design.overlap} times each ({design.policy} overlap on {design.overlap_share:.0%} of them). Figures "
        f"are means of {design.replicates} simulated {replicates}; intervals are of those means.",
        KeyFigures(
            [
                KeyFigure(label="Rankings", value=figures["rankings"], digits=0),
                KeyFigure(label="Decisive agreement", value=figures["decisive"], percent=True),
                KeyFigure(
                    label="Its interval",
                    value=_half(figures["decisive_half_width"], percent=True),
                    reading="half the width of a 95 % interval",
                ),
                KeyFigure(
                    label="Consensus has the best first", value=figures["consensus_best"], percent=True
                ),
            ]
        ),
    ]
    return Page(
        title="A labeling study, simulated",
        summary=summary,
        sections=[
            Section(title="What it takes", blocks=[_table(study, EFFORT, "estimate", 1)]),
            Section(
                title="What it gives",
                blocks=[
                    _table(study, SHARES, "estimate_percent", 2),
                    _table(study, (("alpha", "Krippendorff's alpha, nominal"),), "estimate", 3),
                    _widths(study),
                ],
            ),
            Section(title="What was assumed", blocks=[_design(study)]),
        ],
        footer=f"Seed {design.seed}. Made by accord study simulate.",
    )


def _table(study: Study, names: tuple[tuple[str, str], ...], kind: str, digits: int) -> Table:
    rows: list[tuple[Cell, ...]] = [(words, study.figures[name]) for name, words in names]
    value = Column(title="mean of the studies", kind=kind, digits=digits)
    return Table(columns=[Column(title="figure"), value], rows=rows)


def _widths(study: Study) -> Table:
    rows = [(words, _half(study.figures[name], percent=percent)) for name, words, percent in WIDTHS]
    columns = [Column(title="95 % interval of"), Column(title="value ±, mean of the studies")]
    return Table(columns=columns, rows=rows)


def _half(width: Estimate, *, percent: bool) -> str:
    if width.value is None:
        return f"– ({width.reason})"
    return f"± {100 * width.value:.1f} points" if percent else f"± {width.value:.3f}"


def _design(study: Study) -> Table:
    rows = [(name.replace("_", " "), str(value)) for name, value in vars(study.design).items()]
    return Table(columns=[Column(title="setting"), Column(title="value")], rows=rows)
