"""The API put together, with its description at /api/v1/openapi.json."""

import json
import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from annotation.api import projects, submissions, tasks

PREFIX = "/api/v1/"


def add_api(app: FastAPI) -> None:
    """Add the API's routes, and the description of all that lies under /api/v1."""
    for part in (projects, tasks, submissions):
        app.include_router(part.router)

    @app.get("/api/v1/openapi.json", include_in_schema=False)
    def openapi() -> JSONResponse:
        return JSONResponse(describe(app))


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description of every route under /api/v1; the pages' own forms are left out."""
    whole = get_openapi(
        title="Accord",
        version="1",
        description="What the pages of the labeling service do, for programs.",
        routes=app.routes,
    )
    whole["paths"] = {path: entry for path, entry in whole["paths"].items() if path.startswith(PREFIX)}
    schemas = whole.get("components", {}).pop("schemas", {})
    wanted: dict[str, Any] = {}
    frontier = _names(whole["paths"])
    while frontier:
        wanted |= {name: schemas[name] for name in frontier}
        frontier = _names(wanted) - set(wanted)
    whole.setdefault("components", {})["schemas"] = dict(sorted(wanted.items()))
    return whole


def _names(part: Any) -> set[str]:
    return set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(part)))
