"""Prompts, the pools they are kept in, and demonstrations."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.bulk import insert_rows, reserve_ids
from storage.submissions import counting_submissions
from storage.tables import Comparison, Demonstration, Prompt, PromptPool, Submission, utc_now
from workbench import records
from workbench.errors import RecordError
from workbench.identity import content_hash, messages_prompt, prompt_hash, prompt_json
from workbench.records import Message


def ensure_prompts(session: Session, project_id: int, prompts: Sequence[records.Prompt]) -> list[int]:
    """The ids of the prompts in the order given; those the project does not have are added."""
    hashes = [prompt_hash(prompt) for prompt in prompts]
    query = select(Prompt.hash, Prompt.id).where(
        Prompt.project_id == project_id, Prompt.hash.in_(list(set(hashes)))
    )
    known = dict(session.execute(query).all())
    missing = {key: prompt for key, prompt in zip(hashes, prompts, strict=True) if key not in known}
    added = dict(zip(missing, reserve_ids(session, Prompt, len(missing)), strict=True))
    now = utc_now()
    rows = [
        {
            "id": added[key],
            "project_id": project_id,
            "hash": key,
            "content": prompt_json(prompt),
            "created_at": now,
        }
        for key, prompt in missing.items()
    ]
    insert_rows(session, Prompt, rows)
    known |= added
    return [known[key] for key in hashes]


def prompt_from_stored(content: Any) -> records.Prompt:
    """The prompt from its stored form."""
    return content if isinstance(content, str) else messages_prompt(content)


def add_to_pool(session: Session, project_id: int, record: records.PromptRecord) -> bool:
    """Put a prompt into its pool; False if it is there already.

    RecordError if the prompt is kept for another use, or the id stands for another prompt.
    """
    (prompt_id,) = ensure_prompts(session, project_id, [record.prompt])
    stored = session.get(PromptPool, prompt_id)
    if stored is not None:
        if stored.use != record.use:
            raise RecordError(
                f"this prompt is kept for '{stored.use}' (as '{stored.record_id}') and cannot be used for "
                f"'{record.use}' too",
                field="use",
                fix="Pools are disjoint, so that no stage is judged on what another learned from",
            )
        return False
    taken = session.scalar(
        select(PromptPool.prompt_id).where(
            PromptPool.project_id == project_id, PromptPool.record_id == record.id
        )
    )
    if taken is not None:
        raise RecordError(
            f"'{record.id}' is the id of another prompt already", field="id", fix="Choose another id"
        )
    session.add(
        PromptPool(
            prompt_id=prompt_id,
            project_id=project_id,
            record_id=record.id,
            use=record.use,
            tags=dict(record.tags),
        )
    )
    session.flush()
    return True


def read_pool(session: Session, project_id: int, use: str) -> Iterator[records.PromptRecord]:
    """The prompts kept for a use, sorted by id."""
    query = (
        select(PromptPool, Prompt.content)
        .join(Prompt, Prompt.id == PromptPool.prompt_id)
        .where(PromptPool.project_id == project_id, PromptPool.use == use)
        .order_by(PromptPool.record_id)
    )
    for pool, content in session.execute(query):
        yield records.PromptRecord(
            id=pool.record_id, prompt=prompt_from_stored(content), use=pool.use, tags=pool.tags
        )


def add_demonstration(session: Session, project_id: int, record: records.Demonstration) -> bool:
    """Add a demonstration; False if it is there already, RecordError if its id has another content."""
    messages = prompt_json(record.messages)
    content = content_hash([messages, dict(record.tags)])
    stored = session.scalar(
        select(Demonstration.content_hash).where(
            Demonstration.project_id == project_id, Demonstration.record_id == record.id
        )
    )
    if stored is not None:
        if stored != content:
            raise RecordError(
                f"'{record.id}' is stored with another content", field="id", fix="Give the new one another id"
            )
        return False
    session.add(
        Demonstration(
            project_id=project_id,
            record_id=record.id,
            messages=messages,
            tags=dict(record.tags),
            content_hash=content,
        )
    )
    session.flush()
    return True


def read_demonstrations(session: Session, project_id: int) -> Iterator[records.Demonstration]:
    """A project's demonstrations, sorted by id; those in submissions that were withdrawn are left out."""
    query = (
        select(Demonstration)
        .outerjoin(Submission, Submission.id == Demonstration.submission_id)
        .outerjoin(Comparison, Comparison.id == Submission.comparison_id)
        .where(Demonstration.project_id == project_id, *counting_submissions())
        .order_by(Demonstration.record_id)
    )
    for row in session.scalars(query):
        messages = tuple(Message(role=m["role"], content=m["content"]) for m in row.messages)
        yield records.Demonstration(id=row.record_id, messages=messages, tags=row.tags)
