"""A project's snapshots, and the form that freezes its labels."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from annotation.access import Fields, Posting, Reading, SignedIn, project_for
from annotation.freezing import AT_ONCE, DEFAULTS, KINDS, SNAPSHOT_JOB, freeze, read_wanted
from annotation.language import told, words_for
from annotation.pages import address_of, render
from annotation.rights import may
from storage.accounts import AccountRecord
from storage.jobs import enqueue, latest_of_project
from storage.projects import ProjectRecord
from storage.snapshots import count_criteria, read_snapshots
from storage.tables import utc_now
from workbench.errors import DataError

router = APIRouter()


@router.get("/projects/{name}/snapshots")
def snapshots(
    request: Request,
    name: str,
    account: SignedIn,
    database: Reading,
    made: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """All snapshots with the counts of their splits; the form for those who may take labels out."""
    return _page(request, account, project_for(database, account, name, "read"), DEFAULTS, made=made)


@router.post("/projects/{name}/snapshots")
def make(request: Request, name: str, account: Posting, database: Reading, fields: Fields) -> Response:
    """Freeze the labels: at once where they are few, else by the worker."""
    project = project_for(database, account, name, "export")
    try:
        criteria = count_criteria(database, project.id)
        wanted = read_wanted(fields, criteria)
        payload = {"project": project.id, "actor": f"account:{account.id}", **wanted}
        if sum(criteria.values()) > AT_ONCE:
            with request.app.state.database.writing() as session:
                enqueue(session, SNAPSHOT_JOB, payload, now=utc_now())
            return RedirectResponse(address_of(project, "snapshots"), status_code=303)
        made = freeze(request.app.state.database, payload)
    except DataError as error:
        # A box that is not ticked is not sent: after a refused form it must not come back ticked.
        shown = dict.fromkeys(DEFAULTS, "") | {key: fields[key] for key in DEFAULTS if key in fields}
        return _page(
            request, account, project, shown, problem=told(error, words_for(request, account)), status=422
        )
    return RedirectResponse(address_of(project, f"snapshots?made={made.content_hash}"), status_code=303)


def _page(
    request: Request,
    account: AccountRecord,
    project: ProjectRecord,
    fields: Mapping[str, str],
    *,
    made: str = "",
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    with request.app.state.database.reading() as session:
        found = read_snapshots(session, project.id)
        may_make = may(account, project.id, "export")
        job = latest_of_project(session, SNAPSHOT_JOB, project.id) if may_make else None
        criteria = count_criteria(session, project.id) if may_make else {}
    return render(
        request,
        "snapshots.html",
        account=account,
        status=status,
        project=project,
        snapshots=found,
        made=next((each for each in found if each.content_hash == made), None),
        may_make=may_make,
        criteria=criteria,
        kinds=KINDS,
        fields=fields,
        job=job,
        large=AT_ONCE if sum(criteria.values()) > AT_ONCE else None,
        problem=problem,
    )
