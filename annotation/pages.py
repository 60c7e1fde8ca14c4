"""Rendering: templates with the account, the form token and the words that every page needs."""

from importlib.resources import files
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from annotation.access import browser_session
from annotation.ages import age
from annotation.language import LANGUAGES, language_of, translator
from annotation.live_words import in_words
from annotation.rights import Right, may, may_anywhere
from storage.accounts import AccountRecord
from storage.projects import ProjectRecord
from workbench.page import style

PROJECT_PAGES: tuple[tuple[str, str, Right], ...] = (
    ("Overview", "", "read"),
    ("Live", "live", "read"),
    ("Agreement", "agreement", "read"),
    ("Review", "review", "review"),
    ("Data", "data", "lead"),
    ("Settings", "settings", "lead"),
    ("Guideline", "guidelines", "lead"),
    ("People", "members", "lead"),
    ("Questions", "questions", "lead"),
    ("Work and pay", "pay", "lead"),
    ("Webhooks", "webhooks", "lead"),
)
"""Tabs of a project: title, path below the project's, and the right that it needs."""

ENVIRONMENT = Environment(
    loader=PackageLoader("annotation", "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


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
    text = ENVIRONMENT.get_template(template).render(
        account=account,
        csrf=token,
        age=age,
        in_words=in_words,
        address_of=address_of,
        project_pages=project_pages,
        language=language,
        languages=LANGUAGES,
        t=translator(language),
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
        (title, address_of(project, page))
        for title, page, right in PROJECT_PAGES
        if may(account, project.id, right)
    ]


def style_sheet() -> str:
    """The reports' style and the service's own, in one file."""
    return style() + files("annotation").joinpath("static/service.css").read_text(encoding="utf-8")
