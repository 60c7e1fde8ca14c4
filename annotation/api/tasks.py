"""Tasks: get the next, keep it, draft it, answer or skip it, ask about it."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from fastapi import APIRouter, HTTPException, Request, Response
from sqlalchemy.orm import Session

from annotation.answers import read_answer, read_skip
from annotation.api.callers import Caller, IdempotencyKey, changing_once
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
from annotation.forms import Form
from annotation.hours import local_day
from annotation.project_settings import ProjectSettings, read_settings
from annotation.rights import may
from storage.annotators import AnnotatorRecord
from storage.answering import Written, find_written, write_answer
from storage.answers import Answer
from storage.assignment import Nothing, next_lease
from storage.leases import LeaseRecord, NoSuchTask, find_lease, renew, save_draft
from storage.projects import ProjectRecord
from storage.questions import ask
from storage.standing import lock_standing
from storage.votes import policy_is_new
from storage.voting import put_policy_in_force
from workbench.errors import quoted

router = APIRouter(prefix="/api/v1", tags=["tasks"])

LONGEST_DRAFT = 256 * 1024


@router.post("/projects/{project}/tasks/next")
async def next_task(project: str, request: Request, body: NextBody) -> Next:
    """The next task of the project for this annotator, or the reason why there is none."""
    return await changing_once(
        request, lambda session, calling: _next(session, calling.working_in(project), calling, body.exclude)
    )


@router.post("/tasks/{task}/heartbeat")
async def heartbeat(task: str, request: Request) -> Expiry:
    """Keep the task; 410 where it ran out and others have it."""

    def change(session: Session, calling: Caller) -> datetime | None:
        return _renew(session, _own_lease(session, calling, task))

    return _expiry(await changing_once(request, change))


@router.put("/tasks/{task}/draft")
async def draft(task: str, request: Request, body: DraftBody) -> Expiry:
    """Keep unsent work, and the task with it. The draft is kept even where the task is lost."""
    size = len(json.dumps(body.content, ensure_ascii=False).encode())
    if size > LONGEST_DRAFT:
        raise HTTPException(413, f"The draft has {size} bytes, and {LONGEST_DRAFT} at most are kept.")

    def change(session: Session, calling: Caller) -> datetime | None:
        lease = _own_lease(session, calling, task)
        save_draft(session, lease, body.content, seconds=body.seconds, now=datetime.now(UTC))
        return _renew(session, lease)

    return _expiry(await changing_once(request, change))


@router.post("/tasks/{task}/submit", status_code=201)
async def submit(
    task: str, request: Request, body: SubmitBody, key: IdempotencyKey, response: Response
) -> Submitted:
    """Send the ranking; the same key again gives the same answer (200) and changes nothing."""
    return await _answer(request, task, key, lambda form, lease: read_answer(body, form, lease), response)


@router.post("/tasks/{task}/skip", status_code=201)
async def skip(
    task: str, request: Request, body: SkipBody, key: IdempotencyKey, response: Response
) -> Submitted:
    """Send a reason instead of a ranking; the comparison goes to others and does not come back."""
    return await _answer(request, task, key, lambda form, lease: read_skip(body, form, lease), response)


@router.post("/tasks/{task}/question", status_code=201)
async def question(task: str, request: Request, body: QuestionBody) -> Asked:
    """Ask the lead about this task; the task stays."""

    def change(session: Session, calling: Caller) -> int:
        lease = _own_lease(session, calling, task)
        now = datetime.now(UTC)
        return ask(session, lease.project_id, lease.annotator_id, lease.comparison_id, body.text, now=now)

    return Asked(question=await changing_once(request, change))


def _next(session: Session, project: ProjectRecord, calling: Caller, exclude: Sequence[str]) -> Next:
    now = datetime.now(UTC)
    settings, annotator = read_settings(project.settings), calling.annotator(session)
    if policy_is_new(project, settings.policy):
        put_policy_in_force(session, project.id)
    standing = lock_standing(session, project.id, annotator.id, local_day(settings.hours, now))
    found = _closed(settings, now) or next_lease(
        session, project, annotator, settings.rules, standing, exclude=exclude, now=now
    )
    mine = Mine(today=standing.today, total=standing.submissions, left=max(standing.left, 0))
    if isinstance(found, LeaseRecord):
        return Next(task=shown_task(session, found, settings), reason=None, mine=mine)
    if found.reason == "nothing-left":
        mine.left = 0
    return Next(task=None, reason=found.reason, mine=mine)  # type: ignore[arg-type] # one of the model's words


async def _answer(
    request: Request,
    task: str,
    key: str,
    read: Callable[[Form, LeaseRecord], Answer],
    response: Response,
) -> Submitted:
    def change(session: Session, calling: Caller) -> tuple[Submitted, bool]:
        annotator = calling.annotator(session)
        written = find_written(session, annotator.id, task, key)
        if written is None:
            written = _write(session, calling, annotator, task, key, read)
        return submitted(session, written), written.is_new

    answer, is_new = await changing_once(request, change)
    if not is_new:
        response.status_code = 200
    return answer


def _write(
    session: Session,
    calling: Caller,
    annotator: AnnotatorRecord,
    task: str,
    key: str,
    read: Callable[[Form, LeaseRecord], Answer],
) -> Written:
    now = datetime.now(UTC)
    try:
        lease = _own_lease(session, calling, task)
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


def _own_lease(session: Session, calling: Caller, task: str) -> LeaseRecord:
    lease = find_lease(session, task, calling.annotator(session).id, lock=True)
    if not may(calling.account, lease.project_id, "annotate"):
        raise NoSuchTask(f"task {quoted(task, 60)} is of a project in which you no longer rank")
    return lease


def _renew(session: Session, lease: LeaseRecord) -> datetime | None:
    seconds = read_settings(lease.settings).rules.lease_seconds
    return renew(session, lease, seconds=seconds, now=datetime.now(UTC))


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
