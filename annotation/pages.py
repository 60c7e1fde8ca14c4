"""Rendering: templates with the account, the form token and the words that every page needs."""

from datetime import datetime
from functools import partial
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from annotation.access import browser_session
from annotation.ages import ago, when
from annotation.language import LANGUAGES, language_of, page_translator
from annotation.live_words import in_words
from annotation.rights import Right, may, may_anywhere
from annotation.scripts import address
from annotation.shown import shown
from storage.accounts import AccountRecord
from storage.projects import ProjectRecord
from workbench.page import style

PROJECT_PAGES: tuple[tuple[str, str, Right], ...] = (
    ("overview", "", "read"),
    ("live", "live", "read"),
    ("agreement", "agreement", "read"),
    ("snapshots", "snapshots", "read"),
    ("review", "review", "review"),
    ("data", "data", "lead"),
    ("settings", "settings", "lead"),
    ("guideline", "guidelines", "lead"),
    ("people", "members", "lead"),
    ("questions", "questions", "lead"),
    ("pay", "pay", "lead"),
    ("webhooks", "webhooks", "lead"),
)
"""Tabs of a project: the message `tab.<name>` that is its title, path below the project's, and the right it needs."""

ENVIRONMENT = Environment(
    loader=PackageLoader("annotation", "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters["number"] = "{:,}".format
ENVIRONMENT.filters["moment"] = datetime.fromisoformat
ENVIRONMENT.filters["short_of"] = shown


def render(
    request: Request,
    template: str,
    *,
    account: AccountRecord | None,
    status: int = 200,
    csrf: str | None = None,
    **values: Any,
) -> HTMLResponse:
    """A page from a template; `csrf` where the response itself begins a session."""
    session = browser_session(request)
    token = csrf if csrf is not None else (session.csrf if session else "")
    language = language_of(request, account)
    t = page_translator(language)
    text = ENVIRONMENT.get_template(template).render(
        account=account,
        csrf=token,
        ago=partial(ago, t=t),
        when=when,
        in_words=partial(in_words, t=t),
        address_of=address_of,
        script=address,
        project_pages=project_pages,
        language=language,
        languages=LANGUAGES,
        t=t,
        path=request.url.path,
        researches=account is not None and may_anywhere(account, "export"),
        **values,
    )
    return HTMLResponse(text, status_code=status)


def address_of(project: ProjectRecord, page: str = "") -> str:
    """The path of a project's page, whatever characters its name has."""
    return f"/projects/{quote(project.name, safe='')}" + (f"/{page}" if page else "")


def project_pages(project: ProjectRecord, account: AccountRecord) -> list[tuple[str, str]]:
    """The pages of a project that the account may open, by name and path, in the order of the tabs."""
    return [
        (name, address_of(project, page))
        for name, page, right in PROJECT_PAGES
        if may(account, project.id, right)
    ]


def style_sheet() -> str:
    """The reports' style and the service's own, in one file."""
    return style() + files("annotation").joinpath("static/service.css").read_text(encoding="utf-8")
