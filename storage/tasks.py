"""Tasks: what a lease shows its annotator, in the order drawn for them, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, select
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
    values = {"comparison": lease.comparison_id, "annotator": lease.annotator_id}
    connection = session.connection()
    prompt, draft, seconds = connection.execute(_prompt(), values).one()
    texts: dict[int, str] = dict(connection.execute(_texts(), {"comparison": lease.comparison_id}).all())
    return Task(
        lease=lease,
        prompt=prompt_from_stored(prompt),
        completions=tuple(texts[i] for i in lease.order),
        draft=draft,
        seconds_before=seconds or 0.0,
    )


@cache
def _prompt() -> Select[Any]:
    return (
        select(Prompt.content, Draft.content, Draft.seconds)
        .select_from(Comparison)
        .join(Prompt, Prompt.id == Comparison.prompt_id)
        .outerjoin(
            Draft,
            (Draft.comparison_id == Comparison.id) & (Draft.annotator_id == bindparam("annotator")),
        )
        .where(Comparison.id == bindparam("comparison"))
    )


@cache
def _texts() -> Select[int, str]:
    return (
        select(ComparisonItem.position, Completion.text)
        .join(Completion, Completion.id == ComparisonItem.completion_id)
        .where(ComparisonItem.comparison_id == bindparam("comparison"))
    )
