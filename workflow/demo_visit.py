"""A visit to the demo: a newcomer ranks by hand what the simulated annotators ranked."""

import secrets
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from annotation.passwords import hash_password
from storage.accounts import add_membership, create_account, find_account, set_password_hash
from storage.database import Database
from storage.projects import find_project
from storage.tables import Comparison, GuidelineVersion, Project
from storage.voting import put_policy_in_force
from workbench.errors import DataError
from workbench.home import runs_folder
from workflow.demo_world import GUIDELINE_VERSION

LOGIN = "newcomer"
ROLES = ("annotator", "reviewer")
"""To rank, and to see the figures."""
VOTES = 4
"""One more than the simulated annotators give at most, so that each comparison wants the newcomer's."""


@dataclass(frozen=True, kw_only=True)
class Visit:
    """The newcomer's account."""

    account_id: int
    password_hash: str


def prepare_visit(database: Database, project_name: str) -> Visit:
    """Open the demo's comparisons to a newcomer, those first that several others ranked; twice is as good as once."""
    with database.writing() as session:
        project = find_project(session, project_name)
        if project is None:
            raise DataError(f"there is no project '{project_name}' to rank in; 'accord demo' makes it")
        # Nobody knows this password: the way in is the address that the command prints.
        password_hash = hash_password(secrets.token_urlsafe(24))
        account = find_account(session, LOGIN)
        account_id = account.id if account else create_account(session, LOGIN, password_hash, actor="demo")
        set_password_hash(session, account_id, password_hash)
        for role in ROLES:
            add_membership(session, account_id, project.id, role, actor="demo")
        stored = session.get_one(Project, project.id)
        stored.settings = {**stored.settings, "policy": {"kind": "overlap", "overlap": VOTES}}
        _add_guideline_text(session, project.id, project_name)
        session.execute(
            update(Comparison)
            .where(Comparison.project_id == project.id, Comparison.votes > 1)
            .values(priority=1.0)
        )
    with database.writing() as session:
        put_policy_in_force(session, project.id)
    return Visit(account_id=account_id, password_hash=password_hash)


def _add_guideline_text(session: Session, project_id: int, run: str) -> None:
    """Imported labels name the guideline; its text lies in the demo's folder."""
    text = runs_folder() / run / "guideline.md"
    version = session.scalar(
        select(GuidelineVersion).where(
            GuidelineVersion.project_id == project_id, GuidelineVersion.version == GUIDELINE_VERSION
        )
    )
    if version is not None and version.text is None and text.is_file():
        version.text = text.read_text(encoding="utf-8")
