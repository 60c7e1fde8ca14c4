"""Projects: what each holds, how far it has come, and how far its annotators agree."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from annotation.access import Reading, SignedIn, can_read, readable_project, visible_projects
from annotation.agreement_store import last_agreement
from annotation.own_work import own_work
from annotation.pages import render
from annotation.project_settings import read_settings
from annotation.rights import may, may_anywhere
from storage.carried import carried
from storage.guidelines import current_guideline
from storage.members import list_members
from storage.progress import Progress, votes_since
from storage.projects import ProjectRecord, has_comparisons
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
            "reads": can_read(account, project.id),
            "progress": _progress(database, project.id) if can_read(account, project.id) else None,
        }
        for project in visible_projects(database, account)
    ]
    return render(
        request, "projects.html", account=account, entries=entries, leads=may_anywhere(account, "lead")
    )


@router.get("/projects/{name}")
def project(request: Request, name: str, account: SignedIn, database: Reading) -> HTMLResponse:
    """One project: counts, progress, snapshots and the figures of its last agreement."""
    found = readable_project(database, account, name)
    known = carried(database, found.id, holdings=True)
    leads = may(account, found.id, "lead")
    return render(
        request,
        "project.html",
        account=account,
        project=found,
        state=read_settings(found.settings).status if leads else None,
        lacks=_lacks(database, found) if leads else [],
        counts=known.holdings if known else None,
        counted_at=known.counted_at if known else None,
        is_current=known.is_current if known else True,
        progress=known.progress if known else None,
        snapshots=list_snapshots(database, found.id),
        agreement=last_agreement(found.id),
    )


@router.get("/projects/{name}/agreement")
def agreement(request: Request, name: str, account: SignedIn, database: Reading) -> HTMLResponse:
    """The last computed agreement of a project, and how many rankings have come since."""
    found = readable_project(database, account, name)
    last = last_agreement(found.id)
    since = last.last_submission if last else None
    return render(
        request,
        "agreement.html",
        account=account,
        project=found,
        agreement=last,
        newer=0 if since is None else votes_since(database, found.id, since),
    )


def _progress(database: Reading, project_id: int) -> Progress | None:
    known = carried(database, project_id)
    return known.progress if known else None


def _lacks(database: Reading, project: ProjectRecord) -> list[tuple[str, str]]:
    """What a project needs before anybody can rank in it, each with the page that gives it."""
    roles = {role for member in list_members(database, project.id) for role in member.roles}
    return [
        (text, page)
        for text, page, is_missing in (
            ("Add comparisons to rank", "data", not has_comparisons(database, project.id)),
            ("Write the guideline", "guidelines", current_guideline(database, project.id) is None),
            ("Invite annotators", "members", "annotator" not in roles),
        )
        if is_missing
    ]
