"""Projects of the caller, and the questions and guideline in them."""

from datetime import UTC, datetime

from fastapi import APIRouter

from annotation.access import NotFound, visible_projects
from annotation.api.callers import Calling, Seeing
from annotation.api.models import (
    AcknowledgeBody,
    AnswerBody,
    Asked,
    Done,
    GuidelineText,
    ProjectEntry,
    Projects,
    QuestionEntry,
    Questions,
    RowId,
)
from annotation.api.shown import prompt_start
from annotation.markdown import to_html
from annotation.project_settings import read_settings
from annotation.rights import may
from storage.accounts import AccountRecord
from storage.guidelines import acknowledge, current_guideline, find_guideline
from storage.projects import ProjectRecord
from storage.questions import answer_question, find_question, list_questions

router = APIRouter(prefix="/api/v1", tags=["projects"])


@router.get("/projects")
def projects(calling: Calling) -> Projects:
    """The projects in which the account has a role."""
    with calling.database.reading() as session:
        found = visible_projects(session, calling.account)
    return Projects(projects=[_entry(project, calling.account) for project in found])


@router.get("/projects/{project}/guideline")
def guideline(project: Seeing, calling: Calling, version: str | None = None) -> GuidelineText:
    """The guideline in force, or the version asked for."""
    with calling.database.reading() as session:
        if version is None:
            found = current_guideline(session, project.id)
        else:
            found = find_guideline(session, project.id, version)
    if found is None:
        raise NotFound("guideline")
    return GuidelineText(
        version=found.version, markdown=found.text, html=to_html(found.text), changes=found.changes
    )


@router.post("/projects/{project}/guideline/acknowledge")
def acknowledge_guideline(project: Seeing, calling: Calling, body: AcknowledgeBody) -> Done:
    """Say that the version was read."""
    with calling.database.writing() as session:
        found = find_guideline(session, project.id, body.version)
        if found is None:
            raise NotFound("guideline")
        acknowledge(session, calling.annotator(session).id, found.id)
    return Done()


@router.get("/projects/{project}/questions")
def questions(project: Seeing, calling: Calling) -> Questions:
    """An annotator's own questions with their answers; for leads, everybody's."""
    leads = may(calling.account, project.id, "lead")
    annotator = calling.account.annotator
    if not leads and annotator is None:
        return Questions(questions=[])
    with calling.database.reading() as session:
        found = list_questions(
            session, project.id, annotator_id=None if leads or annotator is None else annotator.id
        )
    return Questions(
        questions=[
            QuestionEntry(
                id=question.id,
                text=question.text,
                at=question.at.isoformat(),
                prompt_start=None if question.prompt is None else prompt_start(question.prompt),
                answer=question.answer,
                answered_at=question.answered_at.isoformat() if question.answered_at else None,
                annotator=question.pseudonym if leads else None,
                comparison=question.comparison if leads else None,
            )
            for question in found
        ]
    )


@router.post("/questions/{question}/answer")
def answer(question: RowId, calling: Calling, body: AnswerBody) -> Asked:
    """A lead's answer; the annotator sees it beside the question."""
    now = datetime.now(UTC)
    with calling.database.writing() as session:
        found = find_question(session, question)
        if found is None or not may(calling.account, found.project_id, "lead"):
            raise NotFound("question")
        answer_question(session, question, body.text, account_id=calling.account.id, now=now)
    return Asked(question=question)


def _entry(project: ProjectRecord, account: AccountRecord) -> ProjectEntry:
    settings = read_settings(project.settings)
    status = settings.status
    if status == "open" and settings.hours is not None and not settings.hours.are_open(datetime.now(UTC)):
        status = "outside-hours"
    roles = sorted(account.roles.get(project.id, frozenset()))
    if account.is_admin:
        roles.append("admin")
    return ProjectEntry(
        name=project.name,
        description=project.description,
        roles=roles,
        status=status,  # type: ignore[arg-type] # project_settings checks that it is one of them
    )
