"""Extreme values in the address, a database that is away, settings that two leads change, and where webhooks may lead."""

import re
from html import unescape
from urllib.parse import quote, urlsplit

import pytest
from sqlalchemy.exc import OperationalError

from annotation.addresses import is_public
from annotation.webhooks import NotTold, _post
from storage.accounts import find_account, set_password_hash
from storage.database import Database, Unavailable
from storage.projects import get_project
from tests.annotation.test_every_route import ROUTES

EXTREMES = (
    "0001-01-01",
    "9999-12-31",
    "10000-01-01",
    "-1",
    "0",
    "9" * 30,
    "1e308",
    "nan",
    "",
    "\x00",
    "%",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "'; DROP TABLE submission; --",
    "x" * 5000,
)
PARAMETERS = {
    "/projects/stories/pay": ("first", "last"),
    "/projects/stories/pay.csv": ("first", "last"),
    "/api/v1/projects/stories/pay": ("first", "last"),
    "/projects/stories/preview": ("at",),
    "/projects/stories/history": ("before",),
    "/projects/stories/guideline": ("version",),
    "/projects/stories/guidelines": ("done",),
    "/projects/stories/settings": ("done",),
    "/projects/stories/rank": ("revise",),
    "/api/v1/projects/stories/history": ("before", "limit"),
    "/account": ("done",),
    "/projects/stories/members": ("done",),
    "/": ("x",),
}

# Loopback, private, link-local, shared, unspecified, multicast, reserved, documentation, benchmarks, relays.
# Then the same in wrappers: mapped, compatible, NAT64 (well-known and local), 6to4, Teredo, ISATAP.
INSIDE = """
127.0.0.1 127.255.255.254 10.0.0.1 172.16.0.1 192.168.0.1 169.254.169.254 100.64.0.1 0.0.0.0 0.1.2.3
224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 192.0.2.1 198.51.100.1 203.0.113.1 198.18.0.1 192.0.0.1
192.88.99.1 :: ::1 fe80::1 fe80::1%eth0 fc00::1 fd12::1 fec0::1 ff02::1 ff0e::1 2001:db8::1 3fff::1 100::1
::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:224.0.0.1 ::127.0.0.1 ::8.8.8.8
64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::808:808 2002:7f00:1::1 2002:a00:1::1
2002:a9fe:a9fe::1 2002:e000:1::1 2001:0:808:808::1 2606:4700::5efe:a00:1 2606:4700::200:5efe:7f00:1
"""


def test_no_value_in_an_address_makes_the_service_fail(service) -> None:
    for who in ("lea", "ann"):
        service.become(who)
        for path, names in PARAMETERS.items():
            for name in names:
                for value in EXTREMES:
                    answer = service.browser.get(f"{path}?{name}={quote(value)}")
                    assert answer.status_code < 500, (path, name, value[:40])


def test_no_number_in_a_path_makes_the_service_fail(service) -> None:
    service.become("lea")
    for route in ROUTES:
        method, path = route.split()
        if method == "GET" and re.search(r"{\w*(_id|submission|question|dispute)\w*}", path):
            for value in ("0", "-1", str(2**63), "9" * 40, "x"):
                found = re.sub(r"{\w*(_id|submission|question|dispute)\w*}", value, path)
                answer = service.browser.get(re.sub(r"{\w+}", "stories", found))
                assert answer.status_code < 500, (found, answer.text[:200])


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("the database is busy, full or away, and kept nothing: locked"),
        OperationalError("SELECT 1", {}, Exception("server closed the connection")),
    ],
)
def test_a_database_that_is_away_is_said_on_a_page_to_people_and_in_json_to_programs(
    service, monkeypatch, error
) -> None:
    token = service.become("lea")

    def away(self):
        raise error

    monkeypatch.setattr(Database, "reading", away)
    page = service.browser.get("/projects/stories")
    assert page.status_code == 503 and page.headers["content-type"].startswith("text/html")
    assert "again" in page.text and page.headers["retry-after"] == "1"
    answer = service.browser.get("/api/v1/projects")
    assert answer.status_code == 503 and answer.json()["error"]["code"] == "try-again"
    sent = service.browser.post("/projects/stories/status", data={"csrf": token, "status": "open"})
    assert sent.status_code == 503 and "<html" in sent.text


def settings_form(service) -> dict[str, str]:
    """The fields of the settings page as a browser would send them."""
    text = service.browser.get("/projects/stories/settings").text
    form = dict(re.findall(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"', text))
    form |= dict(re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>([^<]*)</textarea>', text))
    return {name: unescape(value) for name, value in form.items()}


def test_of_two_leads_who_change_settings_the_slower_is_told(service) -> None:
    service.become("lea")
    mine, theirs = settings_form(service), settings_form(service)
    assert mine["version"]

    def send(form, **changes):
        return service.browser.post(
            "/projects/stories/settings", data={**form, **changes}, follow_redirects=False
        )

    assert send(theirs, description="theirs").status_code == 303
    refused = send(mine, description="what I typed", lease_minutes="17")
    assert refused.status_code == 409
    assert "Somebody changed these settings" in refused.text and "nothing was saved" in refused.text
    assert "what I typed" in refused.text and 'value="17"' in refused.text, "what was typed is kept"
    assert "description, lease minutes" in unescape(refused.text) or "lease minutes" in refused.text
    with service.database.reading() as session:
        assert get_project(session, "stories").description == "theirs"
    version = re.search(r'name="version" value="(\w+)"', refused.text)[1]
    assert send(mine, description="what I typed", version=version).status_code == 303, "knowingly"
    with service.database.reading() as session:
        assert get_project(session, "stories").description == "what I typed"


def test_a_status_changed_meanwhile_is_kept_and_refuses_nothing(service) -> None:
    token = service.become("lea")
    form = settings_form(service)
    pause = service.browser.post(
        "/projects/stories/status", data={"csrf": token, "status": "paused"}, follow_redirects=False
    )
    assert pause.status_code == 303
    saved = service.browser.post("/projects/stories/settings", data=form, follow_redirects=False)
    assert saved.status_code == 303
    with service.database.reading() as session:
        assert get_project(session, "stories").settings["status"] == "paused"


def test_a_session_of_an_old_password_changes_no_language(service) -> None:
    token = service.become("ann")

    def choose(language: str) -> str:
        service.browser.post("/language", data={"csrf": token, "language": language}, follow_redirects=False)
        with service.database.reading() as session:
            return find_account(session, "ann").locale

    assert choose("zh") == "zh"
    with service.database.writing() as session:
        set_password_hash(session, find_account(session, "ann").id, "another hash")
    assert choose("en") == "zh"


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)
def test_addresses_of_the_open_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", INSIDE.split())
def test_addresses_inside_a_network_however_they_are_written(address: str) -> None:
    assert not is_public(address)


def test_a_name_that_moves_between_look_and_use_is_used_as_it_was_looked_up(monkeypatch) -> None:
    """Its first answer is open and its second inside: one look alone is made, and that address is connected to."""
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    connected = []

    def look(host, port, **more):
        return [(2, 1, 6, "", (each, port)) for each in next(answers)]

    def connect(place, timeout):
        connected.append(place)
        raise ConnectionRefusedError("as far as this test goes")

    monkeypatch.setattr("annotation.webhooks.socket.getaddrinfo", look)
    monkeypatch.setattr("annotation.webhooks.socket.create_connection", connect)
    with pytest.raises(ConnectionRefusedError):
        _post(urlsplit("https://moving.example/"), b"", {}, allow_private=False)
    assert connected == [("8.8.8.8", 443)]
    with pytest.raises(NotTold, match=r"127\.0\.0\.1, an address inside a network"):
        _post(urlsplit("https://moving.example/"), b"", {}, allow_private=False)
    assert len(connected) == 1
