"""Signing in and out."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from annotation.access import browser_session, check_form
from annotation.pages import render
from annotation.passwords import check_password, hash_password, needs_rehash
from annotation.sessions import Sessions
from annotation.throttle import Throttle
from storage.accounts import find_account, set_password_hash

router = APIRouter()


@router.get("/sign-in")
def sign_in_form(request: Request) -> HTMLResponse:
    """The form; it begins a session of nobody, whose token the form carries."""
    return _form(request, login="", problem="")


@router.post("/sign-in")
def sign_in(
    request: Request,
    login: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=2000)] = "",
    csrf: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Check the password and begin a new session; a wrong login and a wrong password look the same."""
    sessions: Sessions = request.app.state.sessions
    logins: Throttle = request.app.state.login_throttle
    addresses: Throttle = request.app.state.address_throttle
    check_form(browser_session(request), csrf)
    address = request.client.host if request.client else ""
    if not (logins.is_open(login) and addresses.is_open(address)):
        return _form(request, login=login, problem="throttled", status=429)
    with request.app.state.database.reading() as database:
        account = find_account(database, login)
    known = check_password(password, account.password_hash if account else None)
    if account is None or not known:
        logins.fail(login)
        addresses.fail(address)
        return _form(request, login=login, problem="wrong", status=401)
    password_hash = account.password_hash
    if password_hash is not None and needs_rehash(password_hash):
        password_hash = hash_password(password)
        with request.app.state.database.writing() as database:
            set_password_hash(database, account.id, password_hash)
    response = RedirectResponse("/", status_code=303)
    sessions.write(response, sessions.begin(account.id, password_hash))
    return response


@router.post("/sign-out")
def sign_out(request: Request, csrf: Annotated[str, Form(max_length=200)] = "") -> Response:
    """End the session."""
    sessions: Sessions = request.app.state.sessions
    check_form(browser_session(request), csrf)
    response = RedirectResponse("/sign-in", status_code=303)
    sessions.end(response)
    return response


def _form(request: Request, *, login: str, problem: str, status: int = 200) -> HTMLResponse:
    sessions: Sessions = request.app.state.sessions
    session = sessions.begin()
    response = render(
        request, "sign_in.html", account=None, status=status, csrf=session.csrf, login=login, problem=problem
    )
    sessions.write(response, session)
    return response
