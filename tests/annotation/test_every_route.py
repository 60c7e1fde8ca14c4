"""Every route for every kind of person: who gets in, who is told no, who is told nothing."""

import re

import pytest
from fastapi.routing import APIRoute

from storage.accounts import find_account
from storage.annotators import ensure_annotator
from storage.api_tokens import create_token
from storage.invitations import create_invitation
from storage.projects import get_project
from storage.questions import ask as ask_lead
from storage.standing import lock_standing
from storage.tables import GuidelineVersion, utc_now

WHO = ("nobody", "nil", "sec", "ann", "rev", "res", "lea", "ada")
"""nil has no role anywhere, sec leads another project; ann, rev, res, lea have the roles in stories; ada is admin."""

# One letter for each of WHO. y: gets in. s: sent to the sign-in form, or 401. f: 403. n: 404.
EVERYBODY = "yyyyyyyy"
SIGNED_IN = "syyyyyyy"
ADMIN = "snnnnnny"
READ = "snnfyyyy"
LEAD = "snnfffyy"
EXPORT = "snnffyyy"
RESEARCH = "snynnyyy"
MEMBER = "snnyyyyy"
ANNOTATE = "snnyffff"
LEAD_BY_ID = "snnnnnyy"
NOT_THEIRS = "snnnnnnn"
"""A submission of one's own is needed, and nobody has one."""
SOME_LEAD = "snynnnyy"
NO_DATA = "snnfffnn"
"""There is no comparison to look at, for those who may."""
REVIEW = "snnfyfyy"
NO_DISPUTE = "snnfnfnn"
"""There is no dispute, for those who may decide it."""
ONE_RUN = "snnnnnnn"
"""There is no run in this test's database, for anybody."""

ROUTES = {
    "GET /healthz": EVERYBODY,
    "GET /readyz": EVERYBODY,
    "GET /static/accord.css": EVERYBODY,
    "GET /static/icon.svg": EVERYBODY,
    "GET /static/rank/{wanted}/{name}": "nnnnnnnn",
    "GET /sign-in": EVERYBODY,
    "POST /sign-in": EVERYBODY,
    "POST /sign-out": EVERYBODY,
    "POST /language": EVERYBODY,
    "GET /join/{token}": EVERYBODY,
    "POST /join/{token}": EVERYBODY,
    "GET /": SIGNED_IN,
    "GET /account": SIGNED_IN,
    "POST /account/password": SIGNED_IN,
    "POST /account/tokens": SIGNED_IN,
    "POST /account/tokens/{token_id}/revoke": SIGNED_IN,
    "POST /account/erase": SIGNED_IN,
    "GET /accounts": ADMIN,
    "POST /accounts": ADMIN,
    "POST /accounts/{account_id}": ADMIN,
    "GET /projects/{name}": READ,
    "GET /projects/{name}/agreement": READ,
    "GET /projects/{name}/members": LEAD,
    "POST /projects/{name}/members/{member_id}": LEAD,
    "POST /projects/{name}/invitations": LEAD,
    "POST /projects/{name}/invitations/{invitation_id}/revoke": LEAD,
    "GET /api/v1/openapi.json": EVERYBODY,
    "GET /api/v1/projects": SIGNED_IN,
    "GET /api/v1/projects/{project}/guideline": MEMBER,
    "POST /api/v1/projects/{project}/guideline/acknowledge": MEMBER,
    "GET /api/v1/projects/{project}/questions": MEMBER,
    "POST /api/v1/questions/{question}/answer": LEAD_BY_ID,
    "GET /api/v1/projects/{project}/history": ANNOTATE,
    "POST /api/v1/projects/{project}/tasks/next": ANNOTATE,
    "POST /api/v1/submissions/{submission}/revise": NOT_THEIRS,
    "POST /api/v1/tasks/{task}/heartbeat": SIGNED_IN,
    "PUT /api/v1/tasks/{task}/draft": SIGNED_IN,
    "POST /api/v1/tasks/{task}/submit": SIGNED_IN,
    "POST /api/v1/tasks/{task}/skip": SIGNED_IN,
    "POST /api/v1/tasks/{task}/question": SIGNED_IN,
    "GET /projects/{name}/rank": ANNOTATE,
    "GET /projects/{name}/history": ANNOTATE,
    "GET /projects/{name}/my-questions": ANNOTATE,
    "GET /projects/{name}/my-agreement": READ,
    "GET /projects/{name}/guideline": MEMBER,
    "POST /webhooks/label-studio/{link_id}": "nnnnnnnn",
    "GET /new-project": SOME_LEAD,
    "POST /new-project": SOME_LEAD,
    "GET /projects/{name}/settings": LEAD,
    "POST /projects/{name}/settings": LEAD,
    "POST /projects/{name}/status": LEAD,
    "GET /projects/{name}/guidelines": LEAD,
    "POST /projects/{name}/guidelines": LEAD,
    "POST /projects/{name}/redo": LEAD,
    "GET /projects/{name}/data": LEAD,
    "POST /projects/{name}/upload": LEAD,
    "GET /projects/{name}/preview": NO_DATA,
    "GET /projects/{name}/pay": LEAD,
    "GET /projects/{name}/pay.csv": LEAD,
    "GET /projects/{name}/live": READ,
    "POST /projects/{name}/refresh": READ,
    "GET /projects/{name}/snapshots": READ,
    "POST /projects/{name}/snapshots": EXPORT,
    "GET /projects/{name}/review": REVIEW,
    "GET /projects/{name}/review/{dispute_id}": NO_DISPUTE,
    "POST /projects/{name}/review/{dispute_id}": NO_DISPUTE,
    "GET /projects/{name}/annotators/{pseudonym}": LEAD,
    "POST /projects/{name}/annotators/{pseudonym}/withdraw": LEAD,
    "GET /projects/{name}/questions": LEAD,
    "POST /projects/{name}/questions/{question_id}": LEAD,
    "GET /projects/{name}/webhooks": LEAD,
    "POST /projects/{name}/webhooks": LEAD,
    "POST /projects/{name}/webhooks/{webhook_id}/remove": LEAD,
    "GET /api/v1/projects/{project}/live": READ,
    "GET /api/v1/projects/{project}/pay": LEAD,
    "GET /api/v1/projects/{project}/disputes": REVIEW,
    "GET /runs": RESEARCH,
    "GET /runs/{name}": ONE_RUN,
    "GET /runs/{name}/report": ONE_RUN,
}


BODIES = {"answer": {"text": "To be good."}, "acknowledge": {"version": "v1"}, "next": {"exclude": []}}
"""What else a program sends; without it the answer is 422, which is no refusal."""


def routes(router) -> set[str]:
    """Every route of the application as METHOD path, those of its routers too."""
    found: set[str] = set()
    for route in router.routes:
        if isinstance(route, APIRoute):
            found |= {f"{method} {route.path}" for method in route.methods}
        elif hasattr(route, "original_router"):
            found |= routes(route.original_router)
    return found


def kind_of(answer) -> str:
    if answer.status_code == 401 and "/sign-in" not in str(answer.url):
        return "s"
    if (
        answer.status_code == 303
        and answer.headers["location"] == "/sign-in"
        and answer.request.url.path != "/sign-out"
    ):
        return "s"
    return {403: "f", 404: "n"}.get(answer.status_code, "y")


@pytest.fixture
def ask(service):
    """Ask as someone: the answer to a route of stories, with the form's token where it is a form."""
    with service.database.writing() as session:
        project = get_project(session, "stories")
        token = create_invitation(session, project.id, "lead", uses=9, now=utc_now(), actor="test")
        member = find_account(session, "ann").id
        annotator = ensure_annotator(session, member)
        session.add(GuidelineVersion(project_id=project.id, version="v1", text="Be kind."))
        lock_standing(session, project.id, annotator.id, "2026-11-24")
        question = ask_lead(session, project.id, annotator.id, None, "What is kind?", now=utc_now())
    places = {
        "token": token,
        "member_id": str(member),
        "account_id": str(member),
        "wanted": "0",
        "question": str(question),
        "question_id": str(question),
        "pseudonym": annotator.pseudonym,
        "project": "stories",
    }

    def ask(who: str, route: str, *, csrf: bool = True):
        method, path = route.split()
        path = path.replace("{name}", "stories") if "/projects/" in path else path
        path = re.sub(r"{(\w+)}", lambda m: places.get(m[1], "1"), path)
        if who == "nobody":
            service.browser.cookies.clear()
            value = service.csrf() if method != "GET" else ""
        else:
            value = service.become(who)
        if path.startswith("/api/"):
            path += "?first=2026-11-01&last=2026-11-30" if path.endswith("/pay") else ""
            headers = {"X-CSRF-Token": value, "Idempotency-Key": "12345678"} if csrf else {}
            body = BODIES.get(path.rsplit("/", 1)[1], {}) if method != "GET" else None
            return service.browser.request(method, path, json=body, headers=headers, follow_redirects=False)
        data = {"csrf": value} if csrf and method != "GET" else None
        return service.browser.request(method, path, data=data, follow_redirects=False)

    return ask


def test_no_route_is_missing_here(service) -> None:
    found = routes(service.browser.app)
    assert len(found) > 20 and found == set(ROUTES)


@pytest.mark.parametrize("route", ROUTES)
def test_who_gets_in(ask, route: str) -> None:
    found = {who: kind_of(ask(who, route)) for who in WHO}
    assert found == dict(zip(WHO, ROUTES[route], strict=True))


FORMS = [route for route in ROUTES if not route.startswith("GET") and "/webhooks/" not in route]


@pytest.mark.parametrize("route", FORMS)
def test_no_form_works_without_its_token(ask, route: str) -> None:
    answer = ask("ada", route, csrf=False)
    assert answer.status_code == 403 and "form" in answer.text and "refused" in answer.text


@pytest.mark.parametrize("route", [route for route in FORMS if "/api/" not in route])
def test_no_form_works_with_an_api_token_alone(service, ask, route: str) -> None:
    with service.database.writing() as session:
        account = find_account(session, "ada").id
        token = create_token(session, account, "test", now=utc_now(), actor="test")
    service.browser.headers["Authorization"] = f"Bearer {token}"
    answer = ask("nobody", route, csrf=False)
    assert answer.status_code == 403 and "The form was refused" in answer.text
