"""The annotator's pages: ranking, own history, own questions, and the guideline."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from annotation.access import NotFound, Reading, SignedIn, browser_session, project_for
from annotation.api.shown import prompt_start
from annotation.language import language_of, script_messages
from annotation.markdown import to_html
from annotation.own_work import own_agreement
from annotation.pages import render
from annotation.rights import may
from storage.annotators import annotator_of
from storage.guidelines import current_guideline, find_guideline
from storage.history import own_submissions
from storage.projects import find_project
from storage.questions import list_questions

router = APIRouter()

HISTORY_ROWS = 30

KEY_MAP = (
    (("1", "…", "9"), "tier"),
    (("0",), "aside"),
    (("Enter",), "submit"),
    (("A", "…", "I"), "card"),
    (("←", "→"), "arrows"),
    (("Backspace",), "unplace"),
    (("U",), "undo"),
    (("S",), "skip"),
    (("M",), "flags"),
    (("N",), "note"),
    (("T",), "criterion"),
    (("X",), "both_bad"),
    (("Y",), "strength"),
    (("J", "K"), "history"),
    (("L",), "ask"),
    (("R",), "guideline"),
    (("P",), "prompt"),
    (("V",), "veil"),
    (("?",), "key_map"),
)
"""Keys of the ranking page and the message that says what each does."""


@router.get("/projects/{name}/rank")
def rank(request: Request, name: str, account: SignedIn, database: Reading) -> HTMLResponse:
    """The ranking page; its script fetches the tasks."""
    project = project_for(database, account, name, "annotate")
    session = browser_session(request)
    data = {
        "project": project.name,
        "account": account.id,
        "csrf": session.csrf if session else "",
        "messages": script_messages(language_of(request, account)),
    }
    return render(
        request,
        "rank.html",
        account=account,
        project=project,
        page_data=data,
        key_map=KEY_MAP,
        reads=may(account, project.id, "read"),
    )


@router.get("/projects/{name}/history")
def history(
    request: Request,
    name: str,
    account: SignedIn,
    database: Reading,
    before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
) -> HTMLResponse:
    """The annotator's own submissions, newest first."""
    project = project_for(database, account, name, "annotate")
    annotator = annotator_of(database, account.id)
    found = (
        own_submissions(database, project.id, annotator.id, before=before, limit=HISTORY_ROWS)
        if annotator
        else []
    )
    rows = [
        {
            "submission": one,
            "prompt": prompt_start(one.prompt),
            "orders": [tiers_in_letters(tiers) for tiers, _ in one.rankings.values() if tiers is not None],
        }
        for one in found
    ]
    older = found[-1].id if len(found) == HISTORY_ROWS else None
    return render(request, "history.html", account=account, project=project, rows=rows, older=older)


@router.get("/projects/{name}/my-questions")
def questions(request: Request, name: str, account: SignedIn, database: Reading) -> HTMLResponse:
    """What the annotator asked the lead, with the answers."""
    project = project_for(database, account, name, "annotate")
    annotator = annotator_of(database, account.id)
    found = list_questions(database, project.id, annotator_id=annotator.id) if annotator else []
    rows = [{"question": one, "prompt": prompt_start(one.prompt) if one.prompt else ""} for one in found]
    return render(request, "questions.html", account=account, project=project, rows=rows)


@router.get("/projects/{name}/my-agreement")
def my_agreement(request: Request, name: str, account: SignedIn, database: Reading) -> HTMLResponse:
    """How far the account agrees with the others; for those who may read the project's figures anyway."""
    project = project_for(database, account, name, "read")
    found = own_agreement(database, account, project)
    ranks = may(account, project.id, "annotate")
    return render(
        request, "my_agreement.html", account=account, project=project, agreement=found, ranks=ranks
    )


@router.get("/projects/{name}/guideline")
def guideline(
    request: Request, name: str, account: SignedIn, database: Reading, version: str | None = None
) -> HTMLResponse:
    """The guideline in force, or the version asked for; for everyone with a role in the project."""
    project = find_project(database, name)
    if project is None or not (account.is_admin or project.id in account.roles):
        raise NotFound(name)
    found = (
        find_guideline(database, project.id, version) if version else current_guideline(database, project.id)
    )
    if version and found is None:
        raise NotFound(version)
    shown: dict[str, Any] = {"guideline": found, "text": to_html(found.text) if found else ""}
    shown["changes"] = to_html(found.changes) if found and found.changes else ""
    ranks = may(account, project.id, "annotate")
    return render(request, "guideline.html", account=account, project=project, ranks=ranks, **shown)


def tiers_in_letters(tiers: list[int | None]) -> str:
    """Tiers in places as shown, best first, by the letters that the cards had: "B > A = C"."""
    ranked = sorted({tier for tier in tiers if tier is not None})
    together = [
        " = ".join(chr(ord("A") + place) for place, tier in enumerate(tiers) if tier == one) for one in ranked
    ]
    return " > ".join(together)
