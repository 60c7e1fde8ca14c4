"""Runs and lineage: read from the registry and the run folders; the folders are the truth."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from annotation.access import NotFound, Reading, SignedIn, require_research
from annotation.lineage import ancestry
from annotation.pages import render
from annotation.run_folders import RunFolder
from storage.checkpoints import list_checkpoints
from storage.runs import RunRecord, get_run, list_runs
from workbench.errors import DataError

router = APIRouter()

# A report was written by a trainer into its folder: it may style itself and do nothing else.
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'none'"
)


@router.get("/runs")
def runs(request: Request, account: SignedIn, database: Reading) -> HTMLResponse:
    """All registered runs, newest first."""
    require_research(account)
    return render(request, "runs.html", account=account, runs=list_runs(database)[::-1])


@router.get("/runs/{name}")
def run(request: Request, name: str, account: SignedIn, database: Reading) -> HTMLResponse:
    """One run: settings, result, curves, checkpoints, and what it came from."""
    require_research(account)
    found = _find(database, name)
    checkpoints = list_checkpoints(database, run_id=found.id)
    final = checkpoints[-1] if checkpoints else None
    return render(
        request,
        "run.html",
        account=account,
        run=found,
        folder=RunFolder(Path(found.folder)),
        checkpoints=checkpoints,
        lineage=ancestry(database, final.hash) if final else None,
    )


@router.get("/runs/{name}/report")
def report(name: str, account: SignedIn, database: Reading) -> Response:
    """The report that the run wrote."""
    require_research(account)
    folder = RunFolder(Path(_find(database, name).folder))
    if not folder.report.is_file():
        raise NotFound(name)
    return HTMLResponse(
        folder.report.read_text(encoding="utf-8"), headers={"Content-Security-Policy": REPORT_POLICY}
    )


def _find(database: Reading, name: str) -> RunRecord:
    try:
        return get_run(database, name)
    except DataError as error:
        raise NotFound(name) from error
