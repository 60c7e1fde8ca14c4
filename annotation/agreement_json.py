"""The agreement report as JSON: the keys that docs/agreement.md promises."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from annotation.advice import give_advice
from annotation.enough import Enough
from annotation.reliability import Reliability
from workbench.statistics.agreement import PanelAgreement
from workbench.statistics.annotators import AnnotatorFigures
from workbench.statistics.influence import Without
from workbench.statistics.work import Pace, Span

if TYPE_CHECKING:
    from annotation.agreement import Agreement


def agreement_to_json(agreement: "Agreement") -> dict[str, Any]:
    """Every figure; nothing here is NaN."""
    slices: dict[str, dict[str, Any]] = defaultdict(dict)
    for part in agreement.slices:
        slices[part.tag][part.value] = {"counts": {"judgements": part.judgements}, **_panel(part.panel)}
    panel = _panel(agreement.panel)
    panel["alpha"] |= {f"{level}_as_stored": value for level, value in agreement.alpha_as_stored.items()}
    return {
        "source": agreement.source,
        "bootstrap": {
            "draws": agreement.draws,
            "seed": agreement.seed,
            "cluster": "prompt",
            "level": 0.95,
            "method": agreement.method,
        },
        "counts": {**agreement.counts, "annotators_by_kind": dict(agreement.annotator_kinds)},
        "simulated": agreement.annotator_kinds.get("simulated", 0) > 0,
        **panel,
        "ties": agreement.ties.to_json(),
        "position_bias": agreement.first_shown.to_json(),
        "intra_annotator": agreement.intra.to_json(),
        "kendall_tau_b": {**agreement.tau_b.to_json(), "undefined": agreement.tau_b_undefined},
        "kendall_w": {**agreement.kendall_w.to_json(), "undefined": agreement.kendall_w_undefined},
        "annotators": [
            _annotator(*parts)
            for parts in zip(
                agreement.annotators,
                agreement.reliability,
                agreement.influence.without,
                agreement.work.paces,
                strict=True,
            )
        ],
        "over_annotators": {
            "decisive_error": agreement.influence.decisive_error.to_json(),
            "alpha_error": agreement.influence.alpha_error.to_json(),
        },
        **_pairs(agreement),
        "work": {
            "by_minute": _spans(agreement.work.by_minute),
            "by_quarter": _spans(agreement.work.by_quarter),
            **({"by_minute_reason": agreement.work.no_minutes} if agreement.work.no_minutes else {}),
            **({"by_quarter_reason": agreement.work.no_quarters} if agreement.work.no_quarters else {}),
        },
        "disputes": _disputes(agreement),
        "lengths": [
            {
                "difference": part.name,
                "with_ties": part.with_ties.to_json(),
                "decisive": part.decisive.to_json(),
                "ties": part.ties.to_json(),
                "longer_wins": part.longer_wins.to_json(),
            }
            for part in agreement.lengths
        ],
        "guideline_changes": [
            {
                "before": change.before,
                "after": change.after,
                "decisive_before": change.decisive_before.to_json(),
                "decisive_after": change.decisive_after.to_json(),
                "change": change.change.to_json(),
                "rankings_under_the_older": change.old_rankings,
            }
            for change in agreement.guideline_changes
        ],
        "slices": dict(slices),
        "enough": _enough(agreement.enough),
        "advice": [
            {"kind": item.kind, "what": item.what, "why": item.why, **item.refers_to}
            for item in give_advice(agreement)
        ],
        "dropped": dict(agreement.dropped),
    }


def _panel(panel: PanelAgreement) -> dict[str, Any]:
    return {
        "raw": {
            "with_ties": panel.with_ties.to_json(),
            "decisive": panel.decisive.to_json(),
            "chance_with_ties": panel.chance_with_ties.to_json(),
            "with_ties_by_prompt": panel.by_prompt.to_json(),
            "decisive_by_prompt": panel.by_prompt_decisive.to_json(),
        },
        "alpha": {"nominal": panel.alpha_nominal.to_json(), "ordinal": panel.alpha_ordinal.to_json()},
        "gwet_ac1": panel.ac1.to_json(),
    }


def _annotator(
    figures: AnnotatorFigures, reliability: Reliability, without: Without, pace: Pace
) -> dict[str, Any]:
    return {
        "annotator": figures.judge.name,
        "kind": figures.judge.kind,
        "rankings": figures.judge.rankings,
        "skips": figures.judge.skips,
        "judgements": figures.judgements,
        "with_ties": figures.with_ties.to_json(),
        "decisive": figures.decisive.to_json(),
        "ties": figures.ties.to_json(),
        "position_bias": figures.first_shown.to_json(),
        "intra_annotator": figures.intra.to_json(),
        "reliability": reliability.follows.to_json(),
        "first_shown_adds": reliability.bias.to_json(),
        "median_seconds": figures.judge.seconds,
        "hurried": pace.hurried.to_json(),
        "drift": pace.drift.to_json(),
        "longest_streak": pace.streak,
        "streak_chance": pace.streak_chance,
        "panel_without": {
            "decisive": without.decisive,
            "alpha_nominal": without.alpha,
            "meetings": without.meetings,
        },
    }


def _pairs(agreement: "Agreement") -> dict[str, Any]:
    names = [figures.judge.name for figures in agreement.annotators]
    found: dict[str, Any] = {
        "annotator_pairs": [
            {
                "annotators": [names[pair.one], names[pair.two]],
                "with_ties": pair.with_ties.to_json(),
                "decisive": pair.decisive.to_json(),
                "cohen_kappa": pair.kappa.to_json(),
            }
            for pair in agreement.annotator_pairs
        ]
    }
    if agreement.annotator_pairs_reason:
        found["annotator_pairs_reason"] = agreement.annotator_pairs_reason
    return found


def _spans(spans: Sequence[Span]) -> list[dict[str, Any]]:
    return [
        {
            "span": span.name,
            "rankings": span.rankings,
            "decisive": span.decisive.to_json(),
            "ties": span.ties.to_json(),
            "position_bias": span.first_shown.to_json(),
            "median_seconds": span.seconds.to_json(),
        }
        for span in spans
    ]


def _disputes(agreement: "Agreement") -> dict[str, Any]:
    disputes = agreement.disputes
    return {
        "disagreements": disputes.disagreements,
        "prompts_that_met": disputes.prompts_met,
        "prompts_that_agreed": disputes.prompts_agreed,
        "with_one_tie": disputes.with_tie.to_json(),
        "prompts": [
            {
                "prompt": prompt.text,
                "comparisons": list(prompt.comparisons),
                "meetings": prompt.meetings,
                "same": prompt.same,
                "opposite": prompt.opposite,
                "one_tie": prompt.one_tie,
                "votes_on_the_most_disputed_pair": list(prompt.votes),
                "completions": list(prompt.rankings.completions),
                "rankings": [
                    {"annotator": given.annotator, "comparison": given.comparison, "ranks": list(given.ranks)}
                    for given in prompt.rankings.rankings
                ],
                "rankings_not_listed": prompt.rankings.more,
            }
            for prompt in disputes.prompts
        ],
    }


def _enough(enough: Enough) -> dict[str, Any]:
    return {
        "prompts_with_overlap": enough.prompts,
        "rankings_a_prompt": enough.rankings_a_prompt,
        "median_seconds": enough.seconds,
        "needs": {
            name: [
                {
                    "half_width": need.half_width,
                    "more_prompts": need.prompts,
                    "more_rankings": need.rankings,
                    "hours": need.hours,
                }
                for need in needs
            ]
            for name, needs in enough.needs.items()
        },
        "reward_model_ceiling": {
            "low": enough.ceiling.low.to_json(),
            "high": enough.ceiling.high.to_json(),
        },
        "majority_accuracy": {str(votes): estimate.to_json() for votes, estimate in enough.majority.items()},
    }
