"""The labels of a training run seen through a label model: fitted on the train split, kept in the run folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.artifacts import write_file_aside
from workbench.console import say
from workbench.records import Comparison
from workbench.runs import Run
from workbench.statistics.preferences.label_model import LabelModel, fit_label_model

FILE = "label_model.json"


@dataclass(frozen=True, kw_only=True)
class TrainLabels:
    """What `prepare_rankings` takes for the train split, and what the run says of it."""

    soft: LabelModel | None = None
    """Gives soft labels; None: rankings as they are."""
    weights: Mapping[str, float] | None = None
    """Of annotators; None: equal."""
    summary: Mapping[str, Any] | None = None
    """For report.json and the checkpoint; None where no model was fitted."""

    @property
    def note(self) -> dict[str, Any]:
        """The summary under its key, or nothing."""
        return {"label_model": dict(self.summary)} if self.summary else {}


def train_labels(
    comparisons: Sequence[Comparison], *, label_model: str, annotator_weights: str, seed: int, run: Run
) -> TrainLabels:
    """Fit what the settings ask for on the train split; the whole model goes to label_model.json in the run folder.

    `label_model` davidson or crowdbt turns rankings into soft labels; `annotator_weights` crowdbt weighs them.
    """
    kind = label_model if label_model != "none" else "crowdbt" if annotator_weights == "crowdbt" else None
    if kind is None:
        return TrainLabels()
    model = fit_label_model(comparisons, kind, seed=seed)
    weights = model.weights()
    record = model.to_json()
    for name, weight in weights.items():
        record["annotators"][name]["weight"] = weight
    with write_file_aside(run.folder / FILE) as file:
        file.write((json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())
    use = "soft labels" if label_model != "none" else "annotator weights"
    summary = {key: record[key] for key in ("kind", "spread", "tie", "pairs")} | {
        "use": use,
        "annotators": len(weights),
    }
    say(f"label model {kind}: {use} from {model.pairs} pairs of the train split; see {run.folder / FILE}")
    if label_model != "none":
        return TrainLabels(soft=model, summary=summary)
    return TrainLabels(weights=weights, summary=summary)
