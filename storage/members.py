"""Members: the people of a project and their roles."""

from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage import audit
from storage.tables import Account, Annotator, Membership
from workbench.errors import DataError


@dataclass(frozen=True, kw_only=True)
class MemberRecord:
    """One member of a project."""

    account_id: int
    login: str
    roles: tuple[str, ...]
    pseudonym: str | None
    """What their labels are signed with, once they have made one."""


def list_members(session: Session, project_id: int) -> list[MemberRecord]:
    """A project's members, by login."""
    query = (
        select(Account.id, Account.login, Annotator.pseudonym, Membership.role)
        .join(Membership, Membership.account_id == Account.id)
        .outerjoin(Annotator, Annotator.id == Account.annotator_id)
        .where(Membership.project_id == project_id)
        .order_by(Account.login, Membership.role)
    )
    found: dict[int, MemberRecord] = {}
    for account_id, login, pseudonym, role in session.execute(query):
        before = found.get(account_id)
        found[account_id] = MemberRecord(
            account_id=account_id,
            login=login or "",
            roles=(*before.roles, role) if before else (role,),
            pseudonym=pseudonym,
        )
    return list(found.values())


def remove_membership(session: Session, account_id: int, project_id: int, role: str, *, actor: str) -> None:
    """Take a role from a member; DataError if they do not have it. What they made stays."""
    removed = session.execute(
        delete(Membership)
        .where(
            Membership.account_id == account_id, Membership.project_id == project_id, Membership.role == role
        )
        .returning(Membership.id)
    ).first()
    if removed is None:
        raise DataError(f"account {account_id} is not {role} in this project")
    audit.record(
        session, actor, "remove membership", f"account:{account_id}", {"project": project_id, "role": role}
    )
