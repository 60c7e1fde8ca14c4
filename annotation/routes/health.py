"""Health: the process lives, and it can reach its database; and the style sheet, which needs no sign-in either."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from annotation.pages import style_sheet

router = APIRouter()


@router.get("/healthz")
def healthz() -> JSONResponse:
    """The process answers."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
def readyz(request: Request) -> JSONResponse:
    """The database answers too; 503 where it does not."""
    try:
        with request.app.state.database.reading() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return JSONResponse({"status": "the database does not answer"}, status_code=503)
    return JSONResponse({"status": "ok"})


@router.get("/static/accord.css")
def style() -> Response:
    """The style sheet."""
    return Response(style_sheet(), media_type="text/css", headers={"Cache-Control": "max-age=300"})
