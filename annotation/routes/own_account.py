"""One's own account: password, tokens for scripts, and leaving."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from annotation.access import Posting, Reading, SignedIn
from annotation.api.models import RowId
from annotation.language import told, words_for
from annotation.pages import render
from annotation.passwords import check_password, hash_password
from annotation.sessions import Sessions
from annotation.throttle import Throttle
from storage.accounts import AccountRecord, change_password, erase_account
from storage.api_tokens import create_token, list_tokens, revoke_token
from storage.tables import utc_now
from workbench.errors import DataError

router = APIRouter()

Password = Annotated[str, Form(max_length=2000)]


@router.get("/account")
def own_account(request: Request, account: SignedIn, database: Reading, done: str = "") -> HTMLResponse:
    """The account's page."""
    return _page(request, account, database, done=done)


@router.post("/account/password")
def new_password(
    request: Request,
    account: Posting,
    database: Reading,
    current: Password = "",
    password: Password = "",
    again: Password = "",
) -> Response:
    """Change the password; every session that was begun with the old one ends, but this one goes on."""
    problem = _wrong_password(request, account, current)
    if not problem and password != again:
        problem = words_for(request, account)("refused.passwords_differ")
    if problem:
        return _page(request, account, database, problem=problem, status=422)
    try:
        password_hash = hash_password(password)
    except DataError as error:
        return _page(request, account, database, problem=told(error, words_for(request, account)), status=422)
    with request.app.state.database.writing() as session:
        change_password(session, account.id, password_hash, actor=f"account:{account.id}")
    response = RedirectResponse("/account?done=password", status_code=303)
    sessions: Sessions = request.app.state.sessions
    sessions.write(response, sessions.begin(account.id, password_hash))
    return response


@router.post("/account/tokens")
def new_token(
    request: Request,
    account: Posting,
    database: Reading,
    name: Annotated[str, Form(max_length=200)] = "",
    days: Annotated[int, Form(ge=0, le=3650)] = 90,
) -> HTMLResponse:
    """Make a token and show it, this once."""
    lasts = timedelta(days=days) if days else None
    try:
        with request.app.state.database.writing() as session:
            token = create_token(
                session, account.id, name, now=utc_now(), lasts=lasts, actor=f"account:{account.id}"
            )
    except DataError as error:
        return _page(request, account, database, problem=told(error, words_for(request, account)), status=422)
    return _page(request, account, database, token=token)


@router.post("/account/tokens/{token_id}/revoke")
def revoke(request: Request, account: Posting, token_id: RowId) -> Response:
    """Let a token open nothing any more."""
    with request.app.state.database.writing() as session:
        revoke_token(session, account.id, token_id, now=utc_now(), actor=f"account:{account.id}")
    return RedirectResponse("/account?done=revoked", status_code=303)


@router.post("/account/erase")
def erase(request: Request, account: Posting, database: Reading, current: Password = "") -> Response:
    """Erase the account: login, password, roles and tokens go, the labels stay under their pseudonym."""
    problem = _wrong_password(request, account, current)
    if problem:
        return _page(request, account, database, problem=problem, status=422)
    with request.app.state.database.writing() as session:
        erase_account(session, account.id, now=utc_now(), actor=f"account:{account.id}")
    response = RedirectResponse("/sign-in", status_code=303)
    sessions: Sessions = request.app.state.sessions
    sessions.end(response)
    return response


def _wrong_password(request: Request, account: AccountRecord, password: str) -> str:
    """Why the password that confirms a change is not taken; empty where it is right."""
    throttle: Throttle = request.app.state.login_throttle
    if not throttle.is_open(account.login):
        return words_for(request, account)("refused.too_many")
    if check_password(password, account.password_hash):
        return ""
    throttle.fail(account.login)
    return words_for(request, account)("refused.wrong_password")


def _page(
    request: Request,
    account: AccountRecord,
    database: Session,
    *,
    done: str = "",
    problem: str = "",
    token: str = "",
    status: int = 200,
) -> HTMLResponse:
    # Asked anew where a token was just made: the session of the request still sees the state before.
    with request.app.state.database.reading() as session:
        tokens = list_tokens(session, account.id)
    return render(
        request,
        "own_account.html",
        account=account,
        status=status,
        done=done,
        problem=problem,
        token=token,
        tokens=tokens,
    )
