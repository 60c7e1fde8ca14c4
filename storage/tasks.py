"""Tasks: what a lease shows its annotator, in the order drawn for them, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.leases import LeaseRecord
from storage.prompts import prompt_from_stored
from storage.tables import Comparison, ComparisonItem, Completion, Draft, Prompt
from workbench.records import Prompt as PromptContent


@dataclass(frozen=True, kw_only=True)
class Task:
    """A leased comparison as its annotator sees it."""

    lease: LeaseRecord
    prompt: PromptContent
    completions: tuple[str, ...]
    """Texts in the order shown."""
    draft: Mapping[str, Any] | None
    seconds_before: float
    """Time spent on it already, by the draft."""


def read_task(session: Session, lease: LeaseRecord) -> Task:
    """What the lease shows."""
    prompt = session.execute(
        select(Prompt.content, Draft.content, Draft.seconds)
        .join(Comparison, Comparison.prompt_id == Prompt.id)
        .outerjoin(Draft, (Draft.comparison_id == Comparison.id) & (Draft.annotator_id == lease.annotator_id))
        .where(Comparison.id == lease.comparison_id)
    ).one()
    texts = dict(
        session.execute(
            select(ComparisonItem.position, Completion.text)
            .join(Completion, Completion.id == ComparisonItem.completion_id)
            .where(ComparisonItem.comparison_id == lease.comparison_id)
        ).all()
    )
    return Task(
        lease=lease,
        prompt=prompt_from_stored(prompt[0]),
        completions=tuple(texts[i] for i in lease.order),
        draft=prompt[1],
        seconds_before=prompt[2] or 0.0,
    )
