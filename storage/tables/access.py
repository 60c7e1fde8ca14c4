"""Ways in beside a login's password: invitations for people, tokens for scripts. Of both only the hash is kept."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, Id, ProjectId, utc_now
from storage.tables.people import ROLES, one_of


class Invitation(Base):
    """A link that gives a role in a project, so many times and until a moment."""

    __tablename__ = "invitation"
    __table_args__ = (one_of("role", ROLES),)

    id: Mapped[Id]
    project_id: Mapped[ProjectId]
    role: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    uses: Mapped[int]
    """How many may follow it."""
    used: Mapped[int] = mapped_column(default=0)
    """How many did."""
    actor: Mapped[str]
    """Who made it."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class ApiToken(Base):
    """A token with which a script acts as an account."""

    __tablename__ = "api_token"

    id: Mapped[Id]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    name: Mapped[str]
    """What it is for, in its owner's words."""
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    """To the minute: a busy script would otherwise write on every request."""
    revoked_at: Mapped[datetime | None]
