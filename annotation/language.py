"""Languages of the interface: one table of messages each, and which of them a request is answered in."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files

from fastapi import Request

from storage.accounts import AccountRecord

LANGUAGES = {"en": "English", "zh": "中文"}
"""By their code, each with its own name for itself."""
DEFAULT = "en"
COOKIE = "accord_language"

Translate = Callable[..., str]


@cache
def messages(language: str) -> Mapping[str, str]:
    """All messages of a language by their keys; `{name}` in a message stands for a value."""
    text = files("annotation").joinpath(f"messages/{language}.json").read_text(encoding="utf-8")
    return {
        f"{group}.{key}": message
        for group, found in json.loads(text).items()
        for key, message in found.items()
    }


def translator(language: str) -> Translate:
    """A function from a key and its values to the message."""
    table = messages(language)

    def translate(key: str, /, **values: object) -> str:
        return table[key].format_map(values) if values else table[key]

    return translate


def language_of(request: Request, account: AccountRecord | None) -> str:
    """The account's own language; before sign-in the cookie's, then what the browser asks for."""
    wanted = [account.locale] if account else [request.cookies.get(COOKIE, ""), *_accepted(request)]
    return next((language for language in wanted if language in LANGUAGES), DEFAULT)


def _accepted(request: Request) -> list[str]:
    header = request.headers.get("accept-language", "")
    return [part.split(";")[0].split("-")[0].strip().lower() for part in header.split(",")]
