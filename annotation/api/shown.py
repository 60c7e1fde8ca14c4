"""What the API shows: tasks and submissions in places as displayed, without a word of where a completion came from."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from annotation.answers import RULE
from annotation.api.models import CompletionText, Feedback, GuidelineState, Message, Submitted, Task
from annotation.project_settings import ProjectSettings
from storage.answering import Written
from storage.gold import expected_ranking
from storage.guidelines import guideline_in_force
from storage.history import OwnSubmission
from storage.leases import LeaseRecord
from storage.tasks import read_task
from workbench.records import Prompt

PROMPT_START = 120
UNDO_TIME = timedelta(minutes=10)
"""How long the page offers to undo; own history offers it for good."""


def shown_task(session: Session, lease: LeaseRecord, settings: ProjectSettings) -> Task:
    """A leased comparison as the page shows it."""
    task = read_task(session, lease)
    return Task(
        id=lease.token,
        project=lease.project,
        mode="practice" if lease.kind == "qualification" else "ranking",
        prompt=_prompt(task.prompt),
        completions=[CompletionText(text=text) for text in task.completions],
        form=settings.form.to_json(),
        guideline=_guideline_state(session, lease),
        draft=None if task.draft is None else dict(task.draft),
        revises=lease.revises_id,
        content_warning=settings.content_warning,
        expires_at=lease.expires_at.isoformat(),
        seconds_before=task.seconds_before,
    )


def submitted(session: Session, written: Written) -> Submitted:
    """What the page is told of a submission; after practice, how it compares with the expected ranking."""
    return Submitted(
        submission=written.id,
        undo_until=(written.at + UNDO_TIME).isoformat(),
        feedback=_feedback(session, written) if written.kind == "qualification" else None,
    )


def draft_of(submission: OwnSubmission) -> dict[str, Any]:
    """A submission as the body that would send it: where a revision begins."""
    answers: Mapping[str, list[Any]] = submission.answers
    return {
        "rankings": {
            name: {"tiers": tiers, "strength": strength}
            for name, (tiers, strength) in submission.rankings.items()
            if tiers is not None
        },
        "flags": submission.flags,
        "answers": {name: values for name, values in answers.items() if not name.startswith(RULE)},
        "rules": {
            name.removeprefix(RULE): values for name, values in answers.items() if name.startswith(RULE)
        },
        "note": submission.note,
        "demonstration": submission.demonstration,
    }


def prompt_start(prompt: Any) -> str:
    """The beginning of the latest turn, to know a comparison by."""
    text = prompt if isinstance(prompt, str) else prompt[-1]["content"]
    return text if len(text) <= PROMPT_START else text[: PROMPT_START - 1] + "…"


def _feedback(session: Session, written: Written) -> Feedback | None:
    expected = expected_ranking(session, written.comparison_id)
    if expected is None:
        return None
    return Feedback(
        agrees=written.gold_agreement or 0.0,
        expected={name: [ranks[i] for i in written.order] for name, ranks in expected.rankings.items()},
        explanation=expected.explanation,
    )


def _guideline_state(session: Session, lease: LeaseRecord) -> GuidelineState | None:
    found = guideline_in_force(session, lease.project_id, lease.annotator_id)
    return None if found is None else GuidelineState(version=found[0], changed=not found[1])


def _prompt(prompt: Prompt) -> str | list[Message]:
    if isinstance(prompt, str):
        return prompt
    return [Message(role=message.role, content=message.content) for message in prompt]
