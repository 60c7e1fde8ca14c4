"""Submissions: an annotator's own history, and the way to correct one."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Query, Request
from sqlalchemy.orm import Session

from annotation.api.callers import Caller, Calling, changing_once
from annotation.api.models import History, OwnSubmission, RowId, Task
from annotation.api.shown import draft_of, prompt_start, shown_task
from annotation.project_settings import read_settings
from annotation.rights import may
from storage.history import NoSuchSubmission, own_submission, own_submissions
from storage.leases import drop_lease, give_lease, save_draft
from storage.projects import read_project

router = APIRouter(prefix="/api/v1", tags=["submissions"])

MOST_ID = 2**63 - 1


@router.get("/projects/{project}/history")
def history(
    project: str,
    calling: Calling,
    before: int | None = Query(None, ge=1, le=MOST_ID),
    limit: int = Query(20, ge=1, le=100),
) -> History:
    """The latest revision of each of the annotator's submissions, newest first; `before` turns the page."""
    key, annotator = calling.working_in(project).id, calling.account.annotator
    if annotator is None:
        return History(submissions=[])
    with calling.database.reading() as session:
        found = own_submissions(session, key, annotator.id, before=before, limit=limit)
    return History(
        submissions=[
            OwnSubmission(
                id=submission.id,
                at=submission.at.isoformat(),
                outcome=submission.outcome,
                reason=submission.reason,
                prompt_start=prompt_start(submission.prompt),
                tiers={name: tiers for name, (tiers, _) in submission.rankings.items() if tiers is not None},
                note=submission.note,
                seconds=submission.seconds,
            )
            for submission in found
        ]
    )


@router.post("/submissions/{submission}/revise")
async def revise(submission: RowId, request: Request) -> Task:
    """The submission as a task again, in the same order; to submit it makes the next revision."""
    now = datetime.now(UTC)

    def change(session: Session, calling: Caller) -> Task:
        annotator = calling.annotator(session)
        found = own_submission(session, submission, annotator.id, lock=True)
        if not may(calling.account, found.project_id, "annotate"):
            raise NoSuchSubmission(f"you have no submission {submission}")
        project = read_project(session, found.project_id)
        settings = read_settings(project.settings)
        drop_lease(session, found.comparison_id, annotator.id)
        lease = give_lease(
            session,
            project,
            comparison_id=found.comparison_id,
            annotator_id=annotator.id,
            kind=found.kind,
            num_completions=found.num_completions,
            order=found.order,
            expires_at=now + timedelta(seconds=settings.rules.lease_seconds),
            now=now,
            revises_id=found.id,
        )
        save_draft(session, lease, draft_of(found), seconds=0.0, now=now)
        return shown_task(session, lease, settings)

    return await changing_once(request, change)
