"""Review: comparisons on which annotators disagree, decided by someone who sees the rankings and not the names."""

import hashlib
from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from annotation.access import Fields, NotFound, Posting, Reading, SignedIn, project_for
from annotation.api.models import RowId
from annotation.language import told, words_for
from annotation.markdown import to_html
from annotation.pages import address_of, render
from annotation.project_settings import read_settings
from storage.accounts import AccountRecord
from storage.assignment import shown_order
from storage.disputes import Disputed, count_disputes, decide, dismiss, list_disputes, read_dispute
from storage.hooks import tell
from storage.projects import ProjectRecord
from storage.tables import utc_now
from workbench.errors import DataError, RecordError

router = APIRouter()


@router.get("/projects/{name}/review")
def queue(request: Request, name: str, account: SignedIn, database: Reading) -> HTMLResponse:
    """The open disputes, the greatest first, without those that the reviewer ranked."""
    project = project_for(database, account, name, "review")
    return render(
        request,
        "review.html",
        account=account,
        project=project,
        disputes=list_disputes(database, project.id, account_id=account.id),
        counts=count_disputes(database, project.id),
        threshold=read_settings(project.settings).review_threshold,
    )


@router.get("/projects/{name}/review/{dispute_id}")
def dispute(
    request: Request, name: str, dispute_id: RowId, account: SignedIn, database: Reading
) -> HTMLResponse:
    """One dispute: prompt, completions, every ranking without a name, and the form to decide."""
    project = project_for(database, account, name, "review")
    return _page(request, account, project, _find(database, project, dispute_id))


@router.post("/projects/{name}/review/{dispute_id}")
def settle(
    request: Request, name: str, dispute_id: RowId, account: Posting, database: Reading, fields: Fields
) -> Response:
    """Decide it, or leave the rankings as they are; both need a reason."""
    project = project_for(database, account, name, "review")
    found = _find(database, project, dispute_id)
    reason = fields.get("reason", "")
    now = utc_now()
    try:
        with request.app.state.database.writing() as session:
            if fields.get("action") == "dismiss":
                dismiss(session, project.id, dispute_id, reason=reason, account_id=account.id, now=now)
            else:
                rankings = {
                    criterion: _ranks(fields, criterion, len(found.comparison.completions))
                    for criterion in _criteria(project, found)
                }
                decide(
                    session, project.id, dispute_id, rankings, reason=reason, account_id=account.id, now=now
                )
            body = {"comparison": found.comparison.id, "decision": fields.get("action", "decide")}
            tell(
                session, project.id, "dispute.ended", f"dispute:{dispute_id}:{now.isoformat()}", body, now=now
            )
    except (DataError, RecordError) as error:
        return _page(
            request,
            account,
            project,
            found,
            fields=fields,
            problem=told(error, words_for(request, account)),
            status=422,
        )
    return RedirectResponse(address_of(project, "review"), status_code=303)


def _find(database: Reading, project: ProjectRecord, dispute_id: int) -> Disputed:
    try:
        return read_dispute(database, project.id, dispute_id)
    except DataError as error:
        raise NotFound(str(error)) from error


def _criteria(project: ProjectRecord, found: Disputed) -> list[str]:
    """The criteria that the rankings use, in the order of the project's form, then any others."""
    used = {ranking.criterion for ranking in found.comparison.rankings if ranking.ranks is not None}
    asked = [criterion.name for criterion in read_settings(project.settings).form.criteria]
    return [name for name in asked if name in used] + sorted(used - set(asked))


def _ranks(fields: Mapping[str, str], criterion: str, num_completions: int) -> list[int | None]:
    """The tier chosen for each completion; RecordError where one was left open."""
    ranks: list[int | None] = []
    for i in range(num_completions):
        text = fields.get(f"tier-{criterion}-{i}", "")
        if not (text == "aside" or (text.isdigit() and 1 <= int(text) <= 99)):
            raise DataError(
                f"choose a tier for every completion ({criterion})", code="choose_tier", criterion=criterion
            )
        ranks.append(None if text == "aside" else int(text))
    return ranks


def _page(
    request: Request,
    account: AccountRecord,
    project: ProjectRecord,
    found: Disputed,
    *,
    fields: Mapping[str, str] | None = None,
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    comparison = found.comparison
    order = shown_order(project.salt, "review", comparison.id, len(comparison.completions))
    order += [i for i in range(len(comparison.completions)) if i not in order]
    turns = (
        [("", comparison.prompt)]
        if isinstance(comparison.prompt, str)
        else [(turn.role, turn.content) for turn in comparison.prompt]
    )
    # By a hash, so that the same annotator does not stand in the same place of every dispute.
    rankings = sorted(
        (
            each
            for each in comparison.rankings
            if each.ranks is not None and each.annotator_kind != "adjudicator"
        ),
        key=lambda each: hashlib.sha256(each.id.encode()).digest(),
    )
    return render(
        request,
        "dispute.html",
        account=account,
        status=status,
        project=project,
        dispute=found.dispute,
        turns=[(role, to_html(text)) for role, text in turns],
        completions=[
            (i, chr(ord("A") + p), to_html(comparison.completions[i].text)) for p, i in enumerate(order)
        ],
        criteria=_criteria(project, found),
        rankings=rankings,
        fields=fields or {},
        problem=problem,
    )
