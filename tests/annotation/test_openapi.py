"""The API against its own description: what fits it and what does not are answered, and never break the service."""

from collections import Counter

import pytest
from fastapi import Response
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, openapi
from schemathesis.checks import CHECKS, load_all_checks
from sqlalchemy import func, select

from annotation.api.openapi import describe
from annotation.app import create_app
from annotation.settings import Settings
from storage.accounts import add_membership, create_account, find_account
from storage.annotators import ensure_annotator
from storage.database import init_database
from storage.importing import import_comparisons_file
from storage.projects import create_project
from storage.questions import ask
from storage.tables import GuidelineVersion, Submission, utc_now
from workbench.jsonl import write_comparisons
from workbench.records import Comparison, Completion

load_all_checks()
# What fits the description may still not fit the task that it answers, or come too late.
NOT_OURS = ("positive_data_acceptance",)
SECRET = "a secret of the test, 32 characters"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """stories with 300 comparisons and a guideline; ann ranks it and has asked something, lea leads it."""
    folder = tmp_path_factory.mktemp("api")
    database = init_database(f"sqlite:///{folder}/accord.db")
    comparisons = [
        Comparison(id=f"c{n}", prompt=f"p{n}", completions=tuple(Completion(text=t) for t in "abc"))
        for n in range(300)
    ]
    write_comparisons(folder / "c.jsonl", comparisons)
    with database.writing() as session:
        project = create_project(session, "stories")
        import_comparisons_file(session, project.id, folder / "c.jsonl")
        session.add(GuidelineVersion(project_id=project.id, version="v1", text="Be *kind*."))
        for login, role in (("ann", "annotator"), ("lea", "lead")):
            add_membership(session, create_account(session, login, "no password"), project.id, role)
        annotator = ensure_annotator(session, find_account(session, "ann").id)
        ask(session, project.id, annotator.id, None, "what now?", now=utc_now())
    yield database
    database.dispose()


@pytest.fixture(scope="module")
def app(database):
    return create_app(Settings(environment="development", secret_key=SECRET), database)


@pytest.fixture(scope="module")
def schema(app):
    return openapi.from_asgi("/api/v1/openapi.json", app)


def headers_of(app, database, login):
    """A cookie of the person's own, and the token that goes with it."""
    sessions = app.state.sessions
    with database.reading() as session:
        account = find_account(session, login)
    found = sessions.begin(account.id, account.password_hash)
    response = Response()
    sessions.write(response, found)
    return {"X-CSRF-Token": found.csrf, "Cookie": response.headers["set-cookie"].split(";")[0]}


PATHS = describe(create_app(Settings(environment="development"), None))["paths"]
OPERATIONS = [f"{method.upper()} {path}" for path, entry in PATHS.items() for method in entry]


@pytest.mark.parametrize("examples", [12, pytest.param(400, marks=pytest.mark.soak)])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda m: m.value)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_api_keeps_its_word(app, database, schema, operation, mode, examples) -> None:
    method, path = operation.split()
    headers = headers_of(app, database, "lea" if path.startswith("/api/v1/questions") else "ann")
    checks = [
        check
        for name, check in zip(CHECKS.get_all_names(), CHECKS.get_all(), strict=True)
        if name not in NOT_OURS
    ]
    browser = TestClient(app, headers=headers)
    seen: Counter[int] = Counter()
    with database.reading() as session:
        first = session.scalar(select(func.max(Submission.id)))

    def real(name: str) -> str | int:
        if name == "project":
            return "stories"
        if name == "task":
            answer = browser.post("/api/v1/projects/stories/tasks/next", json={})
            return answer.json()["task"]["id"]
        return first if name == "submission" else 1

    def answer(body) -> None:
        """What depends on the task, made to fit it; the rest stays as it was drawn."""
        if isinstance(body, dict) and "rankings" in body:
            body |= {"rankings": {"helpful": {"tiers": [2, 1, None]}}, "guideline": "v1"}
            body |= {"flags": [], "answers": {}, "rules": {}}
        if isinstance(body, dict) and "reason" in body:
            body["reason"] = "unclear"

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=schema[path][method].as_strategy(generation_mode=mode), is_real=st.booleans())
    def check(case, is_real) -> None:
        if is_real and mode is GenerationMode.POSITIVE:
            case.path_parameters = {name: real(name) for name in case.path_parameters or {}}
            answer(case.body)
        response = case.call(headers=headers)
        seen[response.status_code] += 1
        case.validate_response(response, headers=headers, checks=checks)

    try:
        check()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE and "requestBody" not in PATHS[path][method.lower()]
    assert all(status < 500 for status in seen)
