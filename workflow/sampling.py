"""Sampling into a project: comparisons from a checkpoint, imported where they wait to be ranked."""

from pathlib import Path

from storage.database import open_database
from storage.importing import import_comparisons_file
from storage.projects import get_project


def check_project(project: str) -> None:
    """Raise, before anything is sampled, where there is no such project."""
    database = open_database()
    try:
        with database.writing() as session:
            get_project(session, project)
    finally:
        database.dispose()


def import_samples(path: str | Path, project: str, *, actor: str = "system") -> int:
    """Import a file that `policy.sample` wrote; returns how many comparisons were new."""
    database = open_database()
    try:
        with database.writing() as session:
            report = import_comparisons_file(
                session, get_project(session, project).id, Path(path), actor=actor
            )
    finally:
        database.dispose()
    return int(report.added["comparisons"])
