"""What ties a project to Label Studio: projects there, tasks, annotations, and who is who."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, BigId, Id, ProjectId, utc_now
from storage.tables.people import one_of

LAYOUTS = ("ranker", "pairwise")
ANNOTATION_STATES = ("taken", "rejected", "deleted")


class LabelStudioProject(Base):
    """A project of Label Studio in which one criterion of ours is ranked."""

    __tablename__ = "label_studio_project"
    __table_args__ = (one_of("layout", LAYOUTS),)

    id: Mapped[Id]
    project_id: Mapped[ProjectId]
    url: Mapped[str]
    """The server's address; empty where tasks and annotations travel as files."""
    number: Mapped[int | None] = mapped_column(BigId)
    """The project's id there; None before it is made, and for files."""
    criterion: Mapped[str]
    layout: Mapped[str]
    tiers: Mapped[int]
    """Buckets of a Ranker."""
    seed: Mapped[int] = mapped_column(BigId)
    """What the orders shown were drawn from."""
    token_env: Mapped[str]
    """The environment variable that holds the token: the token itself is never stored."""
    webhook_hash: Mapped[str | None]
    """Hash of the secret that a webhook must bring."""
    guidelines: Mapped[list[Any]] = mapped_column(default=list)
    """Pairs of a moment (ISO 8601) and the guideline version shown from then on."""
    pulled_to: Mapped[str | None]
    """The newest change of a task that a pull has seen, in the server's own words."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    closed_at: Mapped[datetime | None]
    """When it was given up for a new one."""


class LabelStudioTask(Base):
    """A comparison as a task of Label Studio."""

    __tablename__ = "label_studio_task"
    __table_args__ = (UniqueConstraint("link_id", "comparison_id"),)

    id: Mapped[Id]
    link_id: Mapped[int] = mapped_column(ForeignKey("label_studio_project.id"))
    comparison_id: Mapped[int] = mapped_column(ForeignKey("comparison.id"), index=True)
    key: Mapped[str] = mapped_column(unique=True)
    """The random name under which the task's data knows it: an id of ours would tell too much."""
    order: Mapped[list[Any]] = mapped_column("shown_order")
    """`order[p]` is the completion shown at position p."""
    item_ids: Mapped[list[Any]]
    """The opaque id of the item at each position."""
    number: Mapped[int | None] = mapped_column(BigId)
    """The task's id there; None until the server has said that it has it."""


class LabelStudioPerson(Base):
    """Whoever annotates in Label Studio, and the pseudonym that their labels carry here."""

    __tablename__ = "label_studio_person"
    __table_args__ = (UniqueConstraint("url", "person"),)

    id: Mapped[Id]
    url: Mapped[str]
    person: Mapped[str]
    """Their user id there, or a hash of the address where a file gives no id."""
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), index=True)


class LabelStudioAnnotation(Base):
    """What became of an annotation."""

    __tablename__ = "label_studio_annotation"
    __table_args__ = (UniqueConstraint("task_id", "number"), one_of("state", ANNOTATION_STATES))

    id: Mapped[Id]
    task_id: Mapped[int] = mapped_column(ForeignKey("label_studio_task.id"))
    number: Mapped[int] = mapped_column(BigId)
    person_id: Mapped[int] = mapped_column(ForeignKey("label_studio_person.id"), index=True)
    content_hash: Mapped[str]
    """Of all that a label is made from: an annotation that says the same again is known."""
    state: Mapped[str]
    submission_id: Mapped[int | None] = mapped_column(ForeignKey("submission.id"), index=True)
    """The latest submission made of it."""
    problem: Mapped[str | None]
    """Why its present content was rejected."""
    seen_at: Mapped[datetime] = mapped_column(default=utc_now)
