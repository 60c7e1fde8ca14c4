"""What leads and reviewers may ask by program: live figures, pay, disputes."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query

from annotation.access import Reading, SignedIn, project_for
from annotation.live import live_figures
from annotation.project_settings import read_settings
from annotation.routes.pay import worth
from storage.disputes import list_disputes
from storage.pay import work_between
from storage.tables import utc_now

router = APIRouter(prefix="/api/v1", tags=["leading"])


@router.get("/projects/{project}/live")
def live(project: str, account: SignedIn, database: Reading) -> dict[str, Any]:
    """Progress, pace, agreement, queue and annotators, as the live page shows them."""
    return live_figures(database, project_for(database, account, project, "read"), utc_now())


@router.get("/projects/{project}/pay")
def pay(
    project: str,
    account: SignedIn,
    database: Reading,
    first: Annotated[date, Query()],
    last: Annotated[date, Query()],
) -> dict[str, Any]:
    """What each annotator did between two days, both included, and what it is worth."""
    found = project_for(database, account, project, "lead")
    rate = read_settings(found.settings).pay
    rows = work_between(database, found.id, first.isoformat(), last.isoformat())
    return {
        "currency": rate.currency if rate else None,
        "annotators": [
            {
                "annotator": work.annotator,
                "days": work.days,
                "ranked": work.ranked,
                "skipped": work.skipped,
                "practised": work.practised,
                "revised": work.revised,
                "seconds": work.seconds,
                "pay": worth(work, rate),
            }
            for work in rows
        ],
    }


@router.get("/projects/{project}/disputes")
def disputes(project: str, account: SignedIn, database: Reading) -> dict[str, Any]:
    """Open disputes, the greatest disagreement first."""
    found = project_for(database, account, project, "review")
    return {
        "disputes": [
            {
                "id": each.id,
                "comparison": each.comparison,
                "disagreement": each.disagreement,
                "labels": each.labels,
                "opened_at": each.created_at.isoformat(),
            }
            for each in list_disputes(database, found.id, account_id=account.id)
        ]
    }
