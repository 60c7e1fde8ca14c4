"""One annotator of a project as its lead sees them: what they made, what learned from it, and taking it out."""

from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from annotation.access import NotFound, Posting, Reading, SignedIn, project_for
from annotation.api.shown import prompt_start
from annotation.language import told, words_for
from annotation.pages import address_of, render
from annotation.shown import shown
from storage.accounts import AccountRecord
from storage.annotator_work import (
    list_sittings,
    recent_submissions,
    submission_of,
    submissions_of_sitting,
    with_earlier_revisions,
)
from storage.annotators import AnnotatorRecord, get_annotator
from storage.hooks import tell
from storage.projects import ProjectRecord
from storage.standing import find_standing, is_withdrawn
from storage.tables import utc_now
from storage.withdrawals import (
    recall_annotator,
    recall_submissions,
    withdraw_annotator,
    withdraw_sitting,
    withdraw_submission,
)
from workbench.errors import DataError

router = APIRouter()


@router.get("/projects/{name}/annotators/{pseudonym}")
def annotator(
    request: Request,
    name: str,
    pseudonym: str,
    account: SignedIn,
    database: Reading,
    done: Annotated[str, Query(max_length=20)] = "",
    which: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    """Counters, recent submissions, and the snapshots, runs and checkpoints that hold their labels.

    After a withdrawal, those that hold what was withdrawn.
    """
    project = project_for(database, account, name, "lead")
    return _page(request, account, project, _find(database, project, pseudonym), done=done, which=which)


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
                one = submission_of(session, project.id, found.id, _number(which))
                if one is None:
                    raise DataError(f"{pseudonym} has no submission {shown(which, 30)} in this project")
                if one.is_superseded:
                    raise DataError(
                        f"submission {one.id} was changed later; withdraw the latest revision of it"
                    )
                withdraw_submission(session, one.id, reason=reason, actor=actor)
            else:
                raise DataError(f"withdraw all, a sitting or a submission, not {what!r}")
            body = {"annotator": pseudonym, "what": what, "which": which}
            tell(session, project.id, "labels.withdrawn", f"withdrawal:{now.isoformat()}", body, now=now)
    except DataError as error:
        return _page(
            request, account, project, found, problem=told(error, words_for(request, account)), status=422
        )
    query = urlencode({"done": what, "which": which})
    return RedirectResponse(
        address_of(project, f"annotators/{quote(pseudonym, safe='')}?{query}"), status_code=303
    )


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


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def _withdrawn(
    session: Session, project: ProjectRecord, found: AnnotatorRecord, what: str, which: str
) -> dict[str, Any] | None:
    """What was just withdrawn and what had learned from it; None where nothing was."""
    if what == "all" and is_withdrawn(session, project.id, found.id):
        return {"what": what}
    if what == "sitting":
        made = submissions_of_sitting(session, project.id, found.id, which)
    else:
        one = submission_of(session, project.id, found.id, _number(which)) if what == "submission" else None
        made = [one] if one is not None else []
    gone = [each for each in made if each.is_withdrawn]
    if not gone:
        return None
    keys = with_earlier_revisions(session, [each.id for each in gone])
    touched = recall_submissions(session, found.pseudonym, keys, project_id=project.id)
    return {
        "what": what,
        "at": gone[0].at,
        "count": len(gone),
        "prompt": gone[0].prompt,
        "touched": touched,
    }


def _page(
    request: Request,
    account: AccountRecord,
    project: ProjectRecord,
    found: AnnotatorRecord,
    *,
    done: str = "",
    which: str = "",
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    with request.app.state.database.reading() as session:
        withdrawn = _withdrawn(session, project, found, done, which)
        values: dict[str, Any] = {
            "submissions": recent_submissions(session, project.id, found.id),
            "sittings": list_sittings(session, project.id, found.id),
            "done": withdrawn,
            "touched": withdrawn.get("touched") if withdrawn else None,
            "standing": find_standing(session, project.id, found.id),
            "withdrawn": is_withdrawn(session, project.id, found.id),
            "recall": recall_annotator(session, found.pseudonym, project_id=project.id),
        }
        return render(
            request,
            "annotator.html",
            account=account,
            status=status,
            project=project,
            annotator=found,
            prompt_start=prompt_start,
            problem=problem,
            **values,
        )
