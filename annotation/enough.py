"""Whether there are enough labels: rankings that wanted intervals need, and the ceiling that label noise sets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.statistics.agreement import PanelAgreement
from workbench.statistics.annotators import AnnotatorFigures
from workbench.statistics.estimates import Estimate
from workbench.statistics.groups import group_rows
from workbench.statistics.pairs import PairLabels
from workbench.statistics.sufficiency import (
    Ceiling,
    Need,
    majority_accuracy,
    needed,
    reward_model_ceiling,
)

WANTED = {"decisive": (0.05, 0.03, 0.02, 0.01), "alpha": (0.10, 0.05, 0.03, 0.02)}
"""Half-widths of intervals that the report plans for, by figure."""
VOTES = (1, 3, 5)


@dataclass(frozen=True, kw_only=True)
class Enough:
    """What there is, what more would give, and what no amount can."""

    prompts: int
    """Prompts on which two annotators met."""
    rankings_a_prompt: float
    """Rankings that each of these has."""
    seconds: float | None
    """Median seconds a ranking, over annotators' medians."""
    needs: Mapping[str, Sequence[Need]]
    """By figure; empty where there is no interval to start from."""
    ceiling: Ceiling
    majority: Mapping[int, Estimate]
    """Accuracy of the majority of so many decisive votes, if all pairs are equally noisy."""


def measure_enough(
    labels: PairLabels, panel: PanelAgreement, annotators: Sequence[AnnotatorFigures]
) -> Enough:
    """From the panel's intervals and the labels behind them."""
    prompts = panel.by_prompt.n
    rankings_a_prompt = _rankings_a_prompt(labels)
    times = [figures.judge.seconds for figures in annotators if figures.judge.seconds is not None]
    seconds = float(np.median(times)) if times else None
    figures = {"decisive": panel.decisive, "alpha": panel.alpha_nominal}
    needs = {
        name: [
            need
            for wanted in WANTED[name]
            if (
                need := needed(
                    figure,
                    wanted,
                    prompts=prompts,
                    rankings_a_prompt=rankings_a_prompt,
                    seconds=seconds,
                )
            )
        ]
        for name, figure in figures.items()
    }
    return Enough(
        prompts=prompts,
        rankings_a_prompt=rankings_a_prompt,
        seconds=seconds,
        needs=needs,
        ceiling=reward_model_ceiling(panel.decisive),
        majority={votes: _majority(panel.decisive, votes) for votes in VOTES},
    )


def _rankings_a_prompt(labels: PairLabels) -> float:
    """Rankings with a judgement that a prompt has, of the prompts that two annotators judged."""
    judges = max(len(labels.judges), 1)
    row = group_rows(labels.ranking).row  # a judgement of each ranking
    prompt, annotator = labels.prompt[row], labels.annotator[row]
    annotators_on = np.bincount(group_rows(prompt * judges + annotator).keys // judges)
    shared = annotators_on > 1
    return float(shared[prompt].sum() / shared.sum()) if shared.any() else 0.0


def _majority(decisive: Estimate, votes: int) -> Estimate:
    if decisive.value is None or decisive.value <= 0.5:
        return Estimate.missing(decisive.reason or "annotators agree no more than coins would", decisive.n)
    low, high = (
        None if end is None else majority_accuracy(end, votes) for end in (decisive.low, decisive.high)
    )
    return Estimate(majority_accuracy(decisive.value, votes), low, high, decisive.n)
