"""Invitations: links that give a role in a project to whoever follows them in time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import audit
from storage.accounts import add_membership, create_account
from storage.secret_tokens import hash_token, new_token
from storage.tables import Invitation, Project
from storage.tables.people import ROLES
from workbench.errors import DataError

MOST_USES = 1000
LONGEST = timedelta(days=90)


@dataclass(frozen=True, kw_only=True)
class InvitationRecord:
    """An invitation as its project's lead sees it; its token is known to those who hold the link alone."""

    id: int
    project_id: int
    project: str
    role: str
    uses: int
    used: int
    actor: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    def is_open(self, now: datetime) -> bool:
        """Whether it can still be followed."""
        return self.revoked_at is None and self.used < self.uses and self.expires_at > now


def create_invitation(
    session: Session,
    project_id: int,
    role: str,
    *,
    uses: int = 1,
    lasts: timedelta = timedelta(days=7),
    now: datetime,
    actor: str,
) -> str:
    """Make an invitation and return its token, which is shown this once."""
    if role not in ROLES:
        raise DataError(f"no role '{role}'; the roles are {', '.join(ROLES)}")
    if not 1 <= uses <= MOST_USES:
        raise DataError(
            f"an invitation can be used 1 to {MOST_USES} times, got {uses}",
            code="invitation_uses",
            most=MOST_USES,
            uses=uses,
        )
    if not timedelta(minutes=1) <= lasts <= LONGEST:
        raise DataError(
            f"an invitation lasts at most {LONGEST.days} days, got {lasts.total_seconds() / 86400:g}",
            code="invitation_days",
            most=LONGEST.days,
            days=f"{lasts.total_seconds() / 86400:g}",
        )
    token = new_token("invitation")
    row = Invitation(
        project_id=project_id,
        role=role,
        token_hash=hash_token(token),
        uses=uses,
        actor=actor,
        created_at=now,
        expires_at=now + lasts,
    )
    session.add(row)
    session.flush()
    audit.record(
        session,
        actor,
        "create invitation",
        f"invitation:{row.id}",
        {"project": project_id, "role": role, "uses": uses, "expires": row.expires_at.isoformat()},
    )
    return token


def find_invitation(session: Session, token: str, *, now: datetime) -> InvitationRecord | None:
    """The invitation of that token, if it can still be followed."""
    row = _locked(session, token, lock=False)
    return None if row is None or not row.is_open(now) else row


def list_invitations(session: Session, project_id: int) -> list[InvitationRecord]:
    """A project's invitations, newest first."""
    query = select(Invitation, Project.name).join(Project, Project.id == Invitation.project_id)
    found = session.execute(query.where(Invitation.project_id == project_id).order_by(Invitation.id.desc()))
    return [_record(row, name) for row, name in found]


def accept_with_new_account(
    session: Session, token: str, login: str, password_hash: str, *, locale: str, now: datetime
) -> int:
    """Make an account with the invitation's role and return its id; DataError if it is too late or the login taken."""
    invitation = _use(session, token, now=now)
    account_id = create_account(
        session, login, password_hash, locale=locale, actor=f"invitation:{invitation.id}"
    )
    _join(session, invitation, account_id)
    return account_id


def accept_with_account(session: Session, token: str, account_id: int, *, now: datetime) -> None:
    """Give an account that is there already the invitation's role; DataError if it is too late."""
    _join(session, _use(session, token, now=now), account_id)


def revoke_invitation(
    session: Session, project_id: int, invitation_id: int, *, now: datetime, actor: str
) -> None:
    """Let nobody follow it any more; whoever did keeps the role."""
    row = session.get(Invitation, invitation_id)
    if row is None or row.project_id != project_id:
        raise DataError(f"no invitation {invitation_id} in this project")
    if row.revoked_at is None:
        row.revoked_at = now
        audit.record(session, actor, "revoke invitation", f"invitation:{row.id}", {})
        session.flush()


def _use(session: Session, token: str, *, now: datetime) -> InvitationRecord:
    invitation = _locked(session, token, lock=True)
    if invitation is None or not invitation.is_open(now):
        raise DataError(
            "this invitation was used up, withdrawn or is too old; ask for another", code="invitation_text"
        )
    session.get_one(Invitation, invitation.id).used += 1
    return invitation


def _join(session: Session, invitation: InvitationRecord, account_id: int) -> None:
    add_membership(
        session, account_id, invitation.project_id, invitation.role, actor=f"invitation:{invitation.id}"
    )


def _locked(session: Session, token: str, *, lock: bool) -> InvitationRecord | None:
    query = (
        select(Invitation, Project.name)
        .join(Project, Project.id == Invitation.project_id)
        .where(Invitation.token_hash == hash_token(token))
    )
    if lock:
        # Two who follow a link's last use at once: the second waits, and then sees that it is used up.
        query = query.with_for_update(of=Invitation).execution_options(populate_existing=True)
    row = session.execute(query).first()
    return None if row is None else _record(row[0], row[1])


def _record(row: Invitation, project: str) -> InvitationRecord:
    return InvitationRecord(
        id=row.id,
        project_id=row.project_id,
        project=project,
        role=row.role,
        uses=row.uses,
        used=row.used,
        actor=row.actor,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
