"""Questions of a project's annotators, for its lead to answer."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from annotation.access import NotFound, Posting, Reading, SignedIn, project_for
from annotation.api.models import RowId
from annotation.api.shown import prompt_start
from annotation.pages import address_of, render
from storage.questions import answer_question, find_question, list_questions
from storage.tables import utc_now
from workbench.errors import DataError

router = APIRouter()


@router.get("/projects/{name}/questions")
def questions(request: Request, name: str, account: SignedIn, database: Reading) -> HTMLResponse:
    """Open questions first, then those that were answered."""
    project = project_for(database, account, name, "lead")
    found = sorted(list_questions(database, project.id), key=lambda one: one.answer is not None)
    rows = [(one, prompt_start(one.prompt) if one.prompt else "") for one in found]
    return render(request, "asked.html", account=account, project=project, rows=rows)


@router.post("/projects/{name}/questions/{question_id}")
def answer(
    request: Request,
    name: str,
    question_id: RowId,
    account: Posting,
    database: Reading,
    text: Annotated[str, Form(max_length=5000)] = "",
) -> Response:
    """Answer one; whoever asked sees it."""
    project = project_for(database, account, name, "lead")
    found = find_question(database, question_id)
    if found is None or found.project_id != project.id:
        raise NotFound(name)
    if not text.strip():
        raise DataError("an answer needs a text", code="empty_answer")
    with request.app.state.database.writing() as session:
        answer_question(session, question_id, text.strip(), account_id=account.id, now=utc_now())
    return RedirectResponse(address_of(project, "questions"), status_code=303)
