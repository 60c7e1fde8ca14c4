"""People: invitations, accounts, tokens and roles, through the pages."""

import re

import pytest
from sqlalchemy import select

from annotation.throttle import Throttle
from cli.main import main
from storage.accounts import find_account
from storage.members import list_members
from storage.projects import get_project
from storage.tables import Audit

NEW = "a new long password"


def secret(answer) -> str:
    return re.search(r'class="secret">([^<]+)<', answer.text)[1]


def invite(service, **data) -> str:
    token = service.become("lea")
    link = secret(service.post("/projects/stories/invitations", token, **data))
    service.browser.cookies.clear()
    return link.removeprefix("http://testserver")


def members(service) -> dict[str, tuple[str, ...]]:
    with service.database.reading() as session:
        project = get_project(session, "stories")
        return {member.login: member.roles for member in list_members(session, project.id)}


def test_an_invited_person_chooses_login_and_password_and_is_signed_in(service) -> None:
    link = invite(service, role="annotator")
    page = service.browser.get(link)
    assert "Join “stories”" in page.text and "pseudonym" in page.text
    planted = service.browser.cookies["accord_session"]
    data = {"login": "eve", "password": NEW, "again": NEW}
    answer = service.post(link, service.csrf(link), **data)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert members(service)["eve"] == ("annotator",)
    assert "stories" in service.browser.get("/").text
    mine = service.browser.cookies["accord_session"]
    assert mine != planted
    service.browser.cookies.clear()
    service.browser.cookies.set("accord_session", planted)
    assert service.browser.get("/", follow_redirects=False).status_code == 303, (
        "a planted session is nobody's"
    )
    service.browser.cookies.clear()
    assert service.browser.get(link).status_code == 410, "the link was for one"
    assert service.sign_in("eve", NEW).status_code == 303


def test_a_refused_form_keeps_the_invitation(service) -> None:
    link = invite(service)
    for login, password, again, problem in (
        ("eve", NEW, NEW + "x", "passwords differ"),
        ("eve", "short", "short", "10 to 1000 characters"),
        ("lea", NEW, NEW, "There is an account"),
        ("<script>", NEW, NEW, None),
    ):
        answer = service.post(link, service.csrf(link), login=login, password=password, again=again)
        if problem:
            assert answer.status_code == 422 and problem in answer.text and 'name="login"' in answer.text
    assert answer.status_code == 303
    page = service.browser.get("/account")
    assert "&lt;script&gt;" in page.text and "<script>" not in page.text


def test_guessing_invitations_has_an_end(service) -> None:
    link = invite(service)
    service.browser.app.state.address_throttle = Throttle(2, 300, lambda: 0.0)
    for expected in (422, 422, 429):
        answer = service.post(link, service.csrf(link), login="lea", password=NEW, again=NEW)
        assert answer.status_code == expected


def test_who_is_signed_in_joins_with_that_account(service) -> None:
    link = invite(service, role="reviewer")
    token = service.become("nil")
    assert "signed in as nil" in service.browser.get(link).text
    assert service.post(link, token).status_code == 303
    assert members(service)["nil"] == ("reviewer",)


def test_an_invitation_can_be_withdrawn(service) -> None:
    link = invite(service, uses="5", days="30")
    token = service.become("lea")
    page = service.browser.get("/projects/stories/members").text
    assert "0 of 5" in page and link not in page
    number = re.search(r"/invitations/(\d+)/revoke", page)[1]
    assert service.post(f"/projects/stories/invitations/{number}/revoke", token).status_code == 303
    assert service.browser.get(link).status_code == 410
    sec = service.become("sec")
    answer = service.post(f"/projects/secret/invitations/{number}/revoke", sec)
    assert answer.status_code == 409, "another project's invitation"


def test_invitations_that_cannot_be_are_refused_with_the_reason(service) -> None:
    token = service.become("lea")
    for data, problem in (
        ({"uses": "0"}, "1 to 1000"),
        ({"days": "100"}, "90 days"),
        ({"role": "king"}, "no role"),
    ):
        answer = service.post("/projects/stories/invitations", token, **data)
        assert answer.status_code == 422 and problem in answer.text


def test_roles_are_given_and_taken(service) -> None:
    token = service.become("lea")
    with service.database.reading() as session:
        ann, nil = find_account(session, "ann").id, find_account(session, "nil").id
    path = f"/projects/stories/members/{ann}"
    assert service.post(path, token, role="reviewer", give="true").status_code == 303
    assert members(service)["ann"] == ("annotator", "reviewer")
    assert service.post(path, token, role="annotator").status_code == 303
    assert members(service)["ann"] == ("reviewer",)
    assert service.post(path, token, role="king", give="true").status_code == 422
    stranger = service.post(f"/projects/stories/members/{nil}", token, role="lead", give="true")
    assert stranger.status_code == 404, "people come by invitation"
    with service.database.reading() as session:
        actors = set(session.scalars(select(Audit.actor).where(Audit.action == "remove membership")))
    assert actors == {f"account:{find(service, 'lea')}"}


def find(service, login: str) -> int:
    with service.database.reading() as session:
        return find_account(session, login).id


def test_a_changed_password_ends_other_sessions(service) -> None:
    service.become("ann")
    elsewhere = service.browser.cookies["accord_session"]
    token = service.become("ann")
    wrong = service.post("/account/password", token, current="not it", password=NEW, again=NEW)
    assert wrong.status_code == 422 and "current password is not right" in wrong.text
    right = {"current": service.password, "password": NEW, "again": NEW}
    differ = service.post("/account/password", token, **{**right, "again": "x"})
    assert differ.status_code == 422 and "differ" in differ.text
    assert service.post("/account/password", token, **right).status_code == 303
    assert service.browser.get("/account?done=password").status_code == 200, "this session goes on"
    service.browser.cookies.clear()
    service.browser.cookies.set("accord_session", elsewhere)
    assert service.browser.get("/account", follow_redirects=False).status_code == 303
    assert service.sign_in("ann", NEW).status_code == 303


def test_a_token_acts_as_its_account_until_it_is_revoked(service) -> None:
    token = service.become("lea")
    made = service.post("/account/tokens", token, name="nightly", days="30")
    bearer = secret(made)
    assert bearer not in service.browser.get("/account").text, "it is shown once"
    service.browser.cookies.clear()
    headers = {"Authorization": f"Bearer {bearer}"}
    assert service.browser.get("/projects/stories", headers=headers).status_code == 200
    assert service.browser.get("/projects/secret", headers=headers).status_code == 404
    for wrong in (f"Bearer {bearer}x", "Bearer ", f"Basic {bearer}", bearer):
        answer = service.browser.get("/", headers={"Authorization": wrong}, follow_redirects=False)
        assert answer.status_code == 303, wrong
    token = service.become("lea")
    page = service.browser.get("/account").text
    assert "just now" in page and "nightly" in page
    wrong = service.browser.get("/", headers={"Authorization": "Bearer x"}, follow_redirects=False)
    assert wrong.status_code == 303, "a wrong token is not mended by a cookie"
    number = re.search(r"/account/tokens/(\d+)/revoke", page)[1]
    other = service.become("ann")
    assert service.post(f"/account/tokens/{number}/revoke", other).status_code == 409
    token = service.become("lea")
    assert service.post(f"/account/tokens/{number}/revoke", token).status_code == 303
    service.browser.cookies.clear()
    assert service.browser.get("/", headers=headers, follow_redirects=False).status_code == 303


def test_leaving_forgets_the_person(service) -> None:
    token = service.become("ann")
    assert service.post("/account/erase", token, current="no").status_code == 422
    assert service.post("/account/erase", token, current=service.password).status_code == 303
    assert service.browser.get("/", follow_redirects=False).status_code == 303
    assert "ann" not in members(service)
    token = service.become("ada")
    answer = service.post("/account/erase", token, current=service.password)
    assert answer.status_code == 409 and "only admin" in answer.text


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"action": "password", "password": "short"}, "10 to 1000"),
        ({"action": "dance"}, "no action"),
    ],
)
def test_admins_mistakes_are_named(service, data, problem) -> None:
    token = service.become("ada")
    answer = service.post(f"/accounts/{find(service, 'ann')}", token, **data)
    assert answer.status_code == 422 and problem in answer.text


def test_an_admin_keeps_the_accounts(service) -> None:
    token = service.become("ada")
    assert service.post("/accounts", token, login="bob", password=NEW).status_code == 303
    assert service.post("/accounts", token, login="bob", password=NEW).status_code == 422
    path = f"/accounts/{find(service, 'bob')}"
    assert service.post(path, token, action="password", password=NEW + "er").status_code == 303
    assert service.post(path, token, action="admin").status_code == 303
    assert "bob" in service.browser.get("/accounts").text
    assert service.post(f"/accounts/{find(service, 'ada')}", token, action="no-admin").status_code == 303
    assert service.browser.get("/accounts").status_code == 404, "no admin any more"
    assert service.sign_in("bob", NEW + "er").status_code == 303
    page = service.browser.get("/accounts")
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
    assert service.post(f"/accounts/{find(service, 'ann')}", token, action="erase").status_code == 303
    with service.database.reading() as session:
        assert find_account(session, "ann") is None


def test_the_command_makes_a_link(service, capsys) -> None:
    command = ["annotator", "invite", "--project", "stories", "--uses", "2", "--url", "http://testserver/"]
    assert main(command) == 0
    link, what = capsys.readouterr().out.splitlines()
    assert "annotator in 'stories', for 2 people, 7 days" in what
    assert "Join “stories”" in service.browser.get(link.removeprefix("http://testserver")).text
    assert main([*command[:3], "nothing"]) == 1
    assert "no project 'nothing'" in capsys.readouterr().err
    assert main([*command, "--role", "king"]) == 1
