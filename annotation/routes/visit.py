"""A visit: one address that signs in one account, for trying the service on a machine of one's own."""

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from annotation.access import NotFound
from annotation.sessions import Sessions, same_token


def add_visit(app: FastAPI, *, token: str, account_id: int, password_hash: str, leads_to: str) -> None:
    """Let whoever opens /visit/<token> be that account. Only `accord serve --demo` asks for it."""
    router = APIRouter()

    @router.get("/visit/{given}")
    def visit(request: Request, given: str) -> Response:
        if not same_token(given, token):
            raise NotFound("visit")
        sessions: Sessions = request.app.state.sessions
        response = RedirectResponse(leads_to, status_code=303)
        sessions.write(response, sessions.begin(account_id, password_hash))
        return response

    app.include_router(router)
