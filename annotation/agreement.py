"""The agreement of a set of comparisons: every figure that the report shows, as values."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotation.agreement_json import agreement_to_json
from annotation.agreement_slices import Slice, measure_slices, tag_values
from annotation.enough import Enough, measure_enough
from annotation.reliability import Reliability, measure_reliability
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
from workbench.statistics.bootstrap import METHODS
from workbench.statistics.disputes import (
    Disputes,
    GuidelineChange,
    LengthClass,
    by_length,
    find_disputes,
    guideline_changes,
)
from workbench.statistics.estimates import Estimate
from workbench.statistics.influence import Influence, influence_of_annotators
from workbench.statistics.pair_reader import expand_pairs
from workbench.statistics.pairs import PairLabels
from workbench.statistics.whole_rankings import concordance_of_panels, tau_b_of_meetings
from workbench.statistics.work import Work, measure_work


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """All agreement figures of a set of comparisons."""

    source: str
    """What was measured: a project or a file."""
    draws: int
    seed: int
    method: str
    """How intervals are read off the resamples: percentile or bca."""
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
    reliability: Sequence[Reliability]
    """In the order of `annotators`."""
    influence: Influence
    work: Work
    annotator_pairs: Sequence[PairFigures]
    annotator_pairs_reason: str | None
    """Why pairs of annotators are not listed, if they are not."""
    disputes: Disputes
    lengths: Sequence[LengthClass]
    guideline_changes: Sequence[GuidelineChange]
    slices: Sequence[Slice]
    tags: Mapping[str, int]
    """Tags that the comparisons carry, with their number of values."""
    enough: Enough

    def to_json(self) -> dict[str, Any]:
        """The report as JSON; the keys are part of the interface and documented in docs/agreement.md."""
        return agreement_to_json(self)


def measure_agreement(
    comparisons: Iterable[Comparison] | PairLabels,
    *,
    source: str,
    by: Sequence[str] = (),
    draws: int = 1000,
    seed: int = 0,
    method: str = "percentile",
) -> Agreement:
    """Every agreement figure of `comparisons`, with 95 % intervals from `draws` resamples of the prompts.

    Judgements that were read from comparisons do as well. `by` names tags to slice by; without it, tags of few values
    are; several criteria are sliced by themselves. The stream must hold what counts: latest revisions, nothing
    withdrawn (a project's stream does). Raises DataError where there is nothing to measure or a tag of `by` does not
    exist.
    """
    if draws < 0:
        raise ValueError(f"bootstrap draws must be 0 or more, got {draws}")
    if method not in METHODS:
        raise ValueError(f"method must be {' or '.join(METHODS)}, got {method!r}")
    labels = comparisons if isinstance(comparisons, PairLabels) else expand_pairs(comparisons)
    if not labels.counts.get("comparisons"):
        raise DataError(f"{source} has no comparisons; agreement needs comparisons with rankings")

    def how(*part: str) -> dict[str, Any]:
        """Draws of their own for each part, so that adding one moves no other."""
        return {"draws": draws, "method": method, "generator": numpy_generator(seed, "agreement", *part)}

    units = count_units(labels)
    overlapping = units.met.sum((1, 2)) > 0
    # Half of the work, while this thread does the rest: numpy lets both go on at once.
    beside = ThreadPoolExecutor(1)
    reliability = beside.submit(measure_reliability, labels, seed=seed, overlap=bool(overlapping.any()))
    work = beside.submit(measure_work, labels, **how("work"))
    influence = beside.submit(influence_of_annotators, labels)
    lengths = beside.submit(by_length, labels, **how("lengths"))
    beside.shutdown(wait=False)  # Nothing more comes; the thread ends with its work.
    panel = panel_agreement(labels, **how("panel"))
    met = meetings(labels)
    if isinstance(met, str):
        pairs, tau, undefined = [], Estimate.missing(met), 0
    else:
        pairs = annotator_pairs(labels, met, intervals=draws > 0)
        coefficients = tau_b_of_meetings(labels, met)
        reason = "no two annotators ranked the same three completions"
        tau = coefficients.mean(labels.num_prompts, reason=reason, **how("tau"))
        undefined = coefficients.undefined
    concordance = concordance_of_panels(labels)
    annotators = annotator_figures(labels, **how("annotators"))
    return Agreement(
        source=source,
        draws=draws,
        seed=seed,
        method=method,
        counts=_counts(labels, overlapping, float(units.met.sum())),
        dropped=labels.dropped,
        annotator_kinds=Counter(judge.kind for judge in labels.judges),
        panel=panel,
        alpha_as_stored={
            level: pair_label_alpha(units, level, symmetrise=False) for level in ("nominal", "ordinal")
        },
        ties=tie_share(labels, **how("ties")),
        first_shown=position_share(labels, **how("position")),
        intra=intra_agreement(labels, **how("intra")),
        tau_b=tau,
        tau_b_undefined=undefined,
        kendall_w=concordance.mean(
            labels.num_prompts,
            reason="no three annotators ranked the same three completions",
            **how("concordance"),
        ),
        kendall_w_undefined=concordance.undefined,
        annotators=annotators,
        annotator_pairs=pairs,
        annotator_pairs_reason=met if isinstance(met, str) else None,
        disputes=find_disputes(labels),
        guideline_changes=guideline_changes(labels, **how("guidelines")),
        slices=measure_slices(labels, by, draws=draws, seed=seed, method=method),
        tags=tag_values(labels),
        enough=measure_enough(labels, panel, annotators),
        reliability=reliability.result(),
        work=work.result(),
        influence=influence.result(),
        lengths=lengths.result(),
    )


def _counts(
    labels: PairLabels, overlapping: np.ndarray[Any, np.dtype[np.bool_]], ordered_meetings: float
) -> dict[str, int]:
    return {
        "comparisons": labels.counts.get("comparisons", 0),
        "comparisons_without_rankings": labels.counts.get("comparisons_without_rankings", 0),
        "empty_completions": labels.counts.get("empty_completions", 0),
        "rankings": labels.counts.get("rankings", 0),
        "skips": labels.counts.get("skips", 0),
        "annotators": len(labels.judges),
        "prompts": labels.num_prompts,
        "judgements": len(labels),
        "units": len(overlapping),
        "units_with_overlap": int(overlapping.sum()),
        "meetings": round(ordered_meetings / 2),
    }
