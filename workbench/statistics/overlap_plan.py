"""Overlap plans: which comparisons get another vote, for clear winners, an interval of agreement, or a budget."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workbench.errors import DataError
from workbench.records import Comparison, Ranking
from workbench.seeds import numpy_generator
from workbench.statistics.agreement import panel_agreement
from workbench.statistics.estimates import Estimate
from workbench.statistics.overlap import StoppingRule, decide
from workbench.statistics.pair_reader import expand_pairs
from workbench.statistics.preferences.consensus import consensuses
from workbench.statistics.preferences.label_model import LabelModel

MEASURES = ("with_ties", "decisive", "alpha_nominal", "alpha_ordinal")
USUAL_AGREEMENT = 0.73
"""InstructGPT's annotators (Ouyang et al. 2022, section 3.4): assumed where nobody has overlapped yet."""


@dataclass(frozen=True, kw_only=True)
class PlannedVotes:
    """What one comparison gets."""

    comparison: str
    rankings: int
    """How many it has."""
    overlap: int
    """How many it is to have."""
    priority: float
    """From 0 to 1; greater ones come first."""
    reason: str

    def to_json(self) -> dict[str, Any]:
        """A line of the plan file."""
        return {
            "comparison": self.comparison,
            "rankings": self.rankings,
            "overlap": self.overlap,
            "priority": self.priority,
            "reason": self.reason,
        }


@dataclass(frozen=True, kw_only=True)
class OverlapPlan:
    """The comparisons that get more votes, those of greatest priority first, and what was found on the way."""

    planned: tuple[PlannedVotes, ...]
    summary: dict[str, Any]

    @property
    def votes(self) -> int:
        """Rankings that the plan asks for."""
        return sum(item.overlap - item.rankings for item in self.planned)


def plannable(comparisons: Sequence[Comparison], criterion: str | None = None) -> list[Comparison]:
    """The ordinary comparisons with two different completions or more, with the rankings of one criterion.

    Adjudicated ones are settled and left out. DataError where the rankings have several criteria and none is chosen.
    """
    kept = []
    found: Counter[str] = Counter()
    for comparison in comparisons:
        if comparison.kind != "ordinary" or len({c.text for c in comparison.completions}) < 2:
            continue
        ranked = [r for r in comparison.rankings if r.outcome == "ranked"]
        found.update(r.criterion for r in ranked)
        of_it = tuple(r for r in ranked if criterion is None or r.criterion == criterion)
        if not any(r.annotator_kind == "adjudicator" for r in of_it):
            kept.append(replace(comparison, rankings=of_it))
    if criterion is None and len(found) > 1:
        raise DataError(
            f"the rankings have several criteria ({', '.join(sorted(found))}); choose one with --criterion"
        )
    if criterion is not None and found and criterion not in found:
        raise DataError(f"no ranking has the criterion '{criterion}'; there are {', '.join(sorted(found))}")
    return kept


def plan_winners(
    comparisons: Sequence[Comparison], model: LabelModel, rule: StoppingRule, budget: int | None = None
) -> OverlapPlan:
    """One more vote for each comparison whose winner is not clear, the least clear first.

    Sequential: once the votes are in, plan again. With `budget`, no more votes than that; what is left of it after one
    vote each goes round again, up to the rule's most.
    """
    _check_budget(budget)
    wanted: list[PlannedVotes] = []
    counts: Counter[str] = Counter(clear=0, unclear=0, at_most=0)
    certainty = 0.0
    for comparison, consensus in zip(comparisons, consensuses(comparisons, model), strict=True):
        decision = decide(consensus, len(comparison.rankings), rule)
        certainty += decision.probability
        if decision.wanted:
            counts["unclear"] += 1
            wanted.append(
                PlannedVotes(
                    comparison=comparison.id,
                    rankings=decision.rankings,
                    overlap=max(decision.rankings + 1, rule.at_least),
                    priority=round(1 - decision.probability, 4),
                    reason=decision.reason,
                )
            )
        else:
            counts["clear" if decision.probability >= rule.probability else "at_most"] += 1
    wanted.sort(key=lambda item: (-item.priority, item.comparison))
    planned = wanted if budget is None else _spend(wanted, budget, rule.at_most)
    summary = {
        "goal": "clear winners",
        "probability": rule.probability,
        **counts,
        "expected_accuracy": Estimate(certainty / len(comparisons), n=len(comparisons)).to_json()
        if comparisons
        else Estimate.missing("there is no comparison").to_json(),
    }
    return OverlapPlan(planned=tuple(planned), summary=summary)


def plan_agreement(
    comparisons: Sequence[Comparison],
    half_width: float,
    *,
    measure: str = "decisive",
    draws: int = 1000,
    seed: int = 0,
    budget: int | None = None,
) -> OverlapPlan:
    """A second vote for as many comparisons as bring the 95 % interval of an agreement figure to this half-width.

    Which ones is drawn at random: votes sent where annotators are unsure would make agreement look worse than it is.
    Half-widths shrink with the square root of the comparisons that two annotators share. Where none does yet, one
    independent pair a comparison and an agreement of 0.73 are assumed.
    """
    if measure not in MEASURES:
        raise ValueError(f"measure must be one of {', '.join(MEASURES)}, got {measure!r}")
    if not 0 < half_width < 1:
        raise ValueError(f"half_width must lie between 0 and 1, got {half_width}")
    _check_budget(budget)
    shared = sum(len(_annotators(c)) > 1 for c in comparisons)
    figures = panel_agreement(
        expand_pairs(comparisons), draws=draws, generator=numpy_generator(seed, "overlap")
    )
    now: Estimate = getattr(figures, measure)
    known = now.value is not None and now.low is not None and now.high is not None and now.high > now.low
    if known:
        assert now.low is not None and now.high is not None
        needed = math.ceil(shared * ((now.high - now.low) / 2 / half_width) ** 2)
    else:
        needed = math.ceil(1.96**2 * USUAL_AGREEMENT * (1 - USUAL_AGREEMENT) / half_width**2)
    more = max(needed - shared, 0)
    rng = numpy_generator(seed, "overlap", "order")
    alone = [c for c in comparisons if len(_annotators(c)) < 2]
    drawn = [alone[i] for i in rng.permutation(len(alone)).tolist()]
    # Those that have one ranking need one more; the untouched need two.
    drawn.sort(key=lambda c: len(_annotators(c)) == 0)
    planned = [
        PlannedVotes(
            comparison=c.id,
            rankings=len(c.rankings),
            overlap=len(c.rankings) + 2 - len(_annotators(c)),
            priority=1.0,
            reason=f"drawn at random for an interval of ±{half_width:g} of {measure}",
        )
        for c in drawn[:more]
    ]
    if budget is not None:
        planned = _afford(planned, budget)
    summary = {
        "goal": f"±{half_width:g} of {measure}",
        "now": now.to_json(),
        "assumed": None if known else USUAL_AGREEMENT,
        "shared": shared,
        "shared_needed": needed,
        "missing": max(more - len(planned), 0),
    }
    return OverlapPlan(planned=tuple(planned), summary=summary)


def _spend(wanted: Sequence[PlannedVotes], budget: int, most: int) -> list[PlannedVotes]:
    """One vote each in order of priority while the budget lasts, then another round."""
    given = [0] * len(wanted)
    left = budget
    while left > 0:
        before = left
        for i, item in enumerate(wanted):
            first = item.overlap - item.rankings
            cost = first if given[i] == 0 else 1
            if cost <= left and item.rankings + given[i] + cost <= max(most, item.overlap):
                given[i] += cost
                left -= cost
        if left == before:
            break
    return [
        replace(item, overlap=item.rankings + votes)
        for item, votes in zip(wanted, given, strict=True)
        if votes
    ]


def _afford(planned: Sequence[PlannedVotes], budget: int) -> list[PlannedVotes]:
    costs = np.cumsum([item.overlap - item.rankings for item in planned])
    return list(planned[: int(np.searchsorted(costs, budget, side="right"))])


def _annotators(comparison: Comparison) -> set[str]:
    return {r.annotator for r in comparison.rankings if _ranks_a_pair(r)}


def _ranks_a_pair(ranking: Ranking) -> bool:
    return sum(rank is not None for rank in ranking.ranks or ()) > 1


def _check_budget(budget: int | None) -> None:
    if budget is not None and budget < 1:
        raise ValueError(f"budget must be 1 ranking or more, got {budget}")
