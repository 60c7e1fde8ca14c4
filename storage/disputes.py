"""Disputes on their way through the reviewers: the queue, and what they decide."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from storage import audit
from storage.annotators import ensure_annotator
from storage.comparisons import read_comparisons
from storage.disagreement import Ranks
from storage.projects import note_change
from storage.submissions import NewRanking, add_rankings, ranking_content_hash
from storage.tables import Account, Comparison, Dispute, Submission
from workbench import records
from workbench.errors import DataError


@dataclass(frozen=True, kw_only=True)
class DisputeRecord:
    """A dispute in the queue."""

    id: int
    comparison_id: int
    comparison: str
    disagreement: float
    labels: int
    status: str
    reason: str | None
    created_at: datetime


def list_disputes(
    session: Session,
    project_id: int,
    *,
    status: str = "open",
    account_id: int | None = None,
    limit: int = 100,
) -> list[DisputeRecord]:
    """Disputes, the greatest disagreement first; without those that the account has ranked itself."""
    query = (
        select(Dispute, Comparison.record_id)
        .join(Comparison, Comparison.id == Dispute.comparison_id)
        .where(Dispute.project_id == project_id, Dispute.status == status)
        .order_by(Dispute.disagreement.desc(), Dispute.id)
        .limit(limit)
    )
    if account_id is not None:
        query = query.where(~_ranked_by(account_id))
    return [_record(row, name) for row, name in session.execute(query)]


def count_disputes(session: Session, project_id: int) -> dict[str, int]:
    """Disputes by status."""
    query = (
        select(Dispute.status, func.count()).where(Dispute.project_id == project_id).group_by(Dispute.status)
    )
    return dict(session.execute(query).all())


@dataclass(frozen=True, kw_only=True)
class Disputed:
    """A dispute with all that its reviewer sees; whose rankings they are is not among it."""

    dispute: DisputeRecord
    comparison: records.Comparison


def read_dispute(session: Session, project_id: int, dispute_id: int) -> Disputed:
    """The dispute; DataError if the project has none of that id."""
    row = session.execute(
        select(Dispute, Comparison.record_id)
        .join(Comparison, Comparison.id == Dispute.comparison_id)
        .where(Dispute.id == dispute_id, Dispute.project_id == project_id)
    ).first()
    if row is None:
        raise DataError(f"no dispute {dispute_id} in this project")
    comparison = next(read_comparisons(session, project_id, ids=[row[1]]))
    return Disputed(dispute=_record(row[0], row[1]), comparison=comparison)


def decide(
    session: Session,
    project_id: int,
    dispute_id: int,
    rankings: Mapping[str, Ranks],
    *,
    reason: str,
    account_id: int,
    now: datetime,
) -> None:
    """Settle a dispute by an adjudication, which from then on is the consensus by itself.

    DataError without a reason, where the reviewer ranked it themselves, or where it is not open any more.
    """
    row = _take(session, project_id, dispute_id, reason, account_id)
    reviewer = ensure_annotator(session, account_id)
    name = session.scalars(select(Comparison.record_id).where(Comparison.id == row.comparison_id)).one()
    comparison = next(read_comparisons(session, project_id, ids=[name]))
    token = secrets.token_urlsafe(12)
    new = []
    for criterion, ranks in rankings.items():
        ranking = records.Ranking(
            id=f"adjudication-{token}-{criterion}",
            annotator=reviewer.pseudonym,
            annotator_kind="adjudicator",
            ranks=tuple(ranks),
            criterion=criterion,
            at=now.isoformat(timespec="milliseconds"),
            note=reason,
        )
        records.check_ranking(ranking, len(comparison.completions))
        new.append(NewRanking(row.comparison_id, ranking, ranking_content_hash(ranking)))
    add_rankings(session, project_id, new)
    note_change(session, project_id)
    _end(session, row, "decided", reason, account_id, now)


def dismiss(
    session: Session, project_id: int, dispute_id: int, *, reason: str, account_id: int, now: datetime
) -> None:
    """Leave the rankings as they are: people may differ here. DataError as for `decide`."""
    _end(
        session,
        _take(session, project_id, dispute_id, reason, account_id),
        "dismissed",
        reason,
        account_id,
        now,
    )


def _take(session: Session, project_id: int, dispute_id: int, reason: str, account_id: int) -> Dispute:
    if not reason.strip():
        raise DataError("write why: annotators and whoever trains on this will ask", code="why")
    row = session.scalar(
        select(Dispute).where(Dispute.id == dispute_id, Dispute.project_id == project_id).with_for_update()
    )
    if row is None:
        raise DataError(f"no dispute {dispute_id} in this project")
    if row.status != "open":
        raise DataError(f"this dispute is {row.status} already; nothing was changed", code="dispute_ended")
    own = select(Comparison.id).where(Comparison.id == row.comparison_id, _ranked_by(account_id))
    if session.scalar(own) is not None:
        raise DataError(
            "you ranked this comparison yourself; another reviewer decides it", code="own_dispute"
        )
    return row


def _end(session: Session, row: Dispute, status: str, reason: str, account_id: int, now: datetime) -> None:
    row.status, row.reason, row.account_id, row.ended_at = status, reason.strip(), account_id, now
    audit.record(
        session, f"account:{account_id}", f"dispute {status}", f"dispute:{row.id}", {"reason": reason}
    )
    session.flush()


def _ranked_by(account_id: int) -> Any:
    return exists().where(
        Submission.comparison_id == Comparison.id,
        Submission.annotator_id == Account.annotator_id,
        Account.id == account_id,
        Submission.annotator_kind != "adjudicator",
    )


def _record(row: Dispute, comparison: str) -> DisputeRecord:
    return DisputeRecord(
        id=row.id,
        comparison_id=row.comparison_id,
        comparison=comparison,
        disagreement=row.disagreement,
        labels=row.labels,
        status=row.status,
        reason=row.reason,
        created_at=row.created_at,
    )
