"""The scripts that pages load."""

from pathlib import PurePath

from fastapi import APIRouter, Response

from annotation.access import NotFound
from annotation.scripts import TYPES, modules, version

router = APIRouter()


@router.get("/static/rank/{wanted}/{name}")
def script(wanted: str, name: str) -> Response:
    """One file; kept by the browser where the page asked for the version that is served now."""
    content = modules().get(name)
    if content is None:
        raise NotFound(name)
    kept = "max-age=31536000, immutable" if wanted == version() else "no-store"
    return Response(content, media_type=TYPES[PurePath(name).suffix], headers={"Cache-Control": kept})
