"""What is refused: rights by role, requests that are too large; and what the audit trail keeps of it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from annotation.body_limit import MEBI
from annotation.rights import RIGHTS, may
from annotation.throttle import Throttle
from storage.accounts import AccountRecord
from storage.tables import Audit
from storage.tables.people import ROLES


def account(*roles: str, is_admin: bool = False) -> AccountRecord:
    held = {1: frozenset(roles)} if roles else {}
    return AccountRecord(id=1, login="x", password_hash=None, locale="en", is_admin=is_admin, roles=held)


def refusals(service) -> list[tuple[str, str]]:
    with service.database.reading() as session:
        query = select(Audit.actor, Audit.subject).where(Audit.action == "refused").order_by(Audit.id)
        return [tuple(row) for row in session.execute(query)]


def test_rights_name_only_roles_that_exist() -> None:
    assert set().union(*RIGHTS.values()) <= set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_counts_in_its_own_project_alone(role: str) -> None:
    rights = {right for right in RIGHTS if may(account(role), 1, right)}
    assert rights, f"{role} may do nothing"
    assert not [right for right in RIGHTS if may(account(role), 2, right)]


def test_admins_may_all_but_annotate_by_being_admin() -> None:
    assert {right for right in RIGHTS if may(account(is_admin=True), 1, right)} == set(RIGHTS) - {"annotate"}
    assert may(account("annotator", is_admin=True), 1, "annotate")


def test_refusals_are_written_down_with_who_and_what(service) -> None:
    service.sign_in("ann")
    service.browser.get("/projects/stories")
    service.browser.get("/projects/secret")
    service.browser.get("/projects/nothing")
    found = refusals(service)
    assert [subject for _, subject in found] == [
        "GET /projects/stories",
        "GET /projects/secret",
        "GET /projects/nothing",
    ]
    assert len({actor for actor, _ in found}) == 1 and found[0][0].startswith("account:")


def test_endless_refusals_do_not_fill_the_trail(service) -> None:
    service.browser.app.state.refusal_throttle = Throttle(3, 60, lambda: 0.0)
    service.sign_in("ann")
    for _ in range(10):
        assert service.browser.get("/projects/stories").status_code == 403
    assert len(refusals(service)) == 3


def test_strangers_leave_no_trace_in_the_trail(service) -> None:
    service.browser.get("/projects/stories")
    service.browser.get("/nowhere")
    assert refusals(service) == []


def test_a_body_that_is_too_large_is_not_read(service) -> None:
    data = {"login": "lea", "password": "x" * (2 * MEBI), "csrf": service.csrf()}
    answer = service.browser.post("/sign-in", data=data)
    assert answer.status_code == 413 and "larger than the 1 MB" in answer.text


def test_a_body_that_does_not_say_its_size_is_cut_off(service) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(50):
            taken += 1
            yield b"x" * MEBI

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = service.browser.post("/sign-in", content=endless(), headers=headers)
    assert answer.status_code == 413
