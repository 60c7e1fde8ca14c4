"""The lead's live page, and asking for figures now."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from annotation.access import Posting, Reading, SignedIn, project_for
from annotation.jobs import AGREEMENT_JOB, FIGURES_JOB
from annotation.language import language_of, messages
from annotation.live import live_figures
from annotation.pages import address_of, render
from annotation.rights import may
from storage.accounts import AccountRecord
from storage.jobs import enqueue, is_pending
from storage.tables import utc_now

router = APIRouter()


@router.get("/projects/{name}/live")
def live(request: Request, name: str, account: SignedIn, database: Reading) -> HTMLResponse:
    """Figures as they are now; the page's script brings them up to date while it is looked at."""
    project = project_for(database, account, name, "read")
    return render(
        request,
        "live.html",
        account=account,
        project=project,
        figures=live_figures(database, project, utc_now()),
        page_data={"messages": _script_messages(request, account)},
        leads=may(account, project.id, "lead"),
    )


def _script_messages(request: Request, account: AccountRecord) -> dict[str, str]:
    """What the page's script writes anew."""
    table = messages(language_of(request, account), "leading")
    return {
        key: message for key, message in table.items() if key.partition(".")[0] in ("age", "live", "status")
    }


@router.post("/projects/{name}/refresh")
def refresh(request: Request, name: str, account: Posting, database: Reading) -> Response:
    """Ask the worker to count anew."""
    project = project_for(database, account, name, "read")
    now, payload = utc_now(), {"project": project.id}
    with request.app.state.database.writing() as session:
        for kind in (FIGURES_JOB, AGREEMENT_JOB):
            if not is_pending(session, kind, payload, now=now):
                enqueue(session, kind, payload, now=now)
    return RedirectResponse(address_of(project, "live"), status_code=303)
