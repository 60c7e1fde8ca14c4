"""Own work: what an annotator's start page says of a project they rank in."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from annotation.forms import read_settings
from annotation.hours import local_day
from storage.accounts import AccountRecord
from storage.annotators import annotator_of
from storage.projects import ProjectRecord
from storage.standing import count_mine


@dataclass(frozen=True, kw_only=True)
class OwnWork:
    """Whether a project takes rankings now, and how many the annotator has given."""

    status: str
    """open, paused, closed or outside-hours."""
    today: int
    total: int


def own_work(database: Session, account: AccountRecord, project: ProjectRecord, now: datetime) -> OwnWork:
    """The work of an account's annotator in a project."""
    settings = read_settings(project.settings)
    annotator = annotator_of(database, account.id)
    day = local_day(settings.hours, now)
    today, total = count_mine(database, project.id, annotator.id, day) if annotator else (0, 0)
    closed = settings.status == "open" and settings.hours is not None and not settings.hours.are_open(now)
    return OwnWork(status="outside-hours" if closed else settings.status, today=today, total=total)
