"""A service on a database of the test's own, and people to sign in as."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from annotation.app import create_app
from annotation.passwords import hash_password
from annotation.settings import Settings
from storage.accounts import add_membership, create_account
from storage.database import Database, init_database
from storage.projects import create_project

PASSWORD = "correct horse battery"


@pytest.fixture
def database(home: Path) -> Iterator[Database]:
    database = init_database()
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


@pytest.fixture(scope="session")
def password_hash() -> str:
    return hash_password(PASSWORD)


@pytest.fixture
def service(database: Database, password_hash: str) -> Iterator[Service]:
    """Projects `stories` and `secret`; ada is admin, lea leads stories, ann annotates it, nil has no role."""
    with database.writing() as session:
        stories = create_project(session, "stories", description="<b>bold</b> & plain")
        create_project(session, "secret")
        create_account(session, "ada", password_hash, is_admin=True)
        for login, role in (("lea", "lead"), ("ann", "annotator")):
            add_membership(session, create_account(session, login, password_hash), stories.id, role)
        create_account(session, "nil", password_hash)
    settings = Settings(environment="development", secret_key="a secret of the test, 32 characters")
    with TestClient(create_app(settings, database), base_url="http://testserver") as browser:
        yield Service(database, browser)
