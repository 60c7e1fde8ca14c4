"""Webhooks: who is told what, and what each was told or has yet to be."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, BigId, Id, ProjectId, utc_now

WAITING = "delivered_at IS NULL AND given_up_at IS NULL"


class Webhook(Base):
    """An address that is told of a project's events. Its secret is made from the service's key and the nonce."""

    __tablename__ = "webhook"

    id: Mapped[Id]
    project_id: Mapped[ProjectId]
    url: Mapped[str]
    events: Mapped[list[Any]]
    nonce: Mapped[str]
    first_submission: Mapped[int] = mapped_column(BigId)
    """It is told of submissions from this id on: those before it were made when nobody listened."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    removed_at: Mapped[datetime | None]


class WebhookEvent(Base):
    """One thing to tell one webhook; told in the order of the ids."""

    __tablename__ = "webhook_event"
    __table_args__ = (
        UniqueConstraint("webhook_id", "subject"),
        Index(
            "ix_webhook_event_waiting",
            "webhook_id",
            "id",
            sqlite_where=text(WAITING),
            postgresql_where=text(WAITING),
        ),
    )

    id: Mapped[Id]
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhook.id"))
    kind: Mapped[str]
    subject: Mapped[str]
    """What it is about, so that it is told once."""
    body: Mapped[dict[str, Any]]
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime] = mapped_column(default=utc_now)
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    delivered_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
