"""Scripts of the ranking page, and its style: our own files, under a folder named by their content."""

import hashlib
from functools import cache
from importlib.resources import files

TYPES = {".js": "text/javascript", ".css": "text/css"}


@cache
def modules() -> dict[str, bytes]:
    """Every file by its name; read once."""
    folder = files("annotation").joinpath("static/rank")
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(tuple(TYPES))}


@cache
def version() -> str:
    """Changes with any module, so that a browser may keep each for ever and never mixes two versions."""
    whole = hashlib.sha256()
    for name, content in sorted(modules().items()):
        whole.update(name.encode() + b"\0" + content + b"\0")
    return whole.hexdigest()[:16]


def address(name: str) -> str:
    """Where the page finds a module; what it imports lies beside it."""
    return f"/static/rank/{version()}/{name}"
