"""People and what they work under: accounts, annotators, projects, memberships, guideline versions."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, ByteOrdered, Id, ProjectId, utc_now
from workbench.records import ANNOTATOR_KINDS

ROLES = ("annotator", "reviewer", "lead", "researcher")


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """A check that the column holds one of the values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Project(Base):
    """One labeling effort: its prompts, comparisons, criteria and guideline."""

    __tablename__ = "project"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    salt: Mapped[str]
    """Goes into the hash that decides a prompt's split; never changes, or prompts would change split."""
    description: Mapped[str] = mapped_column(default="")
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What the service asks and how it gives out work; `annotation.project_settings` says what may stand here."""
    policy_applied: Mapped[str | None]
    """The overlap policy that the comparisons' targets were last set by, as JSON."""
    queued: Mapped[int] = mapped_column(default=0)
    """Ordinary comparisons that wanted votes at the last count; those closed since are in `project_annotator`."""
    changes: Mapped[int] = mapped_column(default=0)
    """How often what the project holds was changed otherwise than by an annotator's answer: imports, withdrawals."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Annotator(Base):
    """Whoever ranks, under a pseudonym: the only name that labels, files and reports carry."""

    __tablename__ = "annotator"
    __table_args__ = (one_of("kind", ANNOTATOR_KINDS),)

    id: Mapped[Id]
    pseudonym: Mapped[str] = mapped_column(ByteOrdered, unique=True)
    kind: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Account(Base):
    """A login. It can be erased; the annotator it belonged to, and the labels, stay."""

    __tablename__ = "account"

    id: Mapped[Id]
    login: Mapped[str | None] = mapped_column(unique=True)
    password_hash: Mapped[str | None]
    locale: Mapped[str] = mapped_column(default="en")
    is_admin: Mapped[bool] = mapped_column(default=False)
    annotator_id: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    erased_at: Mapped[datetime | None]


class Membership(Base):
    """What an account may do in a project."""

    __tablename__ = "membership"
    __table_args__ = (UniqueConstraint("project_id", "account_id", "role"), one_of("role", ROLES))

    id: Mapped[Id]
    project_id: Mapped[ProjectId]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    role: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class GuidelineVersion(Base):
    """One version of a project's guideline; a label is tied to the version that it was made under."""

    __tablename__ = "guideline_version"
    __table_args__ = (UniqueConstraint("project_id", "version"),)

    id: Mapped[Id]
    project_id: Mapped[ProjectId]
    version: Mapped[str] = mapped_column(ByteOrdered)
    text: Mapped[str | None]
    """None: the version is named by imported labels and its text is not known here."""
    changes: Mapped[str | None]
    """What is new in it, in a few words, for those who knew the version before."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class GuidelineAcknowledgement(Base):
    """An annotator has read a version of the guideline."""

    __tablename__ = "guideline_acknowledgement"

    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), primary_key=True)
    guideline_version_id: Mapped[int] = mapped_column(ForeignKey("guideline_version.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(default=utc_now)
