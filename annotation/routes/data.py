"""A project's data: files of comparisons in, and the ranking page on them as annotators will see it."""

import shutil
import tempfile
import zlib
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, File, Query, Request, UploadFile
from fastapi.responses import HTMLResponse

from annotation.access import NotFound, Posting, Reading, SignedIn, project_for
from annotation.api.shown import prompt_start
from annotation.body_limit import MEBI
from annotation.language import language_of, script_messages, words_for
from annotation.pages import render
from annotation.project_settings import read_settings
from annotation.routes.ranking import KEY_MAP
from storage.accounts import AccountRecord
from storage.assignment import shown_order
from storage.carried import carried
from storage.importing import ImportReport, import_comparisons_file
from storage.peeking import comparison_at, count_ordinary
from storage.projects import ProjectRecord
from workbench.errors import DataError, RecordError
from workbench.jsonl import open_lines

router = APIRouter()

UNPACKED = 8
"""How many times its allowed size a packed file may unpack to; text seldom packs so well."""


@router.get("/projects/{name}/data")
def data(request: Request, name: str, account: SignedIn, database: Reading) -> HTMLResponse:
    """What the project holds, and the form to add to it."""
    return _page(request, account, project_for(database, account, name, "lead"))


@router.post("/projects/{name}/upload")
def upload(
    request: Request,
    name: str,
    account: Posting,
    database: Reading,
    file: Annotated[UploadFile | None, File()] = None,
) -> HTMLResponse:
    """Read a file of comparisons, all of it or nothing; the first bad line is shown with its field."""
    project = project_for(database, account, name, "lead")
    t = words_for(request, account)
    if file is None or not file.filename:
        return _page(request, account, project, problem=t("refused.choose_file"), status=422)
    # The name goes into messages alone; where the file lies is ours to say.
    shown = Path(file.filename.replace("\\", "/")).name[-100:]
    with tempfile.TemporaryDirectory(prefix="accord-upload-") as folder:
        path = Path(folder) / ("upload.jsonl.gz" if shown.endswith(".gz") else "upload.jsonl")
        with path.open("wb") as target:
            shutil.copyfileobj(file.file, target, MEBI)
        most = UNPACKED * request.app.state.settings.upload_megabytes
        if not _unpacks_within(path, most * MEBI):
            problem = t("refused.unpacks", file=shown, most=most)
            return _page(request, account, project, problem=problem, status=422)
        try:
            with request.app.state.database.writing() as session:
                report = import_comparisons_file(session, project.id, path, actor=f"account:{account.id}")
        except RecordError as error:
            place = RecordError(error.problem, file=shown, line=error.line, field=error.field, fix=error.fix)
            problem = t("refused.nothing_added", problem=place)
            return _page(request, account, project, problem=problem, status=422)
        except DataError as error:
            problem = t("refused.nothing_added", problem=str(error).replace(str(path), shown))
            return _page(request, account, project, problem=problem, status=422)
    if not report.read:
        problem = t("refused.no_comparison", file=shown)
        return _page(request, account, project, problem=problem, status=422)
    return _page(request, account, project, report=report)


def _unpacks_within(path: Path, most: int) -> bool:
    """Whether the file holds so many bytes at most; what breaks off before that is the import's to name."""
    seen = 0
    with open_lines(path) as file:
        try:
            while seen <= most and (chunk := file.read(MEBI)):
                seen += len(chunk)
        except (OSError, EOFError, zlib.error):
            return True
    return seen <= most


@router.get("/projects/{name}/preview")
def preview(
    request: Request,
    name: str,
    account: SignedIn,
    database: Reading,
    at: Annotated[int, Query(ge=0, lt=10**9)] = 0,
) -> HTMLResponse:
    """The ranking page on one of the project's comparisons; nothing of it is kept."""
    project = project_for(database, account, name, "lead")
    found = comparison_at(database, project.id, at)
    if found is None:
        raise NotFound(name)
    settings = read_settings(project.settings)
    order = shown_order(project.salt, "preview", found.id, len(found.completions))
    prompt: Any = (
        found.prompt
        if isinstance(found.prompt, str)
        else [{"role": turn.role, "content": turn.content} for turn in found.prompt]
    )
    task = {
        "id": "preview",
        "project": project.name,
        "mode": "ranking",
        "prompt": prompt,
        "completions": [{"text": found.completions[i].text} for i in order],
        "form": settings.form.to_json(),
        "guideline": None,
        "draft": None,
        "revises": None,
        "content_warning": settings.content_warning,
        "expires_at": None,
        "seconds_before": 0,
    }
    page = {"task": task, "messages": script_messages(language_of(request, account))}
    return render(
        request,
        "preview.html",
        account=account,
        project=project,
        page_data=page,
        key_map=KEY_MAP,
        reads=False,
        at=at,
        total=count_ordinary(database, project.id),
        start=prompt_start(prompt),
    )


def _page(
    request: Request,
    account: AccountRecord,
    project: ProjectRecord,
    *,
    report: ImportReport | None = None,
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    with request.app.state.database.reading() as session:
        known = carried(session, project.id, holdings=True)
    return render(
        request,
        "data.html",
        account=account,
        status=status,
        project=project,
        counts=known.holdings if known else None,
        report=report,
        problem=problem,
        megabytes=request.app.state.settings.upload_megabytes,
    )
