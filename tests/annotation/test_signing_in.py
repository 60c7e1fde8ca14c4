"""Signing in and out: passwords, guessing, cookies and the token that forms carry."""

import re

import pytest
from fastapi.testclient import TestClient

from annotation.app import create_app
from annotation.settings import Settings
from annotation.throttle import Throttle
from storage.accounts import find_account, set_password_hash


@pytest.mark.parametrize(
    "page", ["/", "/projects/stories", "/projects/stories/agreement", "/runs", "/runs/x", "/runs/x/report"]
)
def test_every_page_sends_strangers_to_the_sign_in_form(service, page: str) -> None:
    answer = service.browser.get(page, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


def test_signing_in_and_out(service) -> None:
    answer = service.sign_in("lea")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "secure" not in cookie
    page = service.browser.get("/").text
    assert "stories" in page and "secret" not in page
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; plain" in page
    token = re.search(r'name="csrf" value="([^"]+)"', page)[1]
    assert service.browser.post("/sign-out", data={"csrf": token}, follow_redirects=False).status_code == 303
    assert service.browser.get("/", follow_redirects=False).status_code == 303


def test_wrong_login_and_wrong_password_look_the_same(service) -> None:
    wrong, unknown = service.sign_in("lea", "not her password"), service.sign_in("leo", "not her password")
    assert (wrong.status_code, unknown.status_code) == (401, 401)

    def without(answer) -> str:
        return re.sub(r'value="[^"]*"', "", answer.text)

    assert without(wrong) == without(unknown) and "not right" in wrong.text
    assert service.browser.get("/", follow_redirects=False).status_code == 303


def test_guessing_has_an_end(service) -> None:
    now = 0.0
    state = service.browser.app.state
    state.login_throttle = Throttle(3, 300, lambda: now)
    state.address_throttle = Throttle(4, 300, lambda: now)
    for _ in range(3):
        assert service.sign_in("lea", "a wild guess").status_code == 401
    assert service.sign_in("lea").status_code == 429, "not even the right password, for now"
    assert "Wait five minutes" in service.sign_in("lea").text
    assert service.sign_in("ada", "a wild guess").status_code == 401
    assert service.sign_in("ann").status_code == 429, "nor another login from that address"
    now = 301.0
    assert service.sign_in("lea").status_code == 303


def test_forms_without_their_token_are_refused(service) -> None:
    data = {"login": "lea", "password": service.password}
    assert service.browser.post("/sign-in", data=data).status_code == 403, "no session, no token"
    token = service.csrf()
    assert service.browser.post("/sign-in", data={**data, "csrf": token[:-1]}).status_code == 403
    service.browser.cookies.clear()
    assert service.browser.post("/sign-in", data={**data, "csrf": token}).status_code == 403, (
        "token of another"
    )
    service.sign_in("lea")
    assert service.browser.post("/sign-out", data={"csrf": token}).status_code == 403, (
        "token from before sign-in"
    )
    assert service.browser.get("/", follow_redirects=False).status_code == 200, "she is signed in still"


def test_forged_and_stale_cookies_are_nobodys(service, password_hash: str) -> None:
    service.sign_in("lea")
    good = service.browser.cookies["accord_session"]
    body, _, signature = good.rpartition(".")
    service.browser.cookies.clear()
    service.browser.cookies.set("accord_session", body + "." + signature[::-1])
    assert service.browser.get("/", follow_redirects=False).status_code == 303
    service.browser.cookies.set("accord_session", good)
    with service.database.writing() as session:
        account = find_account(session, "lea")
        set_password_hash(session, account.id, password_hash + "changed")
    service.browser.cookies.clear()
    service.browser.cookies.set("accord_session", good)
    assert service.browser.get("/", follow_redirects=False).status_code == 303, (
        "a new password ends old sessions"
    )


def test_cookie_of_another_secret_is_nobodys(service) -> None:
    service.sign_in("ada")
    stolen = service.browser.cookies["accord_session"]
    other = Settings(environment="development", secret_key="another secret, also 32 characters long")
    with TestClient(create_app(other, service.database)) as browser:
        browser.cookies.set("accord_session", stolen)
        assert browser.get("/", follow_redirects=False).status_code == 303


def test_production_cookies_are_secure(service) -> None:
    settings = Settings(environment="production", secret_key="a secret of the test, 32 characters")
    with TestClient(create_app(settings, service.database), base_url="https://testserver") as browser:
        answer = browser.get("/sign-in")
    assert "secure" in answer.headers["set-cookie"].lower()
    assert "max-age" in answer.headers["strict-transport-security"]
