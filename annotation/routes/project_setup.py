"""Making a project and changing what it asks, who gets what, and when: the wizard's forms."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from annotation.access import Fields, NotFound, Posting, Reading, SignedIn, project_for
from annotation.hours import DAYS
from annotation.language import told, words_for
from annotation.pages import address_of, render
from annotation.project_form import form_from_settings, settings_from_form, version_of
from annotation.project_settings import STATUSES, ProjectSettings, read_settings
from annotation.rights import may_anywhere
from annotation.shown import shown
from storage.accounts import AccountRecord, add_membership
from storage.hooks import tell
from storage.projects import ProjectRecord, create_project, lock_project, read_project, update_project
from storage.tables import utc_now
from workbench.errors import ConfigError, DataError, quoted

router = APIRouter()

LONGEST_NAME = 80


@router.get("/new-project")
def new(request: Request, account: SignedIn) -> HTMLResponse:
    """The form of a new project."""
    _require_lead(account)
    return render(request, "new_project.html", account=account, name="", description="", problem="")


@router.post("/new-project")
def create(
    request: Request,
    account: Posting,
    name: Annotated[str, Form(max_length=500)] = "",
    description: Annotated[str, Form(max_length=5000)] = "",
    criteria: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Make it, paused, with its maker as lead."""
    _require_lead(account)
    actor = f"account:{account.id}"
    try:
        settings = {"criteria": criteria or ["helpful"], "status": "paused"}
        read_settings(settings)
        with request.app.state.database.writing() as session:
            project = create_project(
                session, _check_name(name), description=description.strip(), settings=settings
            )
            add_membership(session, account.id, project.id, "lead", actor=actor)
    except (DataError, ConfigError) as error:
        return render(
            request,
            "new_project.html",
            account=account,
            status=422,
            name=name,
            description=description,
            problem=told(error, words_for(request, account)),
        )
    return RedirectResponse(address_of(project, "settings"), status_code=303)


@router.get("/projects/{name}/settings")
def settings_page(
    request: Request, name: str, account: SignedIn, database: Reading, done: str = ""
) -> HTMLResponse:
    """What the project asks, who gets what, when, and for which pay."""
    project = project_for(database, account, name, "lead")
    return _page(request, account, project, form_from_settings(read_settings(project.settings)), done=done)


@router.post("/projects/{name}/settings")
def change(request: Request, name: str, account: Posting, database: Reading, fields: Fields) -> Response:
    """Change it; what is wrong is named, and then nothing changes: so too where another lead was faster."""
    project = project_for(database, account, name, "lead")
    try:
        settings_from_form(fields, project.settings)
        with request.app.state.database.writing() as session:
            lock_project(session, project.id)
            project = read_project(session, project.id)
            if fields.get("version", "") not in ("", version_of(project.settings, project.description)):
                return _page(
                    request,
                    account,
                    project,
                    fields,
                    problem=_stale(request, account, project, fields),
                    status=409,
                )
            settings = settings_from_form(fields, project.settings)
            update_project(
                session,
                project.id,
                settings=settings,
                description=fields.get("description", "").strip(),
                actor=f"account:{account.id}",
            )
    except (ConfigError, DataError) as error:
        return _page(
            request, account, project, fields, problem=told(error, words_for(request, account)), status=422
        )
    return RedirectResponse(address_of(project, "settings") + "?done=saved", status_code=303)


@router.post("/projects/{name}/status")
def change_status(
    request: Request,
    name: str,
    account: Posting,
    database: Reading,
    status: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Open, pause or close: nobody gets a new task while it is not open; what they hold they may finish."""
    project = project_for(database, account, name, "lead")
    if status not in STATUSES:
        raise DataError(f"a project is {', '.join(STATUSES)}, got {status!r}")
    with request.app.state.database.writing() as session:
        lock_project(session, project.id)
        settings = {**read_project(session, project.id).settings, "status": status}
        update_project(session, project.id, settings=settings, actor=f"account:{account.id}")
        now = utc_now()
        subject = f"status:{now.isoformat()}"
        tell(session, project.id, "project.changed", subject, {"status": status}, now=now)
    return RedirectResponse(address_of(project), status_code=303)


def _stale(
    request: Request, account: AccountRecord, project: ProjectRecord, fields: Mapping[str, str]
) -> str:
    stored = {**form_from_settings(read_settings(project.settings)), "description": project.description}
    others = [
        name.replace("_", " ")
        for name, value in stored.items()
        if fields.get(name, "").replace("\r", "").strip() != value.strip()
    ]
    t = words_for(request, account)
    return t("refused.stale_settings", fields=", ".join(others) or "–")


def _require_lead(account: AccountRecord) -> None:
    if not may_anywhere(account, "lead"):
        raise NotFound("new project")


def _check_name(name: str) -> str:
    name = name.strip()
    if (
        not 1 <= len(name) <= LONGEST_NAME
        or "/" in name
        or "\\" in name
        or not name.isprintable()
        or name in ".."
    ):
        raise DataError(
            f"a project's name has 1 to {LONGEST_NAME} visible characters and no slash, got {quoted(name)}",
            code="project_name",
            most=LONGEST_NAME,
            name=shown(name),
        )
    return name


def _page(
    request: Request,
    account: AccountRecord,
    project: ProjectRecord,
    fields: Mapping[str, str],
    *,
    done: str = "",
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    defaults = form_from_settings(ProjectSettings())
    return render(
        request,
        "settings.html",
        account=account,
        status=status,
        project=project,
        # A box that is not ticked is not sent: after a refused form it must not come back ticked.
        fields={key: "" for key in defaults} | {"description": project.description} | dict(fields),
        days=DAYS,
        version=version_of(project.settings, project.description),
        done=done,
        problem=problem,
    )
