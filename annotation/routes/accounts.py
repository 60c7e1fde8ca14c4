"""The administration of accounts, for admins."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from annotation.access import Posting, SignedIn, require_admin
from annotation.api.models import RowId
from annotation.language import told, words_for
from annotation.pages import render
from annotation.passwords import hash_password
from storage.accounts import (
    AccountRecord,
    change_password,
    create_account,
    erase_account,
    list_accounts,
    set_admin,
)
from storage.projects import list_projects
from storage.tables import utc_now
from workbench.errors import DataError

router = APIRouter()

Password = Annotated[str, Form(max_length=2000)]


@router.get("/accounts")
def accounts(request: Request, account: SignedIn) -> HTMLResponse:
    """All accounts with their roles."""
    require_admin(account)
    return _page(request, account)


@router.post("/accounts")
def create(
    request: Request,
    account: Posting,
    login: Annotated[str, Form(max_length=300)] = "",
    password: Password = "",
    admin: Annotated[bool, Form()] = False,
) -> Response:
    """Make an account; its owner changes the password on their own page."""
    require_admin(account)
    try:
        password_hash = hash_password(password)
        with request.app.state.database.writing() as session:
            create_account(
                session, login.strip(), password_hash, is_admin=admin, actor=f"account:{account.id}"
            )
    except DataError as error:
        return _page(request, account, problem=told(error, words_for(request, account)), status=422)
    return RedirectResponse("/accounts", status_code=303)


@router.post("/accounts/{account_id}")
def change(
    request: Request,
    account_id: RowId,
    account: Posting,
    action: Annotated[str, Form(max_length=20)] = "",
    password: Password = "",
) -> Response:
    """Set a password, make or unmake an admin, or erase."""
    require_admin(account)
    actor = f"account:{account.id}"
    try:
        # Hashing takes long on purpose: outside the transaction.
        password_hash = hash_password(password) if action == "password" else ""
        with request.app.state.database.writing() as session:
            if action == "password":
                change_password(session, account_id, password_hash, actor=actor)
            elif action in ("admin", "no-admin"):
                set_admin(session, account_id, action == "admin", actor=actor)
            elif action == "erase":
                erase_account(session, account_id, now=utc_now(), actor=actor)
            else:
                raise DataError(f"there is no action '{action}'")
    except DataError as error:
        return _page(request, account, problem=told(error, words_for(request, account)), status=422)
    return RedirectResponse("/accounts", status_code=303)


def _page(request: Request, account: AccountRecord, *, problem: str = "", status: int = 200) -> HTMLResponse:
    with request.app.state.database.reading() as session:
        people = list_accounts(session)
        names = {project.id: project.name for project in list_projects(session)}
    return render(
        request,
        "accounts.html",
        account=account,
        status=status,
        accounts=people,
        names=names,
        problem=problem,
    )
