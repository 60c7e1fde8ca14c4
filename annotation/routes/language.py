"""The language switch."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from annotation.access import account_of, browser_session, check_form
from annotation.language import COOKIE, DEFAULT, LANGUAGES
from storage.accounts import set_locale

router = APIRouter()
YEAR = 365 * 24 * 3600


@router.post("/language")
def choose(
    request: Request,
    language: Annotated[str, Form(max_length=20)] = DEFAULT,
    back: Annotated[str, Form(max_length=500)] = "/",
    csrf: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Remember the language with the account, and in a cookie for the pages before sign-in."""
    session = check_form(browser_session(request), csrf)
    chosen = language if language in LANGUAGES else DEFAULT
    if session.account_id is not None:
        with request.app.state.database.writing() as database:
            # A session that a changed password ended changes nothing of the account.
            if account_of(request, database, session) is not None:
                set_locale(database, session.account_id, chosen)
    response = RedirectResponse(_own_path(back), status_code=303)
    secure = request.app.state.settings.secure_cookies
    response.set_cookie(COOKIE, chosen, max_age=YEAR, httponly=True, samesite="lax", secure=secure, path="/")
    return response


def _own_path(path: str) -> str:
    """The path if it is one of this site's own, else the start page."""
    plain = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if plain else "/"
