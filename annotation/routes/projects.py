"""Projects: what each holds, how far it has come, and how far its annotators agree."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from annotation.access import Reading, SignedIn, can_read, readable_project, visible_projects
from annotation.agreement_store import last_agreement
from annotation.own_work import own_work
from annotation.pages import render
from annotation.rights import may
from storage.progress import project_progress
from storage.projects import count_project
from storage.snapshots import list_snapshots

router = APIRouter()


@router.get("/")
def projects(request: Request, account: SignedIn, database: Reading) -> HTMLResponse:
    """The account's projects: own work in those it ranks in, progress of those it may read."""
    now = datetime.now(UTC)
    entries = [
        {
            "project": project,
            "work": own_work(database, account, project, now)
            if may(account, project.id, "annotate")
            else None,
            "progress": project_progress(database, project.id) if can_read(account, project.id) else None,
        }
        for project in visible_projects(database, account)
    ]
    return render(request, "projects.html", account=account, entries=entries)


@router.get("/projects/{name}")
def project(request: Request, name: str, account: SignedIn, database: Reading) -> HTMLResponse:
    """One project: counts, progress, snapshots and the figures of its last agreement."""
    found = readable_project(database, account, name)
    return render(
        request,
        "project.html",
        account=account,
        project=found,
        counts=count_project(database, found.id),
        progress=project_progress(database, found.id),
        snapshots=list_snapshots(database, found.id),
        agreement=last_agreement(found.id),
    )


@router.get("/projects/{name}/agreement")
def agreement(request: Request, name: str, account: SignedIn, database: Reading) -> HTMLResponse:
    """The last computed agreement of a project."""
    found = readable_project(database, account, name)
    return render(
        request, "agreement.html", account=account, project=found, agreement=last_agreement(found.id)
    )
