"""The bridge's rows: links to projects of Label Studio, tasks, people, and the labels that annotations make."""

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.annotators import ensure_annotators
from storage.comparisons import read_comparisons
from storage.guidelines import Guideline, find_guideline
from storage.submissions import ranking_content_hash
from storage.tables import (
    Annotator,
    Comparison,
    ComparisonItem,
    LabelStudioAnnotation,
    LabelStudioPerson,
    LabelStudioProject,
    LabelStudioTask,
    Ranking,
    Submission,
)
from workbench import records
from workbench.errors import DataError


def open_links(session: Session, project_id: int, criterion: str | None = None) -> list[LabelStudioProject]:
    """The project's links that were not given up, the oldest first."""
    query = select(LabelStudioProject).where(
        LabelStudioProject.project_id == project_id, LabelStudioProject.closed_at.is_(None)
    )
    if criterion is not None:
        query = query.where(LabelStudioProject.criterion == criterion)
    return list(session.scalars(query.order_by(LabelStudioProject.id)))


def get_link(session: Session, link_id: int) -> LabelStudioProject:
    """The link of that id; DataError if there is none."""
    link = session.get(LabelStudioProject, link_id)
    if link is None:
        raise DataError(f"no link {link_id} to Label Studio")
    return link


def comparisons_without_task(
    session: Session, link: LabelStudioProject, *, page: int = 500
) -> Iterator[list[tuple[int, records.Comparison]]]:
    """The project's comparisons that have no task yet, with their ids here, a page at a time, by record id."""
    has_task = select(LabelStudioTask.comparison_id).where(LabelStudioTask.link_id == link.id)
    last = ""
    while True:
        query = (
            select(Comparison.record_id, Comparison.id)
            .where(
                Comparison.project_id == link.project_id,
                Comparison.record_id > last,
                Comparison.id.not_in(has_task),
            )
            .order_by(Comparison.record_id)
            .limit(page)
        )
        keys = dict(session.execute(query).all())
        if not keys:
            return
        yield [(keys[c.id], c) for c in read_comparisons(session, link.project_id, ids=keys)]
        last = max(keys)


def comparisons_by_record(
    session: Session, project_id: int, comparison_ids: Iterable[int]
) -> dict[int, records.Comparison]:
    """The comparisons of these ids, by id."""
    query = select(Comparison.record_id, Comparison.id).where(Comparison.id.in_(list(comparison_ids)))
    keys = dict(session.execute(query).all())
    return {keys[c.id]: c for c in read_comparisons(session, project_id, ids=keys)}


def count_tasks(session: Session, link_id: int) -> int:
    """How many comparisons the link has planned or sent."""
    query = select(func.count()).select_from(LabelStudioTask).where(LabelStudioTask.link_id == link_id)
    return session.scalar(query) or 0


def unsent_tasks(session: Session, link_id: int) -> list[LabelStudioTask]:
    """Tasks that were planned and that the server has not said that it has."""
    query = select(LabelStudioTask).where(
        LabelStudioTask.link_id == link_id, LabelStudioTask.number.is_(None)
    )
    return list(session.scalars(query.order_by(LabelStudioTask.id)))


def all_tasks(session: Session, link_id: int) -> list[LabelStudioTask]:
    """All tasks of a link."""
    query = select(LabelStudioTask).where(LabelStudioTask.link_id == link_id)
    return list(session.scalars(query.order_by(LabelStudioTask.id)))


def tasks_by_key(session: Session, link_id: int, keys: Iterable[str]) -> dict[str, LabelStudioTask]:
    """The link's tasks of these keys."""
    query = select(LabelStudioTask).where(
        LabelStudioTask.link_id == link_id, LabelStudioTask.key.in_(list(keys))
    )
    return {task.key: task for task in session.scalars(query)}


def annotations_of(session: Session, task_id: int) -> dict[int, LabelStudioAnnotation]:
    """What is known of a task's annotations, by their number."""
    query = select(LabelStudioAnnotation).where(LabelStudioAnnotation.task_id == task_id)
    return {row.number: row for row in session.scalars(query)}


def standing_rejections(
    session: Session, link_id: int
) -> Sequence[tuple[LabelStudioAnnotation, LabelStudioTask]]:
    """Annotations of the link whose latest content was rejected."""
    query = (
        select(LabelStudioAnnotation, LabelStudioTask)
        .join(LabelStudioTask, LabelStudioTask.id == LabelStudioAnnotation.task_id)
        .where(LabelStudioTask.link_id == link_id, LabelStudioAnnotation.state == "rejected")
        .order_by(LabelStudioAnnotation.id)
    )
    return [(annotation, task) for annotation, task in session.execute(query)]


def ensure_person(session: Session, url: str, person: str) -> LabelStudioPerson:
    """The person's row, made with a new pseudonym if they are new."""
    query = select(LabelStudioPerson).where(LabelStudioPerson.url == url, LabelStudioPerson.person == person)
    found = session.scalar(query)
    if found is None:
        pseudonym = f"ls-{secrets.token_hex(4)}"
        annotators = ensure_annotators(session, {pseudonym: "person"})
        found = LabelStudioPerson(url=url, person=person, annotator_id=annotators[pseudonym])
        session.add(found)
        session.flush()
    return found


def pseudonym_of(session: Session, person_id: int) -> str:
    """The pseudonym of a person's labels."""
    query = (
        select(Annotator.pseudonym)
        .join(LabelStudioPerson, LabelStudioPerson.annotator_id == Annotator.id)
        .where(LabelStudioPerson.id == person_id)
    )
    return session.execute(query).scalar_one()


def hide_address(address: str) -> str:
    """A name for a person of whom nothing is known but an e-mail address, which is not kept."""
    return "mail:" + hashlib.sha256(address.strip().lower().encode()).hexdigest()[:32]


def greatest_overlap(session: Session, project_id: int) -> int:
    """The greatest number of votes that a comparison of the project should get."""
    query = select(func.max(Comparison.target_overlap)).where(Comparison.project_id == project_id)
    return max(session.scalar(query) or 1, 1)


def largest_comparison(session: Session, project_id: int) -> int:
    """How many completions the project's largest comparison has."""
    query = (
        select(func.max(ComparisonItem.position))
        .join(Comparison, Comparison.id == ComparisonItem.comparison_id)
        .where(Comparison.project_id == project_id)
    )
    last = session.scalar(query)
    return 0 if last is None else last + 1


def guideline_at(session: Session, link: LabelStudioProject, at: datetime) -> Guideline | None:
    """The version of the guideline that the link showed at that moment."""
    shown = [version for since, version in link.guidelines if datetime.fromisoformat(since) <= at]
    return find_guideline(session, link.project_id, shown[-1]) if shown else None


def add_label(
    session: Session,
    task: LabelStudioTask,
    annotator_id: int,
    ranking: records.Ranking,
    *,
    guideline_id: int | None,
    supersedes: int | None,
) -> int:
    """Write the submission that an annotation makes, with its one ranking; returns the submission's id.

    A correction names the submission that it `supersedes`. The ranking's id says which content of which annotation
    it is, so the database refuses to write the same one twice.
    """
    before = None if supersedes is None else session.get(Submission, supersedes)
    submission = Submission(
        comparison_id=task.comparison_id,
        annotator_id=annotator_id,
        annotator_kind=ranking.annotator_kind,
        origin="file",
        revision=1 if before is None else before.revision + 1,
        supersedes_id=supersedes,
        guideline_version_id=guideline_id,
        outcome=ranking.outcome,
        reason=ranking.reason,
        order=task.order,
        at=ranking.at,
        seconds=ranking.seconds,
        note=ranking.note,
        idempotency_key=f"label-studio:{ranking.id}",
    )
    session.add(submission)
    session.flush()
    session.add(
        Ranking(
            submission_id=submission.id,
            comparison_id=task.comparison_id,
            record_id=ranking.id,
            criterion=ranking.criterion,
            ranks=None if ranking.ranks is None else list(ranking.ranks),
            strength=ranking.strength,
            content_hash=ranking_content_hash(ranking),
        )
    )
    session.flush()
    return submission.id
