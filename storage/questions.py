"""Questions to the lead: asked on a task, answered for the one who asked."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from storage.tables import Annotator, Comparison, Prompt, Question
from workbench.errors import DataError


@dataclass(frozen=True, kw_only=True)
class QuestionRecord:
    """A question and, once there is one, its answer."""

    id: int
    project_id: int
    pseudonym: str
    comparison: str | None
    """The record id of the comparison it was asked on; for the lead only."""
    prompt: object
    text: str
    at: datetime
    answer: str | None
    answered_at: datetime | None


def ask(
    session: Session,
    project_id: int,
    annotator_id: int,
    comparison_id: int | None,
    text: str,
    *,
    now: datetime,
) -> int:
    """Write a question; returns its id."""
    question = Question(
        project_id=project_id,
        annotator_id=annotator_id,
        comparison_id=comparison_id,
        text=text,
        created_at=now,
    )
    session.add(question)
    session.flush()
    return question.id


def answer_question(session: Session, question_id: int, text: str, *, account_id: int, now: datetime) -> None:
    """Answer a question, or answer it anew."""
    question = session.get(Question, question_id)
    if question is None:
        raise DataError(f"no question {question_id}")
    question.answer, question.answered_by_id, question.answered_at = text, account_id, now
    session.flush()


def find_question(session: Session, question_id: int) -> QuestionRecord | None:
    """The question of that id."""
    found = _read(session, Question.id == question_id)
    return found[0] if found else None


def list_questions(
    session: Session, project_id: int, *, annotator_id: int | None = None
) -> list[QuestionRecord]:
    """A project's questions, newest first; one annotator's where that is given."""
    conditions = [Question.project_id == project_id]
    if annotator_id is not None:
        conditions.append(Question.annotator_id == annotator_id)
    return _read(session, *conditions)


def _read(session: Session, *conditions: ColumnElement[bool]) -> list[QuestionRecord]:
    query = (
        select(Question, Annotator.pseudonym, Comparison.record_id, Prompt.content)
        .join(Annotator, Annotator.id == Question.annotator_id)
        .outerjoin(Comparison, Comparison.id == Question.comparison_id)
        .outerjoin(Prompt, Prompt.id == Comparison.prompt_id)
        .where(*conditions)
        .order_by(Question.id.desc())
        .limit(1000)
    )
    return [
        QuestionRecord(
            id=row.id,
            project_id=row.project_id,
            pseudonym=pseudonym,
            comparison=record_id,
            prompt=prompt,
            text=row.text,
            at=row.created_at,
            answer=row.answer,
            answered_at=row.answered_at,
        )
        for row, pseudonym, record_id, prompt in session.execute(query)
    ]
