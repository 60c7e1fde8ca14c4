"""What needs no sign-in: the process lives, it can reach its database, and the files that every page loads."""

from importlib.resources import files

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


@router.get("/static/icon.svg")
def icon() -> Response:
    """The icon in the browser's tab."""
    drawing = files("annotation").joinpath("static/icon.svg").read_bytes()
    return Response(drawing, media_type="image/svg+xml", headers={"Cache-Control": "max-age=86400"})
