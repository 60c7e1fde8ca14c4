"""A project's webhooks: who is told of what, and whether it arrives."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from annotation.access import Posting, Reading, SignedIn, project_for
from annotation.api.models import RowId
from annotation.language import told, words_for
from annotation.pages import address_of, render
from annotation.webhooks import check_url, secret_of
from storage.accounts import AccountRecord
from storage.hooks import EVENTS, add_webhook, list_webhooks, remove_webhook
from storage.projects import ProjectRecord
from storage.tables import utc_now
from workbench.errors import DataError

router = APIRouter()


@router.get("/projects/{name}/webhooks")
def webhooks(request: Request, name: str, account: SignedIn, database: Reading) -> HTMLResponse:
    """All webhooks with their secrets and what waits."""
    return _page(request, account, project_for(database, account, name, "lead"))


@router.post("/projects/{name}/webhooks")
def add(
    request: Request,
    name: str,
    account: Posting,
    database: Reading,
    url: Annotated[str, Form(max_length=1000)] = "",
    events: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Tell another address."""
    project = project_for(database, account, name, "lead")
    try:
        checked = check_url(request.app.state.settings, url)
        with request.app.state.database.writing() as session:
            add_webhook(session, project.id, checked, events or [], actor=f"account:{account.id}")
    except DataError as error:
        return _page(
            request, account, project, url=url, problem=told(error, words_for(request, account)), status=422
        )
    return RedirectResponse(address_of(project, "webhooks"), status_code=303)


@router.post("/projects/{name}/webhooks/{webhook_id}/remove")
def remove(request: Request, name: str, webhook_id: RowId, account: Posting, database: Reading) -> Response:
    """Tell it nothing more."""
    project = project_for(database, account, name, "lead")
    with request.app.state.database.writing() as session:
        remove_webhook(session, project.id, webhook_id, now=utc_now(), actor=f"account:{account.id}")
    return RedirectResponse(address_of(project, "webhooks"), status_code=303)


def _page(
    request: Request,
    account: AccountRecord,
    project: ProjectRecord,
    *,
    url: str = "",
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    settings = request.app.state.settings
    with request.app.state.database.reading() as session:
        hooks = list_webhooks(session, project.id)
    return render(
        request,
        "webhooks.html",
        account=account,
        status=status,
        project=project,
        hooks=[(hook, secret_of(settings, hook)) for hook in hooks],
        events=EVENTS,
        url=url,
        problem=problem,
    )
