"""One annotator of a project as its lead sees them: what they made, what learned from it, and taking it out."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from annotation.access import NotFound, Posting, Reading, SignedIn, project_for
from annotation.pages import address_of, render
from storage.accounts import AccountRecord
from storage.annotator_work import recent_submissions, submission_of
from storage.annotators import AnnotatorRecord, get_annotator
from storage.hooks import tell
from storage.projects import ProjectRecord
from storage.standing import find_standing, is_withdrawn
from storage.tables import utc_now
from storage.withdrawals import recall_annotator, withdraw_annotator, withdraw_sitting, withdraw_submission
from workbench.errors import DataError

router = APIRouter()


@router.get("/projects/{name}/annotators/{pseudonym}")
def annotator(
    request: Request, name: str, pseudonym: str, account: SignedIn, database: Reading, done: str = ""
) -> HTMLResponse:
    """Counters, recent submissions, and the snapshots, runs and checkpoints that hold their labels."""
    project = project_for(database, account, name, "lead")
    return _page(request, account, project, _find(database, project, pseudonym), done=done)


@router.post("/projects/{name}/annotators/{pseudonym}/withdraw")
def withdraw(
    request: Request,
    name: str,
    pseudonym: str,
    account: Posting,
    database: Reading,
    what: Annotated[str, Form(max_length=20)] = "",
    which: Annotated[str, Form(max_length=200)] = "",
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Withdraw all they made here, one sitting, or one submission; nothing is deleted."""
    project = project_for(database, account, name, "lead")
    found = _find(database, project, pseudonym)
    actor, now = f"account:{account.id}", utc_now()
    try:
        with request.app.state.database.writing() as session:
            if what == "all":
                withdraw_annotator(session, pseudonym, reason=reason, actor=actor, project_id=project.id)
            elif what == "sitting":
                withdraw_sitting(session, project.id, found.id, which, reason=reason, actor=actor)
            elif what == "submission":
                number = int(which) if which.isdigit() and len(which) < 19 else 0
                if submission_of(session, project.id, found.id, number) is None:
                    raise DataError(f"{pseudonym} has no submission {which:.30} in this project")
                withdraw_submission(session, number, reason=reason, actor=actor)
            else:
                raise DataError(f"withdraw all, a sitting or a submission, not {what!r}")
            body = {"annotator": pseudonym, "what": what, "which": which}
            tell(session, project.id, "labels.withdrawn", f"withdrawal:{now.isoformat()}", body, now=now)
    except DataError as error:
        return _page(request, account, project, found, problem=str(error), status=422)
    path = address_of(project, f"annotators/{pseudonym}?done=withdrawn")
    return RedirectResponse(path, status_code=303)


def _find(database: Reading, project: ProjectRecord, pseudonym: str) -> AnnotatorRecord:
    """The annotator, if they have made anything in this project: another project's people are not this lead's."""
    try:
        found = get_annotator(database, pseudonym)
    except DataError as error:
        raise NotFound(pseudonym) from error
    if find_standing(database, project.id, found.id) is None and not recent_submissions(
        database, project.id, found.id, limit=1
    ):
        raise NotFound(pseudonym)
    return found


def _page(
    request: Request,
    account: AccountRecord,
    project: ProjectRecord,
    found: AnnotatorRecord,
    *,
    done: str = "",
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    with request.app.state.database.reading() as session:
        submissions = recent_submissions(session, project.id, found.id)
        values: dict[str, Any] = {
            "standing": find_standing(session, project.id, found.id),
            "withdrawn": is_withdrawn(session, project.id, found.id),
            "recall": recall_annotator(session, found.pseudonym, project_id=project.id),
        }
        sittings = {each.sitting: each.at for each in submissions if each.sitting and not each.is_withdrawn}
        return render(
            request,
            "annotator.html",
            account=account,
            status=status,
            project=project,
            annotator=found,
            submissions=submissions,
            sittings=sittings,
            done=done,
            problem=problem,
            **values,
        )
