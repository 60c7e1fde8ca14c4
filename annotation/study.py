"""A labeling study tried on simulated annotators: what a design will give, before anybody is paid for it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from annotation.advice import give_advice
from annotation.agreement import Agreement, measure_agreement
from annotation.study_design import StudyDesign
from workbench.records import Comparison, Completion
from workbench.seeds import numpy_generator
from workbench.statistics.estimates import Estimate
from workbench.statistics.overlap import StoppingRule, decide
from workbench.statistics.preferences.consensus import consensuses
from workbench.statistics.preferences.label_model import fit_label_model
from workbench.statistics.simulated import Desk, SimulatedAnnotator
from workbench.statistics.sufficiency import half_width

UNBOUNDED = ("rankings", "hours", "days", "cost")
"""Figures that may be any number from 0 on; the others are at most 1."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """What a design gives: means over the replicates with 95 % intervals by Student's t; n counts replicates."""

    design: StudyDesign
    figures: Mapping[str, Estimate]
    comparisons: Sequence[Comparison]
    """Of the first replicate, with their simulated rankings."""
    agreement: Agreement
    """Of the first replicate."""

    def to_json(self) -> dict[str, Any]:
        """The design and the figures."""
        return {
            "design": vars(self.design),
            "simulated": True,
            "figures": {name: figure.to_json() for name, figure in self.figures.items()},
        }


def simulate_study(design: StudyDesign) -> Study:
    """Run the design `replicates` times on panels and completions drawn anew."""
    outcomes = [_replicate(design, number) for number in range(design.replicates)]
    figures = {
        name: mean_of_studies(name, [outcome.figures[name] for outcome in outcomes])
        for name in outcomes[0].figures
    }
    first = outcomes[0]
    return Study(design=design, figures=figures, comparisons=first.comparisons, agreement=first.agreement)


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    figures: Mapping[str, float | str | None]
    """A text says why there is no number."""
    comparisons: Sequence[Comparison]
    agreement: Agreement


def draw_panel(design: StudyDesign, rng: np.random.Generator) -> list[SimulatedAnnotator]:
    """The annotators; the spammers and straight-liners come last."""
    careful = design.annotators - design.spammers - design.straight_liners
    noise = design.noise * np.exp(design.noise_spread * rng.standard_normal(design.annotators))
    panel = []
    for i in range(design.annotators):
        kind = "spam" if i >= careful + design.straight_liners else "line" if i >= careful else "sim"
        panel.append(
            SimulatedAnnotator(
                name=f"{kind}-{i + 1}",
                noise=float(noise[i]),
                tie_width=design.ties,
                position_bias=design.position_bias,
                drift=design.drift,
                fatigue=design.fatigue,
                spam=float(kind == "spam"),
                straight_line=float(kind == "line"),
                seconds_per_completion=design.seconds,
                sitting_minutes=design.sitting_minutes,
            )
        )
    return panel


def _replicate(design: StudyDesign, number: int) -> _Outcome:
    rng = numpy_generator(design.seed, "study", number)
    panel = draw_panel(design, rng)
    utilities = design.spread * rng.standard_normal((design.prompts, design.completions))
    texts = tuple(Completion(text=f"Simulated completion {i + 1}.") for i in range(design.completions))
    blank = [
        Comparison(id=f"study-{n + 1}", prompt=f"Simulated prompt {n + 1}.", completions=texts)
        for n in range(design.prompts)
    ]
    desk = Desk(panel, seed=int(rng.integers(2**31)))
    shared = rng.random(design.prompts) < design.overlap_share
    if design.policy == "fixed":
        ranked = [
            desk.serve(comparison, values, design.overlap if more else 1)
            for comparison, values, more in zip(blank, utilities.tolist(), shared, strict=True)
        ]
    else:
        ranked = _sequentially(design, desk, blank, utilities.tolist(), shared.tolist())
    agreement = measure_agreement(
        ranked, source="a simulated study", draws=design.draws, seed=design.seed + number
    )
    return _Outcome(
        figures={
            **_effort(design, ranked),
            **_agreement(agreement),
            **_consensus(ranked, utilities),
            **_found(agreement, design),
        },
        comparisons=ranked,
        agreement=agreement,
    )


def _sequentially(
    design: StudyDesign,
    desk: Desk,
    comparisons: Sequence[Comparison],
    utilities: Sequence[Sequence[float]],
    shared: Sequence[bool],
) -> list[Comparison]:
    """One ranking each, then another round for those whose winner is not clear, until all are or have their most."""
    rule = StoppingRule(probability=design.clear, at_least=1, at_most=design.overlap)
    ranked = [desk.serve(one, values, 1) for one, values in zip(comparisons, utilities, strict=True)]
    for _ in range(design.overlap - 1):
        model = fit_label_model(ranked, seed=design.seed)
        wanted = [
            more and decide(found, len(one.rankings), rule).wanted
            for one, found, more in zip(ranked, consensuses(ranked, model), shared, strict=True)
        ]
        if not any(wanted):
            break
        ranked = [
            desk.serve(one, values, 1) if more else one
            for one, values, more in zip(ranked, utilities, wanted, strict=True)
        ]
    return ranked


def _effort(design: StudyDesign, ranked: Sequence[Comparison]) -> dict[str, float | str | None]:
    rankings = [ranking for comparison in ranked for ranking in comparison.rankings]
    hours = sum(ranking.seconds or 0.0 for ranking in rankings) / 3600
    days = {(ranking.at or "")[:10] for ranking in rankings}
    return {
        "rankings": float(len(rankings)),
        "hours": hours,
        "days": float(len(days)),
        "cost": hours * design.pay if design.pay else "no pay was given",
    }


def _agreement(agreement: Agreement) -> dict[str, float | str | None]:
    panel = agreement.panel
    found: dict[str, float | str | None] = {}
    for name, figure in (
        ("with_ties", panel.with_ties),
        ("decisive", panel.decisive),
        ("alpha", panel.alpha_nominal),
    ):
        found[name] = figure.value if figure.value is not None else str(figure.reason)
        width = half_width(figure)
        found[f"{name}_half_width"] = width if width is not None else "there is no interval"
    return found


def _consensus(
    ranked: Sequence[Comparison], utilities: np.ndarray[Any, Any]
) -> dict[str, float | str | None]:
    """How often the consensus, and how often a single ranking, has the truly best completion first, and pairs right."""
    best = utilities.argmax(1)
    one, two = np.triu_indices(utilities.shape[1], 1)
    truth = np.sign(utilities[:, one] - utilities[:, two])
    model = fit_label_model(ranked)
    worth = np.array([found.worth for found in consensuses(ranked, model)])
    right = np.sign(worth[:, one] - worth[:, two]) == truth
    # The simulated leave nothing unranked.
    ranks = [
        (n, [rank for rank in ranking.ranks or () if rank is not None])
        for n, comparison in enumerate(ranked)
        for ranking in comparison.rankings
    ]
    # Completions that share the first tier each have their part of it.
    single = [(r[best[n]] == min(r)) / r.count(min(r)) for n, r in ranks]
    return {
        "consensus_best": float((worth.argmax(1) == best).mean()),
        "consensus_pairs": float(right.mean()),
        "single_best": float(np.mean(single)),
    }


def _found(agreement: Agreement, design: StudyDesign) -> dict[str, float | str | None]:
    """Annotators that the report names, among those who do not work and among the others."""
    named = {str(item.refers_to.get("annotator", "")) for item in give_advice(agreement)}
    bad = {f.judge.name for f in agreement.annotators if not f.judge.name.startswith("sim-")}
    good = {f.judge.name for f in agreement.annotators} - bad
    none = "there are none in the design"
    return {
        "careless_named": len(named & bad) / len(bad) if bad else none,
        "others_named": len(named & good) / len(good) if good else none,
    }


def mean_of_studies(name: str, values: Sequence[float | str | None]) -> Estimate:
    """The mean with its 95 % interval by Student's t, cut where no value of the figure can lie."""
    numbers = [value for value in values if isinstance(value, float | int)]
    if len(numbers) < len(values):
        return Estimate.missing(next(str(value) for value in values if isinstance(value, str)), len(numbers))
    mean, n = float(np.mean(numbers)), len(numbers)
    if n < 2:
        return Estimate(mean, n=n)
    error = float(stdtrit(n - 1, 0.975)) * float(np.std(numbers, ddof=1)) / n**0.5
    least, most = -math.inf if name == "alpha" else 0.0, math.inf if name in UNBOUNDED else 1.0
    return Estimate(mean, max(mean - error, least), min(mean + error, most), n)
