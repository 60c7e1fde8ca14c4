"""The last computed agreement of a project: kept beside the database, shown with its age."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from annotation.agreement import Agreement, measure_agreement
from annotation.report import agreement_page
from storage.comparisons import read_comparisons
from storage.database import Database
from storage.projects import read_project
from storage.submissions import last_submission
from workbench.artifacts import write_file_aside
from workbench.home import cache_folder


@dataclass(frozen=True, kw_only=True)
class StoredAgreement:
    """A report as it was computed, and when."""

    computed_at: datetime
    last_submission: int | None
    """The greatest id of a submission that was there; None in reports that did not say."""
    figures: dict[str, Any]
    """As `accord agreement --json` prints them."""
    fragment: str
    """The page's content as HTML; made by us from escaped text."""


def refresh_agreement(
    database: Database,
    project_id: int,
    *,
    by: Sequence[str] = (),
    draws: int = 1000,
    seed: int = 0,
    method: str = "percentile",
) -> Agreement:
    """Measure a project's agreement from what it holds now and keep it for the service's page; a job may call this.

    Two at once do no harm: the file of the last to finish stands.
    """
    with database.reading() as session:
        name = read_project(session, project_id).name
        began, last = datetime.now(UTC), last_submission(session)
        comparisons = read_comparisons(session, project_id, bare=True)
        agreement = measure_agreement(comparisons, source=name, by=by, draws=draws, seed=seed, method=method)
    store_agreement(project_id, agreement, now=began, last=last)
    return agreement


def store_agreement(project_id: int, agreement: Agreement, *, now: datetime, last: int | None = None) -> Path:
    """Keep a project's report as the last computed; returns the file. One file, so it is never half new."""
    record = {
        "computed_at": now.astimezone(UTC).isoformat(),
        "last_submission": last,
        "figures": agreement.to_json(),
        "fragment": agreement_page(agreement).to_fragment(),
    }
    target = _file(project_id)
    with write_file_aside(target) as file:
        file.write(json.dumps(record, ensure_ascii=False, allow_nan=False).encode())
    return target


def last_agreement(project_id: int) -> StoredAgreement | None:
    """The last computed report of a project; None if there is none yet."""
    target = _file(project_id)
    if not target.is_file():
        return None
    record = json.loads(target.read_text(encoding="utf-8"))
    return StoredAgreement(
        computed_at=datetime.fromisoformat(record["computed_at"]),
        last_submission=record.get("last_submission"),
        figures=record["figures"],
        fragment=record["fragment"],
    )


def _file(project_id: int) -> Path:
    return cache_folder() / "agreement" / f"{project_id}.json"
