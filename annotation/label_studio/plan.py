"""The plan of a push: how each comparison is shown, drawn once, and which of them the server has."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from annotation.label_studio.tasks import Shown, draw, fits, key_of, task_data
from storage.database import Database
from storage.label_studio import (
    comparisons_by_record,
    comparisons_without_task,
    get_link,
    tasks_by_key,
    unsent_tasks,
)
from storage.projects import lock_project
from storage.tables import LabelStudioProject, LabelStudioTask

_BATCH = 250


def make_plan(database: Database, link_id: int) -> int:
    """Draw how each new comparison is shown; returns how many the layout cannot show."""
    left_out = 0
    with database.writing() as session:
        link = get_link(session, link_id)
        lock_project(session, link.project_id)
        for page in comparisons_without_task(session, link):
            for comparison_id, comparison in page:
                if not fits(comparison, link.layout):
                    left_out += 1
                    continue
                shown = draw(comparison, link.seed)
                session.add(
                    LabelStudioTask(
                        link_id=link_id,
                        comparison_id=comparison_id,
                        key=shown.key,
                        order=list(shown.order),
                        item_ids=list(shown.item_ids),
                    )
                )
            session.flush()
    return left_out


def find_sent(database: Database, link_id: int, tasks: Any) -> int:
    """Mark the planned tasks that the server turns out to have; returns how many."""
    numbers = {key: int(task["id"]) for task in tasks if (key := key_of(task))}
    with database.reading() as session:
        missing = {task.key for task in unsent_tasks(session, link_id)}
    found = {key: number for key, number in numbers.items() if key in missing}
    mark_sent(database, link_id, found)
    return len(found)


def next_batch(database: Database, link_id: int) -> dict[str, dict[str, Any]]:
    """The next batch to send, by key."""
    with database.reading() as session:
        link = get_link(session, link_id)
        rows = unsent_tasks(session, link_id)[:_BATCH]
        return {key: {"data": data} for key, data in tasks_of(session, link, rows).items()}


def tasks_of(
    session: Session, link: LabelStudioProject, rows: Sequence[LabelStudioTask]
) -> dict[str, dict[str, Any]]:
    """The data of planned tasks, by key."""
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        comparisons = comparisons_by_record(session, link.project_id, [row.comparison_id for row in part])
        for row in part:
            shown = Shown(key=row.key, order=tuple(row.order), item_ids=tuple(row.item_ids))
            found[row.key] = task_data(comparisons[row.comparison_id], shown, link.layout)
    return found


def mark_sent(database: Database, link_id: int, numbers: Mapping[str, int]) -> None:
    """Write down the numbers that the server gave to tasks, by key."""
    with database.writing() as session:
        for key, task in tasks_by_key(session, link_id, numbers).items():
            task.number = numbers[key]
