"""The agreement of a set of comparisons: every figure, as values and as JSON."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import DataError
from workbench.records import Comparison
from workbench.seeds import numpy_generator
from workbench.statistics.agreement import PanelAgreement, count_units, pair_label_alpha, panel_agreement
from workbench.statistics.annotator_pairs import PairFigures, annotator_pairs, meetings
from workbench.statistics.annotators import (
    AnnotatorFigures,
    annotator_figures,
    intra_agreement,
    position_share,
    tie_share,
)
from workbench.statistics.estimates import Estimate
from workbench.statistics.pair_reader import expand_pairs
from workbench.statistics.pairs import PairLabels
from workbench.statistics.whole_rankings import concordance_of_panels, tau_b_of_meetings

SLICE_LIMIT = 50
"""Values of a tag beyond which a slice by it is refused: it tells comparisons apart instead of grouping them."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The comparisons with one value of a tag (or one criterion)."""

    tag: str
    value: str
    judgements: int
    panel: PanelAgreement


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """All agreement figures of a set of comparisons."""

    source: str
    """What was measured: a project or a file."""
    draws: int
    seed: int
    counts: Mapping[str, int]
    dropped: Mapping[str, int]
    annotator_kinds: Mapping[str, int]
    """Annotators by kind: person, imported, simulated, model."""
    panel: PanelAgreement
    alpha_as_stored: Mapping[str, float | None]
    """Alpha without symmetrisation, by level: it depends on storage order and is given for comparison only."""
    ties: Estimate
    first_shown: Estimate
    intra: Estimate
    tau_b: Estimate
    tau_b_undefined: int
    kendall_w: Estimate
    kendall_w_undefined: int
    annotators: Sequence[AnnotatorFigures]
    annotator_pairs: Sequence[PairFigures]
    annotator_pairs_reason: str | None
    """Why pairs of annotators are not listed, if they are not."""
    slices: Sequence[Slice]
    tags: Mapping[str, int]
    """Tags that the comparisons carry, with their number of values."""

    def to_json(self) -> dict[str, Any]:
        """The report as JSON; the keys are part of the interface and documented in docs/agreement.md."""
        names = [figures.judge.name for figures in self.annotators]
        slices: dict[str, dict[str, Any]] = defaultdict(dict)
        for part in self.slices:
            slices[part.tag][part.value] = {
                "counts": {"judgements": part.judgements},
                **_panel_json(part.panel),
            }
        panel = _panel_json(self.panel)
        panel["alpha"] |= {f"{level}_as_stored": value for level, value in self.alpha_as_stored.items()}
        return {
            "source": self.source,
            "bootstrap": {"draws": self.draws, "seed": self.seed, "cluster": "prompt", "level": 0.95},
            "counts": {**self.counts, "annotators_by_kind": dict(self.annotator_kinds)},
            "simulated": self.annotator_kinds.get("simulated", 0) > 0,
            **panel,
            "ties": self.ties.to_json(),
            "position_bias": self.first_shown.to_json(),
            "intra_annotator": self.intra.to_json(),
            "kendall_tau_b": {**self.tau_b.to_json(), "undefined": self.tau_b_undefined},
            "kendall_w": {**self.kendall_w.to_json(), "undefined": self.kendall_w_undefined},
            "annotators": [_annotator_json(figures) for figures in self.annotators],
            "annotator_pairs": [
                {
                    "annotators": [names[pair.one], names[pair.two]],
                    "with_ties": pair.with_ties.to_json(),
                    "decisive": pair.decisive.to_json(),
                    "cohen_kappa": pair.kappa.to_json(),
                }
                for pair in self.annotator_pairs
            ],
            **(
                {"annotator_pairs_reason": self.annotator_pairs_reason} if self.annotator_pairs_reason else {}
            ),
            "slices": dict(slices),
            "dropped": dict(self.dropped),
        }


def measure_agreement(
    comparisons: Iterable[Comparison],
    *,
    source: str,
    by: Sequence[str] = (),
    draws: int = 1000,
    seed: int = 0,
) -> Agreement:
    """Every agreement figure of `comparisons`, with 95 % intervals from `draws` resamples of the prompts.

    `by` names tags to slice by; several criteria are sliced by themselves. The stream must hold what counts: latest
    revisions, nothing withdrawn (a project's stream does). Raises DataError where there is nothing to measure or a
    tag of `by` does not exist.
    """
    if draws < 0:
        raise ValueError(f"bootstrap draws must be 0 or more, got {draws}")
    labels = expand_pairs(comparisons)
    if not labels.counts.get("comparisons"):
        raise DataError(f"{source} has no comparisons; agreement needs comparisons with rankings")

    def generator(*part: str) -> np.random.Generator:
        return numpy_generator(seed, "agreement", *part)

    units = count_units(labels)
    met = meetings(labels)
    if isinstance(met, str):
        pairs, tau, undefined = [], Estimate.missing(met), 0
    else:
        pairs = annotator_pairs(labels, met, intervals=draws > 0)
        coefficients = tau_b_of_meetings(labels, met)
        reason = "no two annotators ranked the same three completions"
        tau = coefficients.mean(labels.num_prompts, draws=draws, generator=generator("tau"), reason=reason)
        undefined = coefficients.undefined
    concordance = concordance_of_panels(labels)
    overlapping = units.met.sum((1, 2)) > 0
    return Agreement(
        source=source,
        draws=draws,
        seed=seed,
        counts={
            "comparisons": labels.counts.get("comparisons", 0),
            "rankings": labels.counts.get("rankings", 0),
            "skips": labels.counts.get("skips", 0),
            "annotators": len(labels.judges),
            "prompts": labels.num_prompts,
            "judgements": len(labels),
            "units": len(overlapping),
            "units_with_overlap": int(overlapping.sum()),
            "meetings": round(float(units.met.sum()) / 2),
        },
        dropped=labels.dropped,
        annotator_kinds=Counter(judge.kind for judge in labels.judges),
        panel=panel_agreement(labels, draws=draws, generator=generator("panel")),
        alpha_as_stored={
            level: pair_label_alpha(units, level, symmetrise=False) for level in ("nominal", "ordinal")
        },
        ties=tie_share(labels, draws=draws, generator=generator("ties")),
        first_shown=position_share(labels, draws=draws, generator=generator("position")),
        intra=intra_agreement(labels, draws=draws, generator=generator("intra")),
        tau_b=tau,
        tau_b_undefined=undefined,
        kendall_w=concordance.mean(
            labels.num_prompts,
            draws=draws,
            generator=generator("concordance"),
            reason="no three annotators ranked the same three completions",
        ),
        kendall_w_undefined=concordance.undefined,
        annotators=annotator_figures(labels, draws=draws, generator=generator("annotators")),
        annotator_pairs=pairs,
        annotator_pairs_reason=met if isinstance(met, str) else None,
        slices=_slices(labels, by, draws, seed),
        tags=_tag_values(labels),
    )


def _slices(labels: PairLabels, by: Sequence[str], draws: int, seed: int) -> list[Slice]:
    values = _tag_values(labels)
    for tag in by:
        if tag not in values:
            known = ", ".join(sorted(values)) or "none"
            raise DataError(f"no comparison carries the tag '{tag}'; the tags are: {known}")
        if values[tag] > SLICE_LIMIT:
            raise DataError(
                f"tag '{tag}' has {values[tag]:,} values, at most {SLICE_LIMIT} can be slices; "
                "choose a tag that groups comparisons"
            )
    columns = {tag: [tags.get(tag) for tags in labels.tags] for tag in by}
    slices = []
    for tag, column in columns.items():
        for value in sorted({value for value in column if value is not None}):
            mask = np.array([entry == value for entry in column], bool)[labels.comparison]
            slices.append(_slice(labels, tag, value, mask, draws, seed))
    if len(labels.criteria) > 1:
        criterion = labels.unit_criterion[labels.unit]
        slices += [
            _slice(labels, "criterion", name, criterion == i, draws, seed)
            for i, name in enumerate(labels.criteria)
        ]
    return slices


def _slice(
    labels: PairLabels, tag: str, value: str, mask: np.ndarray[Any, np.dtype[np.bool_]], draws: int, seed: int
) -> Slice:
    generator = numpy_generator(seed, "agreement", "slice", tag, value)
    panel = panel_agreement(labels.where(mask), draws=draws, generator=generator)
    return Slice(tag=tag, value=value, judgements=int(mask.sum()), panel=panel)


def _tag_values(labels: PairLabels) -> dict[str, int]:
    values: dict[str, set[str]] = defaultdict(set)
    for tags in labels.tags:
        for tag, value in tags.items():
            values[tag].add(value)
    return {tag: len(found) for tag, found in sorted(values.items())}


def _panel_json(panel: PanelAgreement) -> dict[str, Any]:
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


def _annotator_json(figures: AnnotatorFigures) -> dict[str, Any]:
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
        "median_seconds": figures.judge.seconds,
    }
