"""Demonstrations that annotators write with a ranking: kept with the submission, and as a demonstration for SFT."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.prompts import prompt_from_stored
from storage.tables import Comparison, Demonstration, Prompt, Submission
from workbench.identity import content_hash, prompt_json
from workbench.records import Message


def replace_demonstration(
    session: Session, submission_id: int, text: str | None, *, previous_id: int | None
) -> None:
    """The demonstration of a submission, in place of the one of the revision before it."""
    if previous_id is not None:
        session.execute(delete(Demonstration).where(Demonstration.submission_id == previous_id))
    if text is None:
        return
    project_id, annotator_id, token, prompt, comparison = session.execute(
        select(
            Comparison.project_id,
            Submission.annotator_id,
            Submission.lease_token,
            Prompt.content,
            Comparison.record_id,
        )
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .join(Prompt, Prompt.id == Comparison.prompt_id)
        .where(Submission.id == submission_id)
    ).one()
    turns = prompt_from_stored(prompt)
    asked = (Message(role="user", content=turns),) if isinstance(turns, str) else turns
    messages = prompt_json((*asked, Message(role="assistant", content=text)))
    tags = {"comparison": comparison}
    session.add(
        Demonstration(
            project_id=project_id,
            record_id=f"written-{token}",
            messages=messages,
            tags=tags,
            content_hash=content_hash([messages, tags]),
            annotator_id=annotator_id,
            submission_id=submission_id,
        )
    )
    session.flush()
