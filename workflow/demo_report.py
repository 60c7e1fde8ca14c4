"""The demo's report: one page that a newcomer can read from top to bottom."""

from collections.abc import Mapping, Sequence
from typing import Any

from annotation.agreement import Agreement
from evaluation.compare import Compared
from evaluation.config import START
from evaluation.report import explanations, figures_table, reward_kl_plot, reward_model_table, win_rate_blocks
from workbench.page import Block, KeyFigure, KeyFigures, Listing, Notice, Page, Section
from workbench.plots import Line, line_plot
from workbench.snapshots import Snapshot
from workbench.statistics.estimates import Estimate
from workbench.tables import Cell, Column, Table
from workflow.demo_utility import WEIGHTS
from workflow.demo_world import GUIDELINE, PANEL
from workflow.lineage import Node, trace

NAMES = {START: "SFT", "dpo": "DPO", "ppo": "PPO"}
SHOWN = 4
STAGES = {
    "prepare": "stories, prompts, database",
    "pretrain": "base model",
    "sft": "SFT",
    "sample": "samples to be ranked",
    "rank": "simulated ranking, agreement, snapshot",
    "reward": "two reward models, side by side",
    "dpo": "DPO",
    "ppo": "PPO",
    "evaluate": "evaluation",
}


def demo_page(
    compared: Compared,
    report: Mapping[str, Any],
    *,
    agreement: Agreement,
    snapshot: Snapshot,
    ppo_metrics: Sequence[Mapping[str, Any]],
    policy_run: str,
) -> Page:
    """Summary, stories before and after, win rates, the way there, the labels, the time and the lineage."""
    policies = report["policies"]
    return Page(
        title="Accord's demo: teaching a tiny story writer what readers like",
        summary=[
            Notice(
                "The annotators here are simulated: programs that see a hidden score through noise of their own. "
                "That hidden score is known, so this report can say exactly how much was gained. With people, nobody "
                "knows it."
            ),
            "A model of one million parameters learned to write little stories from examples, good and bad mixed "
            "(SFT). Then it wrote four stories for each of many prompts, annotators ranked them, and two methods "
            "learned from those rankings to write stories that are liked better: DPO from the rankings "
            "directly, PPO by way of a reward model. Everything ran on this machine, from an empty folder.",
            KeyFigures(
                [
                    *(
                        KeyFigure(
                            label=f"{NAMES[name]} beats SFT",
                            value=Estimate.from_json(policies[name]["win_rate"]),
                            reading="of its stories, by the hidden score, on prompts that no training saw",
                            percent=True,
                        )
                        for name in ("dpo", "ppo")
                    ),
                    KeyFigure(
                        label="SFT against itself",
                        value=Estimate.from_json(report["noise_floor"]),
                        reading="the noise floor: no method, other dice; one such interval in twenty misses 50 %",
                        percent=True,
                    ),
                ]
            ),
        ],
        sections=[
            Section(title="Stories before and after", blocks=_stories(compared)),
            Section(
                title="Did it get better?", blocks=[*win_rate_blocks(_named(report)), *_paragraphs(report)]
            ),
            Section(
                title="What it cost",
                blocks=[
                    figures_table(_named(report)),
                    reward_kl_plot(_named(report)),
                    _training_plot(ppo_metrics),
                    *explanations(),
                ],
            ),
            Section(title="The labels and the reward model", blocks=_labels(report, agreement, snapshot)),
            Section(title="Where it comes from", blocks=_lineage(policy_run)),
            Section(title="Where the time went", blocks=_times(report)),
        ],
        footer="Made by accord demo. Score, stories and annotators are its own; see docs/demo.md.",
    )


def _stories(compared: Compared) -> list[Block]:
    """The first sample of each policy for the first prompts: not chosen, and never retold."""
    blocks: list[Block] = [
        "The first story that each policy wrote for the first prompts of the evaluation; none is chosen. The score is "
        "the hidden one; about 10 is as good as it gets."
    ]
    shown = [(NAMES[name], one) for name, one in compared.measured.items()]
    for i, record in enumerate(compared.prompts[:SHOWN]):
        assert isinstance(record.prompt, str)
        stories: list[Cell] = [one.samples.texts[i][0] or "(empty)" for _, one in shown]
        scores: list[Cell] = ["" if one.truth is None else f"score {one.truth[i, 0]:.1f}" for _, one in shown]
        blocks.append(
            Table(
                title=f"“{record.prompt}”",
                columns=[Column(title=name) for name, _ in shown],
                rows=[stories, scores],
            )
        )
    return blocks


def _paragraphs(report: Mapping[str, Any]) -> list[Block]:
    best = report["best_of_n"]
    oracle, chosen = (
        Estimate.from_json(best[key]).format(percent=True, with_n=False) for key in ("oracle", "reward_model")
    )
    return [
        "A story wins if its hidden score is higher than that of an SFT story for the same prompt. The reward model's "
        "own opinion of the same stories stands beside it: where it is far above the hidden score, a policy has "
        "learned to please the reward model and not the readers.",
        f"For scale: the best of {best['n']} SFT stories beats a fresh one in {oracle} if the hidden score chooses it, "
        f"and in {chosen} if the reward model does.",
    ]


def _training_plot(metrics: Sequence[Mapping[str, Any]]) -> Block:
    steps = [float(line["step"]) for line in metrics]
    keys = [("objective/scores", "score"), ("objective/kl", "KL")]
    if not metrics:
        return ""
    return line_plot(
        [Line(label=label, x=steps, y=[float(line[key]) for line in metrics]) for key, label in keys],
        title="PPO on its way",
        x_label="iteration",
        y_label="score (in deviations of SFT) and KL (nats)",
        caption="The reward rises while the KL is steered to its target; the best checkpoint is kept.",
    )


def _labels(report: Mapping[str, Any], agreement: Agreement, snapshot: Snapshot) -> list[Block]:
    world, counts = report["world"], snapshot.counts
    table = Table(
        title="The simulated annotators",
        columns=[
            Column(title="annotator"),
            Column(title="noise", kind="number"),
            Column(title="tie width", kind="number"),
            Column(title="position bias", kind="number"),
            Column(title="drift", kind="number"),
            Column(title="seconds a story", kind="number", digits=0),
        ],
        rows=[
            [a.name, a.noise, a.tie_width, a.position_bias, a.drift, a.seconds_per_completion] for a in PANEL
        ],
        note="Noise, tie width and bias in standard deviations of the hidden score over SFT stories; drift is the "
        "growth of the noise over 1,000 rankings.",
    )
    panel = agreement.panel
    return [
        f"{counts['comparisons']:,} comparisons with {counts['rankings']:,} rankings went into the database, were "
        "checked for agreement and frozen into one snapshot, from which reward models and DPO learned.",
        KeyFigures(
            [
                KeyFigure(
                    label="Raw agreement, ties aside",
                    value=panel.decisive,
                    percent=True,
                    reading="two annotators, one pair",
                ),
                KeyFigure(
                    label="Krippendorff's alpha",
                    value=panel.alpha_nominal,
                    reading="0 is chance, 1 is perfect",
                ),
            ]
        ),
        table,
        reward_model_table(report),
        "The guideline that the simulated annotators stand for:",
        Listing(GUIDELINE),
        "The hidden score is a weighted sum of "
        + ", ".join(f"{name} ({weight:g})" for name, weight in WEIGHTS.items())
        + f". Over SFT stories its standard deviation is {world['spread']:.2f}; {world['exact_ties']:.1%} of the pairs "
        f"of one prompt have equal scores, and {world['near_ties']:.1%} are closer than a tenth of that deviation.",
    ]


def _lineage(policy_run: str) -> list[Block]:
    return [
        "Every checkpoint names what it was made of. This is the PPO policy's tree, from accord lineage:",
        Listing("\n".join(_tree(trace(policy_run)))),
    ]


def _tree(node: Node, depth: int = 0) -> list[str]:
    pad = "  " * depth
    lines = [f"{pad}{node.role}: {node.stage or 'unknown'} run {node.run or '?'} ({node.hash[:12]})"]
    if node.snapshot is not None and node.snapshot.get("found"):
        counts = node.snapshot["counts"]
        lines.append(f"{pad}  snapshot {node.snapshot['content_hash'][:12]}: {counts['rankings']:,} rankings")
        lines += [
            f"{pad}    {a['annotator']} ({a['kind']}): {a['rankings']:,} rankings"
            for a in node.snapshot["annotators"]
        ]
    for parent in node.parents:
        lines += _tree(parent, depth + 1)
    return lines


def _times(report: Mapping[str, Any]) -> list[Block]:
    seconds = report["seconds"]
    rows: list[list[Any]] = [[text, seconds[stage]] for stage, text in STAGES.items() if stage in seconds]
    if report["installation_seconds"] is not None:
        rows.insert(0, ["installation", report["installation_seconds"]])
    rows.append(["together", sum(row[1] for row in rows)])
    return [
        Table(
            columns=[Column(title="stage"), Column(title="seconds", kind="number", digits=0)],
            rows=rows,
        )
    ]


def _named(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report with the policies under the names that readers know; the start keeps its key."""
    policies = {name if name == START else NAMES[name]: found for name, found in report["policies"].items()}
    return {**report, "policies": policies}
