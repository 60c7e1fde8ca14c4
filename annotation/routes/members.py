"""A project's people: who has which role, and the links that invite more."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from annotation.access import NotFound, Posting, Reading, SignedIn, project_for
from annotation.api.models import RowId
from annotation.language import told, words_for
from annotation.pages import address_of, render
from storage.accounts import AccountRecord, add_membership
from storage.invitations import create_invitation, list_invitations, revoke_invitation
from storage.members import list_members, remove_membership
from storage.projects import ProjectRecord
from storage.tables import utc_now
from storage.tables.people import ROLES
from workbench.errors import DataError

router = APIRouter()

Role = Annotated[str, Form(max_length=20)]


@router.get("/projects/{name}/members")
def members(request: Request, name: str, account: SignedIn, database: Reading) -> HTMLResponse:
    """Members and open invitations."""
    return _page(request, account, project_for(database, account, name, "lead"))


@router.post("/projects/{name}/members/{member_id}")
def change_role(
    request: Request,
    name: str,
    member_id: RowId,
    account: Posting,
    database: Reading,
    role: Role = "",
    give: Annotated[bool, Form()] = False,
) -> Response:
    """Give a member another role, or take one away."""
    project = project_for(database, account, name, "lead")
    if member_id not in {member.account_id for member in list_members(database, project.id)}:
        # People come by invitation: an account that is no member is none of this lead's business.
        raise NotFound(name)
    actor = f"account:{account.id}"
    try:
        with request.app.state.database.writing() as session:
            if give:
                add_membership(session, member_id, project.id, role, actor=actor)
            else:
                remove_membership(session, member_id, project.id, role, actor=actor)
    except DataError as error:
        return _page(request, account, project, problem=told(error, words_for(request, account)), status=422)
    return RedirectResponse(address_of(project, "members"), status_code=303)


@router.post("/projects/{name}/invitations")
def invite(
    request: Request,
    name: str,
    account: Posting,
    database: Reading,
    role: Role = "annotator",
    uses: Annotated[int, Form()] = 1,
    days: Annotated[int, Form()] = 7,
) -> HTMLResponse:
    """Make a link and show it, this once."""
    project = project_for(database, account, name, "lead")
    try:
        with request.app.state.database.writing() as session:
            token = create_invitation(
                session,
                project.id,
                role,
                uses=uses,
                lasts=timedelta(days=min(days, 10_000)),
                now=utc_now(),
                actor=f"account:{account.id}",
            )
    except DataError as error:
        return _page(request, account, project, problem=told(error, words_for(request, account)), status=422)
    base = request.app.state.settings.public_url or str(request.base_url)
    return _page(request, account, project, link=f"{base.rstrip('/')}/join/{token}")


@router.post("/projects/{name}/invitations/{invitation_id}/revoke")
def revoke(
    request: Request, name: str, invitation_id: RowId, account: Posting, database: Reading
) -> Response:
    """Let nobody follow the link any more."""
    project = project_for(database, account, name, "lead")
    with request.app.state.database.writing() as session:
        revoke_invitation(session, project.id, invitation_id, now=utc_now(), actor=f"account:{account.id}")
    return RedirectResponse(address_of(project, "members"), status_code=303)


def _page(
    request: Request,
    account: AccountRecord,
    project: ProjectRecord,
    *,
    link: str = "",
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    now = utc_now()
    with request.app.state.database.reading() as session:
        people = list_members(session, project.id)
        invitations = [each for each in list_invitations(session, project.id) if each.is_open(now)]
    return render(
        request,
        "members.html",
        account=account,
        status=status,
        project=project,
        members=people,
        invitations=invitations,
        roles=ROLES,
        link=link,
        problem=problem,
    )
