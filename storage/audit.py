"""The audit trail: who did what, as ids and hashes, sealed into a chain that shows any later change."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.tables import Audit
from workbench.errors import DataError
from workbench.identity import content_hash

_START = "0" * 64
_SEAL_LOCK = 7_312_001  # any number that nothing else in this database locks


def record(session: Session, actor: str, action: str, subject: str, payload: Mapping[str, Any]) -> None:
    """Add an entry in the current transaction; of the payload only its hash is kept."""
    session.add(Audit(actor=actor, action=action, subject=subject, payload_hash=content_hash(dict(payload))))


def seal(session: Session) -> int:
    """Chain the entries that are not sealed yet, in the order of their ids; returns how many.

    Call it outside the transactions that write entries: they never wait for the chain. Two sealers exclude each other.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_SEAL_LOCK)))
    last = session.scalar(
        select(Audit).where(Audit.sequence.is_not(None)).order_by(Audit.sequence.desc()).limit(1)
    )
    sequence, previous = (0, _START) if last is None else (last.sequence or 0, last.hash or _START)
    count = 0
    for entry in session.scalars(select(Audit).where(Audit.sequence.is_(None)).order_by(Audit.id)):
        sequence += 1
        entry.sequence, entry.previous_hash = sequence, previous
        entry.hash = previous = _entry_hash(entry)
        count += 1
    session.flush()
    return count


def verify(session: Session) -> int:
    """Walk the sealed chain; returns its length, DataError naming the first entry that was changed or removed."""
    previous = _START
    count = 0
    query = select(Audit).where(Audit.sequence.is_not(None)).order_by(Audit.sequence)
    for count, entry in enumerate(session.scalars(query), start=1):
        if entry.sequence != count or entry.previous_hash != previous or entry.hash != _entry_hash(entry):
            raise DataError(
                f"the audit trail is broken at entry {count} ({entry.action} by {entry.actor}): "
                "an entry was changed or removed after it was sealed. Compare with a backup"
            )
        previous = entry.hash
    return count


def count_unsealed(session: Session) -> int:
    """Entries that wait for their seal."""
    return session.scalar(select(func.count()).where(Audit.sequence.is_(None))) or 0


def last_hash(session: Session) -> str | None:
    """The hash that the chain ends in; whoever keeps it elsewhere can tell if the whole chain is replaced."""
    return session.scalar(
        select(Audit.hash).where(Audit.sequence.is_not(None)).order_by(Audit.sequence.desc()).limit(1)
    )


def _entry_hash(entry: Audit) -> str:
    return content_hash(
        [
            entry.sequence,
            entry.previous_hash,
            entry.at.isoformat(),
            entry.actor,
            entry.action,
            entry.subject,
            entry.payload_hash,
        ]
    )
