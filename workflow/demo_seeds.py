"""The demo's figures as text, and over several seeds."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student_t

from evaluation.report import figure_of
from workbench.artifacts import write_file_aside
from workbench.statistics.estimates import Estimate
from workbench.tables import Column, Table
from workflow.demo_report import NAMES, STAGES

FIGURES = ("win_rate", "reward_model_win_rate", "kl", "distinct_2", "length", "perplexity")


def summary_text(report: Mapping[str, Any]) -> str:
    """What the demo prints when it has ended."""
    reward, best, world = report["reward_model"], report["best_of_n"], report["world"]

    def percent(record: dict[str, Any]) -> str:
        return Estimate.from_json(record).format(percent=True, with_n=False)

    seconds = report["seconds"]
    stages = ", ".join(f"{stage} {seconds[stage]:.0f}" for stage in STAGES if stage in seconds)
    installed = report["installation_seconds"]
    return "\n\n".join(
        [
            "All annotators are SIMULATED; win rates are against SFT by the hidden score that drives them.",
            _policies(report).to_text(),
            f"Best of {best['n']} by an oracle: {percent(best['oracle'])}, "
            f"by the reward model: {percent(best['reward_model'])}\n"
            f"reward model: accuracy {percent(reward['accuracy'])} on labels (ceiling {percent(reward['ceiling'])}), "
            f"{percent(reward['truth_accuracy'])} against the hidden score without noise\n"
            f"hidden score over SFT samples: exact ties {100 * world['exact_ties']:.1f} %, closer than a tenth "
            f"of its deviation {100 * world['near_ties']:.1f} %",
            f"seconds: {f'installation {installed:.0f}, ' if installed is not None else ''}{stages}; "
            f"together {seconds['total'] + (installed or 0):.0f}",
        ]
    )


def seeds_text(report: Mapping[str, Any]) -> str:
    """What the demo prints at the end of several seeds."""
    accuracy = Estimate.from_json(report["reward_model"]["truth_accuracy"]).format(percent=True, with_n=False)
    return "\n\n".join(
        [
            f"Means over {report['seeds']} seeds, each with Student's 95 % interval for the mean of so many:",
            _policies(report).to_text(),
            f"reward model: accuracy {accuracy} against the hidden score without noise",
        ]
    )


def _policies(report: Mapping[str, Any]) -> Table:
    """A row a policy; that of the start has the noise floor for its win rates."""
    return Table(
        columns=[
            Column(title="policy"),
            Column(title="win rate (hidden score)", kind="estimate_percent", with_n=False),
            Column(title="by reward model", kind="estimate_percent", with_n=False),
            Column(title="KL", kind="estimate", digits=1, with_n=False),
            Column(title="distinct-2", kind="estimate", digits=3, with_n=False),
            Column(title="tokens", kind="estimate", digits=0, with_n=False),
            Column(title="perplexity", kind="estimate", with_n=False),
        ],
        rows=[
            [NAMES[name], *(figure_of(report, name, key) for key in FIGURES)] for name in report["policies"]
        ],
        note="SFT's win rates are against other samples of its own: the noise floor.",
    )


def over_seeds(reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Every estimate's mean over seeds, with Student's 95 % interval for the mean of n seeds."""
    merged = _merge([dict(report) for report in reports])
    assert isinstance(merged, dict)
    return {**merged, "seeds": len(reports)}


def write_seeds_report(folder: Path, report: Mapping[str, Any]) -> Path:
    """seeds.json beside the first seed's report."""
    path = folder / "seeds.json"
    with write_file_aside(path) as file:
        file.write((json.dumps(report, indent=2, allow_nan=False) + "\n").encode())
    return path


def _merge(values: Sequence[Any]) -> Any:
    first = values[0]
    if isinstance(first, Mapping) and {"value", "n"} <= set(first):
        known = [float(v["value"]) for v in values if v["value"] is not None]
        return mean_over_seeds(known).to_json() if len(known) == len(values) else first
    if isinstance(first, Mapping):
        return {key: _merge([v[key] for v in values]) for key in first if all(key in v for v in values)}
    if all(isinstance(v, float) for v in values):
        return mean_over_seeds(values).to_json()
    return first if all(v == first for v in values) else list(values)


def mean_over_seeds(values: Sequence[float]) -> Estimate:
    """Mean of a figure over seeds: 0.7, 0.8 -> 0.75 with an interval of 12.7 standard errors of .05."""
    n = len(values)
    mean = float(np.mean(values))
    if n < 2:
        return Estimate(mean, n=n)
    half = float(student_t.ppf(0.975, n - 1)) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, n=n)
