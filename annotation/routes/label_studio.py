"""Where Label Studio says that something changed: a hint, which asks for a pull and is otherwise not believed."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse

from annotation.access import NotFound
from annotation.api.models import RowId
from annotation.label_studio.link import hash_secret
from annotation.label_studio.sync import PULL_JOB
from annotation.sessions import same_token
from storage.jobs import enqueue, is_queued
from storage.tables import LabelStudioProject

router = APIRouter()

_PAUSE = timedelta(seconds=2)
"""Annotators come in bursts: one pull serves them all."""


@router.post("/webhooks/label-studio/{link_id}", include_in_schema=False)
def changed(
    request: Request, link_id: RowId, x_accord_secret: Annotated[str, Header(max_length=200)] = ""
) -> JSONResponse:
    """Queue a pull unless one waits already. The body is not read: it is unsigned, unordered, and may be missing."""
    payload = {"link": link_id}
    with request.app.state.database.reading() as session:
        link = session.get(LabelStudioProject, link_id)
        if link is None or not same_token(link.webhook_hash or "", hash_secret(x_accord_secret)):
            raise NotFound(f"link {link_id}")
        waits = is_queued(session, PULL_JOB, payload)
    if not waits:
        with request.app.state.database.writing() as session:
            enqueue(session, PULL_JOB, payload, now=datetime.now(UTC), delay=_PAUSE)
    return JSONResponse({"status": "queued"}, status_code=202)
