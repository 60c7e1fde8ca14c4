"""Freezing: a project's labels made into a snapshot as a form asked for it, at once or by the worker."""

from collections.abc import Collection, Mapping
from typing import Any

from storage.database import Database
from storage.projects import read_project
from storage.snapshots import freeze_project
from workbench.errors import DataError
from workbench.selection import LabelFilter, SplitRule
from workbench.snapshots import Snapshot

SNAPSHOT_JOB = "make-snapshot"
AT_ONCE = 5000
"""Rankings of a project up to which its snapshot is made while the browser waits."""
KINDS = ("ordinary", "repeat", "gold", "qualification")
"""Evaluation is a choice of its own."""
DEFAULTS: Mapping[str, str] = {
    "criterion": "",
    "validation": f"{100 * SplitRule().validation:g}",
    "test": f"{100 * SplitRule().test:g}",
    "annotator_disjoint": "",
    "include_evaluation": "",
    **{f"kind_{kind}": "true" if kind in LabelFilter().kinds else "" for kind in KINDS},
}
"""The form before anybody has changed it."""


def read_wanted(fields: Mapping[str, str], criteria: Collection[str]) -> dict[str, Any]:
    """What the form asks for, as a job carries it; DataError where it cannot be."""
    criterion = fields.get("criterion", "")
    if len(criteria) > 1 and criterion not in criteria:
        raise DataError("the labels have more than one criterion; choose one", code="criterion")
    kinds = [kind for kind in KINDS if fields.get(f"kind_{kind}")]
    if not kinds:
        raise DataError("tick at least one kind of comparison", code="kinds")
    given = {name: fields.get(name, "").strip() for name in ("validation", "test")}
    try:
        shares = {name: float(text) / 100 for name, text in given.items()}
        SplitRule(validation=shares["validation"], test=shares["test"])
    except ValueError as error:
        raise DataError(str(error), code="shares", **given) from error
    return {
        "criterion": criterion or None,
        "kinds": kinds,
        "include_evaluation": bool(fields.get("include_evaluation")),
        "annotator_disjoint": bool(fields.get("annotator_disjoint")),
        **shares,
    }


def freeze(database: Database, payload: Mapping[str, Any]) -> Snapshot:
    """Make the snapshot that a payload of `read_wanted`, with `project` and `actor`, asks for."""
    with database.reading() as session:
        project = read_project(session, int(payload["project"]))
    return freeze_project(
        database,
        project,
        labels=LabelFilter(
            criterion=payload["criterion"],
            kinds=tuple(payload["kinds"]),
            include_evaluation=payload["include_evaluation"],
        ),
        splits=SplitRule(
            validation=payload["validation"],
            test=payload["test"],
            annotator_disjoint=payload["annotator_disjoint"],
        ),
        actor=payload["actor"],
    )
