"""Following an invitation: a new account, or another role for the account that is signed in."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from annotation.access import Reading, browser_session, check_form, reader_of
from annotation.language import language_of, told, words_for
from annotation.pages import render
from annotation.passwords import hash_password
from annotation.sessions import Sessions
from annotation.throttle import Throttle
from storage.invitations import accept_with_account, accept_with_new_account, find_invitation
from storage.tables import utc_now
from workbench.errors import DataError

router = APIRouter()


@router.get("/join/{token}")
def invitation(request: Request, token: str, database: Reading) -> HTMLResponse:
    """What the invitation offers, and the form to take it up."""
    return _page(request, token, database)


@router.post("/join/{token}")
def accept(
    request: Request,
    token: str,
    database: Reading,
    login: Annotated[str, Form(max_length=300)] = "",
    password: Annotated[str, Form(max_length=2000)] = "",
    again: Annotated[str, Form(max_length=2000)] = "",
    csrf: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Take it up. A new account is signed in at once, in a session of its own."""
    check_form(browser_session(request), csrf)
    account = reader_of(request, database)
    if account is not None:
        with request.app.state.database.writing() as session:
            accept_with_account(session, token, account.id, now=utc_now())
        return RedirectResponse("/", status_code=303)
    t = words_for(request, None)
    throttle: Throttle = request.app.state.address_throttle
    address = request.client.host if request.client else ""
    if not throttle.is_open(address):
        return _page(request, token, database, login=login, problem=t("refused.too_many"), status=429)
    if password != again:
        return _page(request, token, database, login=login, problem=t("refused.passwords_differ"), status=422)
    try:
        password_hash = hash_password(password)
        with request.app.state.database.writing() as session:
            account_id = accept_with_new_account(
                session,
                token,
                login.strip(),
                password_hash,
                locale=language_of(request, None),
                now=utc_now(),
            )
    except DataError as error:
        throttle.fail(address)
        return _page(request, token, database, login=login, problem=told(error, t), status=422)
    response = RedirectResponse("/", status_code=303)
    sessions: Sessions = request.app.state.sessions
    sessions.write(response, sessions.begin(account_id, password_hash))
    return response


def _page(
    request: Request,
    token: str,
    database: Reading,
    *,
    login: str = "",
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    found = find_invitation(database, token, now=utc_now())
    account = reader_of(request, database)
    if found is None:
        t = words_for(request, account)
        return render(
            request,
            "message.html",
            account=account,
            status=410,
            title=t("refused.invitation"),
            text=t("refused.invitation_text"),
        )
    session = browser_session(request)
    fresh = None
    sessions: Sessions = request.app.state.sessions
    if account is None:
        # A session of nobody for the form, as on the sign-in page.
        fresh = session = sessions.begin()
    assert session is not None
    response = render(
        request,
        "join.html",
        account=account,
        status=status,
        csrf=session.csrf,
        invitation=found,
        login=login,
        problem=problem,
    )
    if fresh is not None:
        sessions.write(response, fresh)
    return response
