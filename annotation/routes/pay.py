"""What annotators did and what it is worth, by pseudonym."""

import csv
import io
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from annotation.access import Reading, SignedIn, project_for
from annotation.hours import local_day
from annotation.pages import render
from annotation.project_settings import Pay, read_settings
from storage.pay import Work, work_between
from storage.projects import ProjectRecord
from storage.tables import utc_now

router = APIRouter()

Day = Annotated[date | None, Query()]
DAYS = timedelta(days=29)
"""From the first day shown to the last."""


@router.get("/projects/{name}/pay")
def pay(
    request: Request, name: str, account: SignedIn, database: Reading, first: Day = None, last: Day = None
) -> HTMLResponse:
    """Counts and hours of each annotator in a span of days; by default the last 30."""
    project = project_for(database, account, name, "lead")
    begin, end = _span(project, first, last)
    rate = read_settings(project.settings).pay
    rows = [(work, worth(work, rate)) for work in _work(database, project, begin, end)]
    return render(
        request,
        "pay.html",
        account=account,
        project=project,
        rows=rows,
        rate=rate,
        total=sum(amount or 0 for _, amount in rows),
        first=begin,
        last=end,
    )


@router.get("/projects/{name}/pay.csv")
def pay_file(
    name: str, account: SignedIn, database: Reading, first: Day = None, last: Day = None
) -> Response:
    """The same as a file."""
    project = project_for(database, account, name, "lead")
    begin, end = _span(project, first, last)
    rate = read_settings(project.settings).pay
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(
        [
            "annotator",
            "first_day",
            "last_day",
            "days",
            "ranked",
            "skipped",
            "practised",
            "revised",
            "hours",
            "pay",
            "currency",
        ]
    )
    for work in _work(database, project, begin, end):
        amount = worth(work, rate)
        table.writerow(
            [
                _cell(work.annotator),
                begin,
                end,
                work.days,
                work.ranked,
                work.skipped,
                work.practised,
                work.revised,
                f"{work.seconds / 3600:.3f}",
                "" if amount is None else f"{amount:.2f}",
                _cell(rate.currency) if rate else "",
            ]
        )
    headers = {"Content-Disposition": f'attachment; filename="pay-{begin}-{end}.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def worth(work: Work, rate: Pay | None) -> float | None:
    """What the work is paid; None where the project states no pay. A skip takes time and is no ranking."""
    if rate is None:
        return None
    if rate.per_hour is not None:
        return rate.per_hour * work.seconds / 3600
    return (rate.per_ranking or 0) * work.ranked


def _work(database: Session, project: ProjectRecord, first: date, last: date) -> list[Work]:
    return work_between(database, project.id, first.isoformat(), last.isoformat())


def _span(project: ProjectRecord, first: date | None, last: date | None) -> tuple[date, date]:
    today = date.fromisoformat(local_day(read_settings(project.settings).hours, utc_now()))
    end = last or today
    return first or max(end, date.min + DAYS) - DAYS, end


def _cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
