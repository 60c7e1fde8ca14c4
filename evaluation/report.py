"""Report: a comparison as sections of one self-contained page."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.compare import Compared
from evaluation.config import START
from workbench.page import Block, Definition, Listing, Page, Section
from workbench.plots import Plot, Points, estimate_plot, scatter_plot
from workbench.statistics.estimates import Estimate
from workbench.tables import Column, Table

FLOORS = {"win_rate": "noise_floor", "reward_model_win_rate": "reward_model_noise_floor"}
"""Where the report keeps the start's win rate against itself, by judge."""
FIGURES = (
    ("win_rate", "Win rate by the ground truth", "estimate_percent", 2),
    ("reward_model_win_rate", "Win rate by the reward model", "estimate_percent", 2),
    ("truth_score", "Ground truth", "estimate", 2),
    ("reward_model_score", "Reward", "estimate", 2),
    ("kl", "KL from start", "estimate", 1),
    ("distinct_2", "Distinct-2", "estimate", 3),
    ("length", "Tokens", "estimate", 0),
    ("perplexity", "Perplexity under base", "estimate", 1),
)
"""Key, heading, kind and decimals of a comparison's columns."""


def comparison_page(compared: Compared, *, title: str, shown_prompts: int, footer: str = "") -> Page:
    """The page of `accord evaluate compare`."""
    report = compared.report
    said = report["ground_truth"] or "none given; only the reward model's opinion is shown"
    summary: list[Block] = [
        f"Every policy and the start wrote {report['samples_per_prompt']} completions for each of "
        f"{report['prompts']:,} held-out prompts at temperature {report['temperature']}. Ground truth: {said}",
    ]
    return Page(
        title=title,
        summary=summary,
        sections=[
            Section(title="Win rates", blocks=win_rate_blocks(report)),
            Section(title="All figures", blocks=[figures_table(report), *explanations()]),
            Section(title="Reward against KL", blocks=[reward_kl_plot(report)]),
            Section(title="The reward model", blocks=[reward_model_table(report)]),
            Section(title="What they wrote", blocks=sample_blocks(compared, shown_prompts)),
        ],
        footer=footer,
    )


def win_rate_blocks(report: Mapping[str, Any]) -> list[Block]:
    """The win rates with their intervals, beside the start against itself; by each judge that there was."""
    policies = {name: figures for name, figures in report["policies"].items() if name != START}
    judges = (
        ("the ground truth", "win_rate", "noise_floor"),
        ("the reward model", "reward_model_win_rate", "reward_model_noise_floor"),
    )
    rows = [
        *((name, by, figures[key]) for name, figures in policies.items() for by, key, _ in judges),
        *(("start against itself", by, report[floor]) for by, _, floor in judges),
    ]
    shown = [(f"{name}, by {by}", Estimate.from_json(found)) for name, by, found in rows if found["n"]]
    if not shown:
        return ["No ground truth and no reward model was given, so nobody judged the samples."]
    labels, estimates = [label for label, _ in shown], [estimate for _, estimate in shown]
    return [
        estimate_plot(
            labels,
            estimates,
            title="How often a policy's completion beats one of the start's",
            x_label="win rate",
            caption="Dots with 95 % intervals over prompts; ties count half. The start against itself is the noise "
            "floor.",
            references={"no difference": 0.5},
            x_limits=(0.0, 1.0),
        )
    ]


def figure_of(report: Mapping[str, Any], name: str, key: str) -> Estimate:
    """A policy's figure; a win rate of the start is that of other samples of its own, the noise floor."""
    of_start = name == START and key in FLOORS
    return Estimate.from_json(report[FLOORS[key]] if of_start else report["policies"][name][key])


def figures_table(report: Mapping[str, Any]) -> Table:
    """One row a policy, one column a figure; columns that no policy has a value for are left out."""
    policies = report["policies"]
    columns = [
        figure
        for figure in FIGURES
        if any(figure_of(report, name, figure[0]).value is not None for name in policies)
    ]
    return Table(
        columns=[
            Column(title="policy"),
            *(Column(title=t, kind=kind, digits=digits, with_n=False) for _, t, kind, digits in columns),
        ],
        rows=[[name, *(figure_of(report, name, key) for key, *_ in columns)] for name in policies],
        note="The start's win rates are those of other samples of its own: the noise floor. "
        f"95 % intervals from a bootstrap over {report['prompts']:,} prompts.",
    )


def reward_kl_plot(report: Mapping[str, Any], curves: Sequence[Points] = ()) -> Plot:
    """Reward against KL: how far each policy went, and what it brought."""
    policies = report["policies"]
    key = "truth_score" if policies[START]["truth_score"]["value"] is not None else "reward_model_score"
    points = [
        Points(label=name, x=[found["kl"]["value"]], y=[found[key]["value"]], names=[name])
        for name, found in policies.items()
        if found[key]["value"] is not None
    ]
    return scatter_plot(
        [*points, *curves],
        title="What was gained, and how far the policy moved for it",
        x_label="KL from the start, nats a completion",
        y_label="ground truth" if key == "truth_score" else "reward",
        caption="Up is better; right is further from where it started. Best-of-n needs n samples for every completion.",
    )


def reward_model_table(report: Mapping[str, Any]) -> Table:
    """Accuracy on labels beside its ceiling, calibration, accuracy against the ground truth."""
    found = report["reward_model"]
    names = (
        ("accuracy", "Accuracy on held-out labels", "estimate_percent"),
        ("ceiling", "Ceiling: no scores can agree with single labels more often", "estimate_percent"),
        ("truth_accuracy", "Accuracy against the ground truth without noise", "estimate_percent"),
        ("ece", "Calibration error", "estimate"),
    )
    return Table(
        columns=[Column(title="figure"), Column(title="value", kind="estimate_percent")],
        rows=[[title, Estimate.from_json(found[key])] for key, title, _ in names],
    )


def sample_blocks(compared: Compared, shown: int) -> list[Block]:
    """The first sample of every policy for the first prompts, with the ground truth's score, or else the reward."""
    start = compared.measured[START]
    judge = "truth" if start.truth is not None else "reward" if start.reward is not None else None
    blocks: list[Block] = []
    for i, record in enumerate(compared.prompts[:shown]):
        prompt = record.prompt if isinstance(record.prompt, str) else record.prompt[-1].content
        rows = []
        for name, one in compared.measured.items():
            score = [] if judge is None else [f"{getattr(one, judge)[i, 0]:.1f}"]
            rows.append([name, one.samples.texts[i][0] or "(empty)", *score])
        blocks.append(
            Table(
                title=prompt,
                columns=[
                    Column(title="policy"),
                    Column(title="its first completion"),
                    *([] if judge is None else [Column(title=judge)]),
                ],
                rows=rows,
            )
        )
    return blocks


def explanations() -> list[Block]:
    """The terms of the table, one click away."""
    return [
        Definition(
            term="What is KL?",
            text="How far the policy moved from the start: the mean log-ratio of their probabilities for what the "
            "policy writes, in nats a completion. 0 is the start itself.",
        ),
        Definition(
            term="What is distinct-2?",
            text="Distinct pairs of neighbouring tokens over all pairs, in all samples together. A policy that says "
            "the same thing again and again has a low one. It is compared at equal numbers of samples.",
        ),
        Definition(
            term="What is perplexity under the base?",
            text="How surprising the texts are to the model that never saw a preference. A policy that hacks its "
            "reward with strange text has a high one.",
        ),
    ]


def listing_of(texts: Sequence[str]) -> Listing:
    """Texts one below the other, as they are."""
    return Listing("\n\n".join(texts))
