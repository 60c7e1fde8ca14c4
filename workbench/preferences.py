"""Preference data of a trainer: a snapshot, or a plain file that is frozen into one first."""

from dataclasses import dataclass
from pathlib import Path

from workbench.errors import DataError
from workbench.records import Comparison
from workbench.selection import LabelFilter, SplitRule
from workbench.snapshots import Snapshot, open_snapshot, snapshot_from_file


@dataclass(frozen=True, kw_only=True)
class PreferenceData:
    """The comparisons that a trainer learns from and those it is judged by."""

    train: list[Comparison]
    validation: list[Comparison]
    snapshot: Snapshot

    @property
    def tags(self) -> dict[str, object]:
        """What a checkpoint's lineage says of the labels."""
        manifest = self.snapshot.manifest
        kinds = sorted({annotator["kind"] for annotator in manifest["annotators"]})
        tags: dict[str, object] = {"annotator_kinds": kinds, "criteria": sorted(manifest["criteria"])}
        if manifest["includes_evaluation"]:
            tags["includes_evaluation"] = True
        return tags


def open_preferences(
    reference: str, *, criterion: str | None = None, validation_fraction: float = 0.1, salt: str = ""
) -> PreferenceData:
    """The comparisons of a snapshot (a folder or the start of its hash) or of a comparisons.jsonl(.gz).

    A file is frozen into a snapshot in the home first, so that a checkpoint's lineage names exactly what it learned
    from; `criterion`, `validation_fraction` and `salt` say how. A snapshot has its own, and refuses another criterion.
    """
    if Path(reference).is_file():
        snapshot = snapshot_from_file(
            reference,
            labels=LabelFilter(criterion=criterion),
            splits=SplitRule(validation=validation_fraction, test=0.0),
            salt=salt,
        )
    else:
        snapshot = open_snapshot(reference)
        criteria = sorted(snapshot.manifest["criteria"])
        if criterion is not None and criteria != [criterion]:
            raise DataError(
                f"snapshot {reference} holds labels for {', '.join(criteria)}, not for '{criterion}' alone. "
                f"Make one with 'accord snapshot create --criterion {criterion}'"
            )
    return PreferenceData(
        train=list(snapshot.comparisons("train")),
        validation=list(snapshot.comparisons("validation")),
        snapshot=snapshot,
    )
