"""Measuring disputes: comparisons against the threshold that their project's settings name."""

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from annotation.project_settings import read_settings
from storage.database import Database
from storage.disagreement import measure_disputes, settings_of, withdrawn_from
from storage.tables import utc_now

_BATCH = 500
"""Comparisons that are measured in one transaction."""


def measure(session: Session, found: Mapping[int, Sequence[int]]) -> None:
    """Measure comparisons, given by project."""
    settings = settings_of(session, list(found))
    thresholds = {key: read_settings(value).review_threshold for key, value in settings.items()}
    for keys in found.values():
        measure_disputes(session, keys, thresholds, now=utc_now())


def measure_withdrawn(database: Database, first: int, last: int) -> None:
    """Measure what the withdrawals of these ids took rankings from."""
    with database.reading() as session:
        found = withdrawn_from(session, first, last)
    for project_id, keys in found.items():
        for start in range(0, len(keys), _BATCH):
            with database.writing() as session:
                measure(session, {project_id: keys[start : start + _BATCH]})
