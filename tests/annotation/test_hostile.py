"""Hostile input: what people write never runs, what they send never reaches the database's words or the disk's names."""

import re
import resource
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import func, select, text

from annotation.api.openapi import describe
from annotation.body_limit import MEBI
from annotation.sessions import COOKIE
from storage.accounts import add_membership, create_account, find_account
from storage.annotators import ensure_annotator
from storage.importing import import_comparisons_file
from storage.projects import create_project, get_project
from storage.questions import answer_question, ask
from storage.tables import Audit, Base, GuidelineVersion, Lease, Submission, utc_now
from workbench.jsonl import write_comparisons
from workbench.records import Comparison, Completion

SCRIPT = "<script>stolen()</script><img src=x onerror=stolen()><svg onload=stolen()></script><!--"
LINK = "[here](javascript:stolen()) <javascript:stolen()> [data](data:text/html,<script>stolen()</script>)"
HOSTILE = f'{SCRIPT} {LINK} " onmouseover=stolen() x="'
EVE = "<img src=x onerror=stolen()>'\"&"
NAME = "a<img src=x onerror=stolen()>'\"&b"

SQL = "'; DROP TABLE submission; --"
STRANGE = {
    "sql": SQL,
    "sql-or": "x' OR '1'='1",
    "traversal": "../../../../../../etc/passwd",
    "windows-traversal": "..\\..\\..\\windows\\win.ini",
    "absolute": "/etc/passwd",
    "nul": "a\x00b",
    "template": "{{7*7}}${7*7}%s%n",
    "long": "x" * 5000,
    "huge-number": "9" * 40,
    "negative": "-1",
    "right-to-left": "\u202eabc\u2066",
    "header": "a\r\nSet-Cookie: stolen=1",
}
RAW = ["%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%5c..%5cetc", "%00", "%ff%fe", "%c0%ae%c0%ae%c0%af"]
"""Percent-encodings that some servers decode twice, or wrongly."""


def routes(router):
    """Every method and path of the application, those of its routers too."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield from ((method, route.path) for method in sorted(route.methods or ()))
        elif hasattr(route, "original_router"):
            yield from routes(route.original_router)


class Danger(HTMLParser):
    """Collects what a browser would run, load from elsewhere, or send elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attributes) -> None:
        given = dict(attributes)
        data = given.get("type") == "application/json"
        ours = (given.get("src") or "").startswith("/static/")
        if (tag == "script" and not (data or ours)) or tag in ("iframe", "object", "embed", "base", "math"):
            self.found.append(f"<{tag} {given}>")
        for name, value in attributes:
            address = name in ("href", "src", "action", "formaction", "xlink:href", "data", "srcdoc")
            scheme = re.match(r"\s*([a-z][a-z0-9+.-]*):", (value or "").lower())
            if name.startswith("on") or (address and scheme and scheme[1] not in ("http", "https", "mailto")):
                self.found.append(f"<{tag} {name}={value}>")
            if tag == "img" and not (value or "").startswith("/static/") and name == "src":
                self.found.append(f"<img src={value}>")


def dangers(page: str) -> list[str]:
    danger = Danger()
    danger.feed(page)
    danger.close()
    return danger.found


def test_the_collector_sees_what_would_run() -> None:
    assert len(dangers(HOSTILE)) >= 4
    assert dangers('<a href="javascript:x()">') and dangers("<b onclick=x()>") and dangers("<iframe>")
    assert not dangers('<script src="/static/a.js"></script><a href="https://x.org">&lt;script&gt;</a>')


@pytest.fixture
def hostile(service, tmp_path):
    """A project with a hostile name, description, guideline, prompt, completions, source, note and question; eve in it."""
    comparisons = [
        Comparison(
            id=f"{n} {HOSTILE}",
            prompt=f"{n} {HOSTILE}",
            completions=(
                Completion(text=HOSTILE, source=(HOSTILE,)),
                Completion(text=LINK),
                Completion(text="c"),
            ),
            tags={"kind": HOSTILE},
        )
        for n in range(4)
    ]
    write_comparisons(tmp_path / "c.jsonl", comparisons)
    with service.database.writing() as session:
        project = create_project(
            session,
            NAME,
            description=HOSTILE,
            settings={"criteria": [{"name": "helpful", "label": HOSTILE, "instruction": HOSTILE}]},
        )
        import_comparisons_file(session, project.id, tmp_path / "c.jsonl")
        session.add(
            GuidelineVersion(
                project_id=project.id, version="v1", text=f"# {HOSTILE}\n\n{HOSTILE}", changes=HOSTILE
            )
        )
        account = create_account(session, EVE, "no password")
        for role in ("annotator", "lead", "researcher", "reviewer"):
            add_membership(session, account, project.id, role)
        annotator = ensure_annotator(session, account)
        question = ask(session, project.id, annotator.id, None, HOSTILE, now=utc_now())
        answer_question(session, question, HOSTILE, account_id=account, now=utc_now())
    token = service.become(EVE)
    headers = {"X-CSRF-Token": token}
    task = service.browser.post(
        f"/api/v1/projects/{quote(NAME)}/tasks/next", json={}, headers=headers
    ).json()["task"]
    answer = service.browser.post(
        f"/api/v1/tasks/{task['id']}/submit",
        json={
            "rankings": {"helpful": {"tiers": [1, 2, None]}},
            "note": HOSTILE,
            "guideline": "v1",
            "seconds": 3,
            "session": "s-12345678",
        },
        headers={**headers, "Idempotency-Key": "hostile-1"},
    )
    assert answer.status_code == 201, answer.text
    return service


def test_nothing_that_people_write_runs_on_any_page(hostile) -> None:
    """Every page that the application has, for someone with every role in the project and for the admin."""
    seen: dict[str, int] = {}
    for who in (EVE, "ada"):
        for method, path in routes(hostile.browser.app):
            if method != "GET":
                continue
            name = quote(NAME) if "/projects/" in path else quote(HOSTILE, safe="")
            address = re.sub(r"{(name|project)}", name, path)
            address = re.sub(r"{\w+}", "1", address)
            for query in ("", f"?version={quote(HOSTILE)}&before=99&q={quote(HOSTILE)}"):
                hostile.become(who)  # again and again: the sign-in form begins a session of nobody
                answer = hostile.browser.get(address + query)
                assert answer.status_code < 500, address
                if answer.headers.get("content-type", "").startswith("text/html"):
                    seen[path] = seen.get(path, 0) + answer.text.count("stolen()")
                    assert dangers(answer.text) == [], address
                    assert "script-src 'self'" in answer.headers["Content-Security-Policy"], address
    shown = {path for path, times in seen.items() if times}
    assert shown >= {"/", "/projects/{name}", "/projects/{name}/guideline"}, (
        "the pages do show what was written"
    )


def test_what_the_api_gives_as_html_is_harmless(hostile) -> None:
    answer = hostile.browser.get(f"/api/v1/projects/{quote(NAME)}/guideline").json()
    assert "stolen()" in answer["html"] and dangers(answer["html"]) == []


def test_errors_do_not_echo_what_would_run(hostile) -> None:
    for address in (
        f"/{quote(HOSTILE)}",
        f"/projects/{quote(HOSTILE, safe='')}",
        f"/join/{quote(HOSTILE, safe='')}",
    ):
        assert dangers(hostile.browser.get(address).text) == []
    data = {"login": HOSTILE, "password": HOSTILE, "csrf": HOSTILE}
    assert dangers(hostile.browser.post("/sign-in", data=data).text) == []
    data |= {"login": EVE, "csrf": hostile.csrf()}
    answer = hostile.browser.post("/sign-in", data=data)
    assert answer.status_code == 401 and dangers(answer.text) == []


def tables(database) -> dict[str, int]:
    """How many rows each table has, but for refusals written down and pseudonyms given at first need."""
    with database.reading() as session:
        return {
            name: session.scalar(select(func.count()).select_from(table))
            for name, table in Base.metadata.tables.items()
            if name not in ("audit", "annotator")
        }


@pytest.mark.parametrize("kind", STRANGE)
def test_strange_names_in_every_path_and_query(service, kind: str) -> None:
    """Of every route; asked by the admin, who gets furthest."""
    before = tables(service.database)
    for method, path in routes(service.browser.app):
        address = re.sub(r"{\w+}", quote(STRANGE[kind], safe=""), path)
        query = (
            {"version": STRANGE[kind], "before": STRANGE[kind], "limit": STRANGE[kind]}
            if method == "GET"
            else None
        )
        if "{" not in path and method != "GET":
            continue
        token = service.become("ada")
        headers = {"X-CSRF-Token": token, "Idempotency-Key": "12345678"}
        data = {"csrf": token} if not path.startswith("/api/") and method != "GET" else None
        answer = service.browser.request(method, address, params=query, data=data, headers=headers)
        assert answer.status_code < 500, f"{method} {path}: {answer.text[:300]}"
        assert "root:" not in answer.text and "49" not in answer.headers.get("location", "")
        assert "stolen" not in answer.headers.get("set-cookie", "")
    assert tables(service.database) == before


@pytest.mark.parametrize("raw", RAW)
def test_paths_that_are_decoded_twice_elsewhere(service, raw: str) -> None:
    for method, path in routes(service.browser.app):
        if method == "GET" and "{" in path:
            service.become("ada")
            answer = service.browser.get(re.sub(r"{\w+}", raw, path))
            assert answer.status_code in (404, 410, 422), path
            assert "root:" not in answer.text


def filled_with(schema, schemas, word: str):
    """A value that fits the schema's types and has `word` wherever text may stand."""
    if "$ref" in schema:
        return filled_with(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas, word)
    if "anyOf" in schema:
        return filled_with(next(s for s in schema["anyOf"] if s.get("type") != "null"), schemas, word)
    kind = schema.get("type")
    if kind == "object":
        if "properties" in schema:
            return {name: filled_with(part, schemas, word) for name, part in schema["properties"].items()}
        inner = schema.get("additionalProperties")
        return {word: filled_with(inner, schemas, word) if isinstance(inner, dict) else word}
    if kind == "array":
        return [filled_with(schema.get("items", {}), schemas, word)]
    return {"string": word, "integer": 1, "number": 1.0, "boolean": True}.get(kind, word)


@pytest.mark.parametrize("kind", ["sql", "sql-or", "nul", "template", "traversal", "right-to-left"])
def test_strange_words_in_every_field_of_every_body(service, tmp_path, kind: str) -> None:
    write_comparisons(
        tmp_path / "c.jsonl",
        [Comparison(id="c", prompt="p", completions=(Completion(text="a"), Completion(text="b")))],
    )
    with service.database.writing() as session:
        import_comparisons_file(session, get_project(session, "stories").id, tmp_path / "c.jsonl")
    described = describe(service.browser.app)
    word, asked = STRANGE[kind], 0
    for who in ("ann", "lea"):
        headers = {"X-CSRF-Token": service.become(who), "Idempotency-Key": "12345678"}
        found = service.browser.post("/api/v1/projects/stories/tasks/next", json={}, headers=headers).json()
        task = (found.get("task") or {}).get("id", "none")
        for path, entry in described["paths"].items():
            address = re.sub(r"{project}", "stories", path.replace("{task}", task))
            address = re.sub(r"{\w+}", "1", address)
            for method, operation in entry.items():
                if "requestBody" not in operation:
                    continue
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                body = filled_with(schema, described["components"]["schemas"], word)
                answer = service.browser.request(method, address, json=body, headers=headers)
                assert answer.status_code < 500, f"{method} {path}: {answer.text[:300]}"
                asked += 1
    assert asked >= 12
    with service.database.reading() as session:
        assert session.execute(text("SELECT count(*) FROM submission")).scalar() is not None
        stored = session.scalars(select(Submission)).all()
    assert not stored, "no ranking fits these words"


def test_strange_words_in_every_form(service) -> None:
    """Each form of the pages, with all of its fields set to a strange word."""
    forms: set[tuple[str, tuple[str, ...]]] = set()
    for method, path in routes(service.browser.app):
        if method == "GET" and not path.startswith(("/api/", "/static/")):
            service.become("ada")
            page = service.browser.get(re.sub(r"{\w+}", "stories", path)).text
            for action, inside in re.findall(
                r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', page, re.DOTALL
            ):
                fields = re.findall(r'<(?:input|select|textarea)[^>]*name="([^"]+)"', inside)
                forms.add((action, tuple(sorted({*fields} - {"csrf"}))))
    assert len(forms) >= 6
    for action, fields in sorted(forms):
        if action in ("/sign-out", "/account/erase"):
            continue
        for word in (SQL + STRANGE["nul"] + STRANGE["header"], STRANGE["huge-number"]):
            data = {**dict.fromkeys(fields, word), "csrf": service.become("ada")}
            answer = service.browser.post(action, data=data, follow_redirects=False)
            assert answer.status_code < 500, f"{action} {word!r}: {answer.text[:300]}"
            assert "stolen" not in answer.headers.get("set-cookie", "")


def test_a_large_body_is_refused_by_every_route_that_takes_one(service) -> None:
    """50 MB to each route that changes something: 413, and the process does not grow by what was sent."""
    token = service.become("ada")
    body = b"x" * (50 * MEBI)
    grown_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    headers = {"X-CSRF-Token": token, "Idempotency-Key": "12345678", "Content-Type": "application/json"}
    asked = [
        (method, re.sub(r"{\w+}", "1", path))
        for method, path in routes(service.browser.app)
        if method not in ("GET", "HEAD", "OPTIONS")
    ]
    assert len(asked) > 20
    for method, address in asked:
        answer = service.browser.request(method, address, content=body, headers=headers)
        # A lead's file may be that large; it goes to the disk as it comes, and this one is no form of ours.
        assert answer.status_code == (403 if address.endswith("/upload") else 413), f"{method} {address}"
    too_large = {"Content-Length": str(10**12), "Content-Type": "multipart/form-data; boundary=x"}
    answer = service.browser.post("/projects/stories/upload", content=iter([b"x"]), headers=too_large)
    assert answer.status_code == 413
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - grown_before) / 1024
    assert grown < 150, f"{grown:.0f} MB more after {len(asked)} bodies of 50 MB"


def test_a_session_planted_before_sign_in_is_worth_nothing_after(service) -> None:
    service.browser.get("/sign-in")
    planted = service.browser.cookies[COOKIE]
    csrf = service.csrf()
    assert service.sign_in("lea").status_code == 303
    assert service.browser.cookies[COOKIE] != planted
    service.browser.cookies.clear()
    service.browser.cookies.set(COOKIE, planted)
    assert service.browser.get("/", follow_redirects=False).status_code == 303, (
        "the planted cookie is nobody's"
    )
    token = service.become("lea")
    assert token != csrf, "and its token is not the new session's"
    answer = service.browser.post("/sign-out", data={"csrf": csrf}, follow_redirects=False)
    assert answer.status_code == 403


def test_a_cookie_that_was_changed_is_nobodys(service) -> None:
    service.become("lea")
    good = service.browser.cookies[COOKIE]
    for bad in (good[:-3] + "AAA", good.split(".")[0], "", "null", good + ".x", "{}"):
        service.browser.cookies.clear()
        service.browser.cookies.set(COOKIE, bad)
        assert service.browser.get("/", follow_redirects=False).status_code == 303, bad


def refused(service) -> list[str]:
    with service.database.reading() as session:
        query = select(Audit.subject).where(Audit.action == "refused").order_by(Audit.id)
        return list(session.scalars(query))


@pytest.fixture
def worked(service, tmp_path):
    """ann holds a task of stories, has submitted another, and has asked the lead; the ids."""
    comparisons = [
        Comparison(id=f"c{n}", prompt=f"p{n}", completions=(Completion(text="a"), Completion(text="b")))
        for n in range(3)
    ]
    write_comparisons(tmp_path / "c.jsonl", comparisons)
    with service.database.writing() as session:
        stories = get_project(session, "stories")
        import_comparisons_file(session, stories.id, tmp_path / "c.jsonl")
        secret = get_project(session, "secret")
        for login in ("sec", "nil"):
            add_membership(session, find_account(session, login).id, secret.id, "annotator")
    headers = {"X-CSRF-Token": service.become("ann")}

    def task() -> str:
        found = service.browser.post("/api/v1/projects/stories/tasks/next", json={}, headers=headers)
        return found.json()["task"]["id"]

    body = {
        "rankings": {"helpful": {"tiers": [1, 2]}},
        "seconds": 1,
        "session": "s-12345678",
        "guideline": None,
    }
    sent = service.browser.post(
        f"/api/v1/tasks/{task()}/submit", json=body, headers={**headers, "Idempotency-Key": "12345678"}
    )
    held = task()
    asked = service.browser.post(f"/api/v1/tasks/{held}/question", json={"text": "?"}, headers=headers)
    return held, sent.json()["submission"], asked.json()["question"]


def test_another_project_and_another_persons_ids(service, worked) -> None:
    """sec ranks in secret and leads it; ann's task, submission and question in stories are refused and written down."""
    task, submission, question = worked
    headers = {"X-CSRF-Token": service.become("sec"), "Idempotency-Key": "12345678"}
    answer = {
        "rankings": {"helpful": {"tiers": [2, 1]}},
        "seconds": 1,
        "session": "s-12345678",
        "guideline": None,
    }
    calls = [
        ("POST", f"/api/v1/tasks/{task}/heartbeat", None, 410),
        ("PUT", f"/api/v1/tasks/{task}/draft", {"content": {}}, 410),
        ("POST", f"/api/v1/tasks/{task}/submit", answer, 410),
        (
            "POST",
            f"/api/v1/tasks/{task}/skip",
            {"reason": "other", "seconds": 1, "session": "s-12345678"},
            410,
        ),
        ("POST", f"/api/v1/tasks/{task}/question", {"text": "?"}, 410),
        ("POST", f"/api/v1/submissions/{submission}/revise", None, 404),
        ("POST", f"/api/v1/questions/{question}/answer", {"text": "!"}, 404),
        ("POST", "/api/v1/projects/stories/tasks/next", {}, 404),
        ("GET", "/api/v1/projects/stories/history", None, 404),
        ("GET", "/api/v1/projects/stories/questions", None, 404),
        ("GET", "/api/v1/projects/stories/guideline", None, 404),
        ("GET", "/projects/stories", None, 404),
    ]
    for method, path, body, status in calls:
        found = service.browser.request(method, path, json=body, headers=headers)
        assert found.status_code == status, f"{method} {path}: {found.status_code} {found.text[:200]}"
    assert refused(service) == [f"{method} {path}" for method, path, _, _ in calls]
    with service.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Submission)) == 1
        assert session.scalars(select(Lease.token)).all() == [task], "ann's task is still ann's"


def test_an_annotator_calls_what_is_a_leads(service, worked) -> None:
    _, _, question = worked
    headers = {"X-CSRF-Token": service.become("ann")}
    answer = service.browser.post(f"/api/v1/questions/{question}/answer", json={"text": "!"}, headers=headers)
    assert answer.status_code == 404
    for page in ("/projects/stories/members", "/projects/stories/agreement", "/projects/stories"):
        assert service.browser.get(page).status_code == 403, page
    assert len(refused(service)) == 4
