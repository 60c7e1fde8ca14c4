"""Languages of the interface: one table of messages each, and which of them a request is answered in."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files

from fastapi import Request
from markupsafe import EscapeFormatter, Markup, escape

from storage.accounts import AccountRecord
from workbench.errors import AccordError, DataError

LANGUAGES = {"en": "English", "zh": "中文"}
"""By their code, each with its own name for itself."""
DEFAULT = "en"
COOKIE = "accord_language"
PARTS = ("annotating", "leading", "refusals")
"""The files of each language: the annotators' pages, those of leads and admins, and what the service says no with."""

Translate = Callable[..., str]


@cache
def messages(language: str, *parts: str) -> Mapping[str, str]:
    """Messages of a language by their keys, all or those of some parts.

    `{name}` in one stands for a value, `{name:one|many}` for the words that go with a value of 1, or of any other.
    """
    folder = files("annotation").joinpath(f"messages/{language}")
    return {
        f"{group}.{key}": message
        for part in parts or PARTS
        for group, found in json.loads(folder.joinpath(f"{part}.json").read_text(encoding="utf-8")).items()
        for key, message in found.items()
    }


def script_messages(language: str) -> dict[str, str]:
    """What the ranking page's scripts may have to say."""
    return dict(messages(language, "annotating", "refusals"))


def translator(language: str) -> Translate:
    """A function from a key and its values to the message."""
    table = messages(language)

    def translate(key: str, /, **values: object) -> str:
        return _Filler(Markup).vformat(table[key], (), values) if values else table[key]

    return translate


def page_translator(language: str) -> Callable[..., Markup]:
    """The same for templates: the message and its values are escaped, but values that are markup stay so."""
    table = messages(language)

    def translate(key: str, /, **values: object) -> Markup:
        message = escape(table[key])
        return Markup(_Filler(escape).vformat(message, (), values)) if values else message

    return translate


def language_of(request: Request, account: AccountRecord | None) -> str:
    """The account's own language; before sign-in the cookie's, then what the browser asks for."""
    wanted = [account.locale] if account else [request.cookies.get(COOKIE, ""), *_accepted(request)]
    return next((language for language in wanted if language in LANGUAGES), DEFAULT)


def words_for(request: Request, account: AccountRecord | None) -> Translate:
    """The translator into the language of a request."""
    return translator(language_of(request, account))


def told(error: AccordError, t: Translate) -> str:
    """What an error says, in the reader's language where it has a message; else in English, as it stands."""
    if isinstance(error, DataError) and error.code is not None:
        return t(f"refused.{error.code}", **error.values)
    return str(error)


class _Filler(EscapeFormatter):
    """Fills a message in; what is no markup is escaped by the function that it was made with."""

    def format_field(self, value: object, format_spec: str) -> str:
        word = _word(value, format_spec)
        return super().format_field(value, format_spec) if word is None else word


def _word(value: object, choice: str) -> str | None:
    """Of `one|many` the words for this value, which may be a number, a figure as written, or one in an element."""
    one, bar, many = choice.partition("|")
    if not bar:
        return None
    written = value.striptags() if isinstance(value, Markup) else str(value)
    return one if written == "1" else many


def _accepted(request: Request) -> list[str]:
    header = request.headers.get("accept-language", "")
    return [part.split(";")[0].split("-")[0].strip().lower() for part in header.split(",")]
