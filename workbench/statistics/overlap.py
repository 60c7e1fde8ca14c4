"""Whether a comparison needs another vote: sequential stopping once its winner is clear."""

from dataclasses import dataclass, replace

import numpy as np

from workbench.records import Comparison, Ranking
from workbench.statistics.preferences.consensus import Consensus, consensus_of
from workbench.statistics.preferences.label_model import PRIOR_MODEL, LabelModel


@dataclass(frozen=True, kw_only=True)
class StoppingRule:
    """When to stop asking."""

    probability: float = 0.9
    """Stop once the probability of some completion being the best reaches this."""
    at_least: int = 1
    """Rankings that every comparison gets."""
    at_most: int = 5
    """Rankings after which it is left as it is."""

    def __post_init__(self) -> None:
        if not 0 < self.probability < 1:
            raise ValueError(f"probability must lie between 0 and 1, got {self.probability}")
        if not 0 <= self.at_least <= self.at_most:
            raise ValueError(
                f"at_least ({self.at_least}) must be 0 or more and no more than at_most ({self.at_most})"
            )


@dataclass(frozen=True, kw_only=True)
class VoteDecision:
    """Whether a comparison needs another vote, and why."""

    wanted: bool
    rankings: int
    """How many it has."""
    probability: float
    """Of its likeliest winner."""
    reason: str


def another_vote(
    comparison: Comparison, *, model: LabelModel = PRIOR_MODEL, rule: StoppingRule = StoppingRule()
) -> VoteDecision:
    """Whether `comparison`, with the rankings that it has, needs another one.

    `model` is a project's label model (`fit_label_model`), or the prior's before there is one.
    """
    if any(r.annotator_kind == "adjudicator" and r.outcome == "ranked" for r in comparison.rankings):
        count = sum(_counts(ranking) for ranking in comparison.rankings)
        return VoteDecision(wanted=False, rankings=count, probability=1.0, reason="it is adjudicated")
    if len({completion.text for completion in comparison.completions}) < 2:
        return VoteDecision(
            wanted=False,
            rankings=len(comparison.rankings),
            probability=1.0,
            reason="there is nothing to compare",
        )
    return decide(consensus_of(comparison, model), sum(_counts(r) for r in comparison.rankings), rule)


def decide(consensus: Consensus, rankings: int, rule: StoppingRule) -> VoteDecision:
    """The same for a consensus that is known, of a comparison with so many rankings."""
    clear = float(np.max(consensus.winner))

    def decision(wanted: bool, reason: str) -> VoteDecision:
        return VoteDecision(wanted=wanted, rankings=rankings, probability=clear, reason=reason)

    if rankings < rule.at_least:
        return decision(True, f"it has {rankings} of at least {rule.at_least} rankings")
    if rankings >= rule.at_most:
        return decision(False, f"it has {rankings} rankings, and {rule.at_most} is the most")
    if clear >= rule.probability:
        return decision(False, f"its winner is clear (P = {clear:.2f})")
    return decision(True, f"its winner is not clear (P = {clear:.2f}, wanted {rule.probability:g})")


def without_annotator(comparison: Comparison, annotator: str) -> Comparison:
    """The comparison without one annotator's rankings, to see what a withdrawal would reopen."""
    kept = tuple(ranking for ranking in comparison.rankings if ranking.annotator != annotator)
    return replace(comparison, rankings=kept)


def _counts(ranking: Ranking) -> bool:
    return ranking.outcome == "ranked" and ranking.annotator_kind != "adjudicator"
