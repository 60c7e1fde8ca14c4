"""Agreement of parts: the comparisons with one value of a tag, the judgements by one criterion."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import DataError
from workbench.seeds import numpy_generator
from workbench.statistics.agreement import PanelAgreement, panel_agreement
from workbench.statistics.pairs import PairLabels

SLICE_LIMIT = 50
"""Values of a tag beyond which a slice by it is refused: it tells comparisons apart instead of grouping them."""
OWN_ACCORD = 12
"""Values up to which a tag is sliced by without being asked for."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The comparisons with one value of a tag (or one criterion)."""

    tag: str
    value: str
    judgements: int
    panel: PanelAgreement


def measure_slices(
    labels: PairLabels, by: Sequence[str], *, draws: int, seed: int, method: str
) -> list[Slice]:
    """The slices by the tags of `by`, or by every tag with 2 to 12 values where `by` is empty; and by criterion."""
    values = tag_values(labels)
    for tag in by:
        if tag not in values:
            known = ", ".join(sorted(values)) or "none"
            raise DataError(f"no comparison carries the tag '{tag}'; the tags are: {known}")
        if values[tag] > SLICE_LIMIT:
            raise DataError(
                f"tag '{tag}' has {values[tag]:,} values, at most {SLICE_LIMIT} can be slices; "
                "choose a tag that groups comparisons"
            )
    chosen = by or [tag for tag, count in values.items() if 2 <= count <= OWN_ACCORD]
    parts: list[tuple[str, str, np.ndarray[Any, np.dtype[np.bool_]]]] = []
    for tag in chosen:
        names = sorted({tags[tag] for tags in labels.tags if tag in tags})
        code = {name: i for i, name in enumerate(names)}
        column = np.array([code.get(tags.get(tag, ""), -1) if tag in tags else -1 for tags in labels.tags])
        own = column[labels.comparison]
        parts += [(tag, name, own == i) for i, name in enumerate(names)]
    if len(labels.criteria) > 1:
        criterion = labels.unit_criterion[labels.unit]
        parts += [("criterion", name, criterion == i) for i, name in enumerate(labels.criteria)]
    return [
        Slice(
            tag=tag,
            value=value,
            judgements=int(mask.sum()),
            panel=panel_agreement(
                labels.where(mask),
                draws=draws,
                generator=numpy_generator(seed, "agreement", "slice", tag, value),
                method=method,
            ),
        )
        for tag, value, mask in parts
    ]


def tag_values(labels: PairLabels) -> Mapping[str, int]:
    """The tags that comparisons with rankings carry, with their number of values."""
    values: dict[str, set[str]] = defaultdict(set)
    for tags in labels.tags:
        for tag, value in tags.items():
            values[tag].add(value)
    return {tag: len(found) for tag, found in sorted(values.items())}
