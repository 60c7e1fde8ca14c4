"""Writing a project's guideline: versions, what changed, and redoing the labels of an older one."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from annotation.access import Posting, Reading, SignedIn, project_for
from annotation.language import told, words_for
from annotation.markdown import to_html
from annotation.pages import address_of, render
from storage.accounts import AccountRecord
from storage.guidelines import add_guideline, current_guideline, list_guidelines
from storage.hooks import tell
from storage.projects import ProjectRecord
from storage.redoing import redo_labels
from storage.tables import utc_now
from workbench.errors import DataError

router = APIRouter()

LONGEST_GUIDELINE = 200_000


@router.get("/projects/{name}/guidelines")
def editor(request: Request, name: str, account: SignedIn, database: Reading, done: str = "") -> HTMLResponse:
    """The text in force, to change it, and all versions."""
    return _page(request, account, project_for(database, account, name, "lead"), done=done)


@router.post("/projects/{name}/guidelines")
def write(
    request: Request,
    name: str,
    account: Posting,
    database: Reading,
    text: Annotated[str, Form(max_length=LONGEST_GUIDELINE)] = "",
    changes: Annotated[str, Form(max_length=5000)] = "",
    action: Annotated[str, Form(max_length=20)] = "save",
) -> Response:
    """Put a new version in force, or show how it would look."""
    project = project_for(database, account, name, "lead")
    text = text.replace("\r\n", "\n")
    if action == "look":
        return _page(request, account, project, text=text, changes=changes)
    try:
        with request.app.state.database.writing() as session:
            version = add_guideline(session, project.id, text, changes=changes, actor=f"account:{account.id}")
            body = {"version": version, "changes": changes}
            tell(session, project.id, "guideline.changed", f"guideline:{version}", body, now=utc_now())
    except DataError as error:
        return _page(
            request,
            account,
            project,
            text=text,
            changes=changes,
            problem=told(error, words_for(request, account)),
            status=422,
        )
    return RedirectResponse(address_of(project, f"guidelines?done={version}"), status_code=303)


@router.post("/projects/{name}/redo")
def redo(
    request: Request,
    name: str,
    account: Posting,
    database: Reading,
    version: Annotated[str, Form(max_length=200)] = "",
    withdraw: Annotated[bool, Form()] = False,
) -> HTMLResponse:
    """Make new work of all that was ranked under an older version."""
    project = project_for(database, account, name, "lead")
    try:
        with request.app.state.database.writing() as session:
            made = redo_labels(session, project.id, version, withdraw=withdraw, actor=f"account:{account.id}")
    except DataError as error:
        return _page(request, account, project, problem=told(error, words_for(request, account)), status=422)
    redone = words_for(request, account)(
        "guidelines.redone_withdrawn" if made.withdrawn else "guidelines.redone",
        count=f"{made.comparisons:,}",
        withdrawn=f"{made.withdrawn:,}",
    )
    return _page(request, account, project, redone=redone)


def _page(
    request: Request,
    account: AccountRecord,
    project: ProjectRecord,
    *,
    text: str | None = None,
    changes: str = "",
    done: str = "",
    redone: str = "",
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    with request.app.state.database.reading() as session:
        current = current_guideline(session, project.id)
        versions = list_guidelines(session, project.id)
    shown = text if text is not None else current.text if current else ""
    return render(
        request,
        "guidelines.html",
        account=account,
        status=status,
        project=project,
        current=current,
        versions=versions,
        text=shown,
        look=to_html(shown) if text is not None else "",
        changes=changes,
        done=done,
        redone=redone,
        problem=problem,
    )
