"""The API put together, with its description at /api/v1/openapi.json."""

import json
import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from annotation.api import leading, projects, submissions, tasks
from annotation.sessions import COOKIE

PREFIX = "/api/v1/"

_ERROR = {
    "description": "An error: `code` is for the program, `message` for the person behind it.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error"],
                "properties": {
                    "error": {
                        "type": "object",
                        "required": ["code", "message", "field"],
                        "properties": {
                            "code": {"type": "string"},
                            "message": {"type": "string"},
                            "field": {"type": ["string", "null"]},
                        },
                    }
                },
            }
        }
    },
}

_WAYS_IN = {
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    "token": {"type": "http", "scheme": "bearer"},
}


def add_api(app: FastAPI) -> None:
    """Add the API's routes, and the description of all that lies under /api/v1."""
    for part in (projects, tasks, submissions, leading):
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
    for entry in whole["paths"].values():
        for operation in entry.values():
            # One shape for all errors; FastAPI would describe another one, which the service never sends.
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = _ERROR
    schemas = whole.get("components", {}).pop("schemas", {})
    wanted: dict[str, Any] = {}
    frontier = _names(whole["paths"])
    while frontier:
        wanted |= {name: schemas[name] for name in frontier}
        frontier = _names(wanted) - set(wanted)
    whole.setdefault("components", {})["schemas"] = dict(sorted(wanted.items()))
    whole["components"]["securitySchemes"] = _WAYS_IN
    whole["security"] = [{name: []} for name in _WAYS_IN]
    return whole


def _names(part: Any) -> set[str]:
    return set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(part)))
