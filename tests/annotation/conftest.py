"""A service on a database of the test's own, and people to sign in as."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import Response
from fastapi.testclient import TestClient

from annotation.app import create_app
from annotation.passwords import hash_password
from annotation.sessions import COOKIE
from annotation.settings import Settings
from storage.accounts import add_membership, create_account, find_account
from storage.database import Database, init_database, open_database
from storage.projects import create_project

PASSWORD = "correct horse battery"


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy: that is much faster than making one."""
    path = tmp_path_factory.mktemp("ready") / "accord.db"
    init_database(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture
def database(home: Path, ready: Path) -> Iterator[Database]:
    home.mkdir()
    shutil.copy(ready, home / "accord.db")
    database = open_database()
    yield database
    database.dispose()


@dataclass
class Service:
    """The service, its database, and a browser that nobody is signed in with."""

    database: Database
    browser: TestClient
    password: str = PASSWORD

    def csrf(self, page: str = "/sign-in") -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.browser.get(page).text)
        assert found is not None, f"no form on {page}"
        return found[1]

    def sign_in(self, login: str, password: str = PASSWORD):
        return self.browser.post(
            "/sign-in",
            data={"login": login, "password": password, "csrf": self.csrf()},
            follow_redirects=False,
        )

    def become(self, login: str) -> str:
        """Sign in without the password, which takes its time to check; the token that forms must carry."""
        sessions = self.browser.app.state.sessions
        with self.database.reading() as session:
            account = find_account(session, login)
        begun = sessions.begin(account.id, account.password_hash)
        response = Response()
        sessions.write(response, begun)
        self.browser.cookies.clear()
        self.browser.cookies.set(COOKIE, response.headers["set-cookie"].split(";")[0].split("=", 1)[1])
        return begun.csrf

    def post(self, path: str, token: str, **data):
        """Send a form of one of the pages."""
        return self.browser.post(path, data={"csrf": token, **data}, follow_redirects=False)


@pytest.fixture(scope="session")
def password_hash() -> str:
    return hash_password(PASSWORD)


@pytest.fixture
def service(database: Database, password_hash: str) -> Iterator[Service]:
    """Projects `stories` and `secret`, and people to sign in as.

    ada is admin; in stories lea is lead, ann annotator, rev reviewer, res researcher; sec leads secret; nil has no role.
    """
    with database.writing() as session:
        stories = create_project(session, "stories", description="<b>bold</b> & plain")
        secret = create_project(session, "secret")
        create_account(session, "ada", password_hash, is_admin=True)
        for login, role in (
            ("lea", "lead"),
            ("ann", "annotator"),
            ("rev", "reviewer"),
            ("res", "researcher"),
        ):
            add_membership(session, create_account(session, login, password_hash), stories.id, role)
        create_account(session, "nil", password_hash)
        add_membership(session, create_account(session, "sec", password_hash), secret.id, "lead")
    settings = Settings(environment="development", secret_key="a secret of the test, 32 characters")
    with TestClient(create_app(settings, database), base_url="http://testserver") as browser:
        yield Service(database, browser)
