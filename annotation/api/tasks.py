"""Tasks: get the next, keep it, draft it, answer or skip it, ask about it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from fastapi import APIRouter, HTTPException, Response
from sqlalchemy.orm import Session

from annotation.answers import read_answer, read_skip
from annotation.api.callers import Caller, Calling, IdempotencyKey, Working
from annotation.api.models import (
    Asked,
    DraftBody,
    Expiry,
    Mine,
    Next,
    NextBody,
    QuestionBody,
    SkipBody,
    SubmitBody,
    Submitted,
)
from annotation.api.shown import shown_task, submitted
from annotation.forms import Form, ProjectSettings, read_settings
from annotation.hours import local_day
from annotation.rights import may
from storage.annotators import AnnotatorRecord
from storage.answering import Answer, Written, find_written, write_answer
from storage.assignment import Nothing, next_lease
from storage.leases import LeaseRecord, NoSuchTask, find_lease, renew, save_draft
from storage.questions import ask
from storage.standing import lock_standing
from storage.votes import policy_is_new
from storage.voting import put_policy_in_force
from workbench.errors import quoted

router = APIRouter(prefix="/api/v1", tags=["tasks"])

LONGEST_DRAFT = 256 * 1024


@router.post("/projects/{project}/tasks/next")
def next_task(work: Working, body: NextBody) -> Next:
    """The next task of the project for this annotator, or the reason why there is none."""
    now = datetime.now(UTC)
    settings, project, annotator = work.settings, work.project, work.annotator
    with work.caller.database.writing() as session:
        if policy_is_new(project, settings.policy):
            put_policy_in_force(session, project.id)
        standing = lock_standing(session, project.id, annotator.id, local_day(settings.hours, now))
        found = _closed(settings, now) or next_lease(
            session, project, annotator, settings.rules, standing, exclude=body.exclude, now=now
        )
        mine = Mine(today=standing.today, total=standing.submissions, left=max(standing.left, 0))
        if isinstance(found, LeaseRecord):
            return Next(task=shown_task(session, found, settings), reason=None, mine=mine)
    if found.reason == "nothing-left":
        mine.left = 0
    return Next(task=None, reason=found.reason, mine=mine)  # type: ignore[arg-type] # one of the model's words


@router.post("/tasks/{task}/heartbeat")
def heartbeat(task: str, calling: Calling) -> Expiry:
    """Keep the task; 410 where it ran out and others have it."""
    now = datetime.now(UTC)
    annotator = calling.annotator()
    with calling.database.writing() as session:
        lease = _own_lease(session, calling, annotator, task)
        until = renew(session, lease, seconds=read_settings(lease.settings).rules.lease_seconds, now=now)
    return _expiry(until)


@router.put("/tasks/{task}/draft")
def draft(task: str, calling: Calling, body: DraftBody) -> Expiry:
    """Keep unsent work, and the task with it. The draft is kept even where the task is lost."""
    now = datetime.now(UTC)
    size = len(json.dumps(body.content, ensure_ascii=False).encode())
    if size > LONGEST_DRAFT:
        raise HTTPException(413, f"The draft has {size} bytes, and {LONGEST_DRAFT} at most are kept.")
    annotator = calling.annotator()
    with calling.database.writing() as session:
        lease = _own_lease(session, calling, annotator, task)
        save_draft(session, lease, body.content, seconds=body.seconds, now=now)
        until = renew(session, lease, seconds=read_settings(lease.settings).rules.lease_seconds, now=now)
    return _expiry(until)


@router.post("/tasks/{task}/submit", status_code=201)
def submit(
    task: str, calling: Calling, body: SubmitBody, key: IdempotencyKey, response: Response
) -> Submitted:
    """Send the ranking; the same key again gives the same answer (200) and changes nothing."""
    return _answer(calling, task, key, lambda form, lease: read_answer(body, form, lease), response)


@router.post("/tasks/{task}/skip", status_code=201)
def skip(task: str, calling: Calling, body: SkipBody, key: IdempotencyKey, response: Response) -> Submitted:
    """Send a reason instead of a ranking; the comparison goes to others and does not come back."""
    return _answer(calling, task, key, lambda form, lease: read_skip(body, form, lease), response)


@router.post("/tasks/{task}/question", status_code=201)
def question(task: str, calling: Calling, body: QuestionBody) -> Asked:
    """Ask the lead about this task; the task stays."""
    now = datetime.now(UTC)
    annotator = calling.annotator()
    with calling.database.writing() as session:
        lease = _own_lease(session, calling, annotator, task)
        found = ask(session, lease.project_id, annotator.id, lease.comparison_id, body.text, now=now)
    return Asked(question=found)


def _answer(
    calling: Caller,
    task: str,
    key: str,
    read: Callable[[Form, LeaseRecord], Answer],
    response: Response,
) -> Submitted:
    now = datetime.now(UTC)
    annotator = calling.annotator()
    with calling.database.writing() as session:
        written = find_written(session, annotator.id, task, key)
        if written is None:
            written = _write(session, calling, annotator, task, key, read, now)
        if not written.is_new:
            response.status_code = 200
        return submitted(session, written)


def _write(
    session: Session,
    calling: Caller,
    annotator: AnnotatorRecord,
    task: str,
    key: str,
    read: Callable[[Form, LeaseRecord], Answer],
    now: datetime,
) -> Written:
    try:
        lease = _own_lease(session, calling, annotator, task)
    except NoSuchTask:
        # The same request may have come twice at once, and the other one was first.
        written = find_written(session, annotator.id, task, key)
        if written is None:
            raise
        return written
    settings = read_settings(lease.settings)
    return write_answer(
        session,
        lease,
        read(settings.form, lease),
        annotator=annotator,
        key=key,
        day=local_day(settings.hours, now),
        now=now,
    )


def _own_lease(session: Session, calling: Caller, annotator: AnnotatorRecord, task: str) -> LeaseRecord:
    lease = find_lease(session, task, annotator.id, lock=True)
    if not may(calling.account, lease.project_id, "annotate"):
        raise NoSuchTask(f"task {quoted(task, 60)} is of a project in which you no longer rank")
    return lease


def _expiry(until: datetime | None) -> Expiry:
    if until is None:
        raise NoSuchTask(
            "your time for this task ran out and others are ranking it; your draft is kept, take the next task"
        )
    return Expiry(expires_at=until.isoformat())


def _closed(settings: ProjectSettings, now: datetime) -> Nothing | None:
    if settings.status != "open":
        return Nothing(reason="paused" if settings.status == "paused" else "nothing-left")
    if settings.hours is not None and not settings.hours.are_open(now):
        return Nothing(reason="outside-hours")
    return None
