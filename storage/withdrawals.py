"""Withdrawals: labels that no longer count, and the recall of all that learned from them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import audit
from storage.annotators import get_annotator
from storage.checkpoints import descendants_of
from storage.disagreement import ask_to_measure
from storage.gold import recount_gold
from storage.runs import runs_touching
from storage.submissions import counting_submissions
from storage.tables import (
    Annotator,
    Comparison,
    Ranking,
    Snapshot,
    SnapshotAnnotator,
    Submission,
    Withdrawal,
    utc_now,
)
from storage.votes import recount
from workbench.errors import DataError, SnapshotError, quoted
from workbench.snapshots import open_snapshot


@dataclass(frozen=True, kw_only=True)
class Recall:
    """What has learned from an annotator's labels."""

    annotator: str
    submissions: int
    """How many of their submissions are in the database."""
    snapshots: tuple[dict[str, Any], ...]
    """Snapshots that hold their rankings, with how many."""
    runs: tuple[dict[str, Any], ...]
    """Runs that trained on such a snapshot, or on a checkpoint that did."""
    checkpoints: tuple[dict[str, Any], ...]
    """Checkpoints that were made from such a snapshot, or from such a checkpoint, at any distance."""

    def to_json(self) -> dict[str, Any]:
        """The recall as plain values."""
        return {
            "annotator": self.annotator,
            "submissions": self.submissions,
            "snapshots": list(self.snapshots),
            "runs": list(self.runs),
            "checkpoints": list(self.checkpoints),
        }


def withdraw_annotator(
    session: Session, pseudonym: str, *, reason: str, actor: str, project_id: int | None = None
) -> bool:
    """Exclude all that an annotator made or will make, in one project or in all; False if it was so already.

    Nothing is deleted: new snapshots, agreement and exports leave the labels out, and old snapshots stay as they are.
    """
    if not reason.strip():
        raise DataError("a withdrawal needs a reason: whoever finds it later will ask", code="reason")
    annotator = get_annotator(session, pseudonym)
    same_place = (
        Withdrawal.project_id.is_(None)
        if project_id is None
        else Withdrawal.project_id.is_(None) | (Withdrawal.project_id == project_id)
    )
    standing = select(Withdrawal.id).where(Withdrawal.annotator_id == annotator.id, same_place).limit(1)
    if session.scalar(standing) is not None:
        return False
    withdrawal = Withdrawal(project_id=project_id, annotator_id=annotator.id, reason=reason, actor=actor)
    session.add(withdrawal)
    audit.record(
        session,
        actor,
        "withdraw annotator",
        f"annotator:{annotator.id}",
        {"reason": reason, "project": project_id},
    )
    session.flush()
    ask_to_measure(session, [withdrawal], now=utc_now())
    made = select(Submission.comparison_id).where(Submission.annotator_id == annotator.id)
    recount(session, sorted(set(session.scalars(made))))
    recount_gold(session, annotator.id)
    return True


def withdraw_submission(session: Session, submission_id: int, *, reason: str, actor: str) -> None:
    """Exclude one submission; DataError where it is excluded already, with the reason that was given then."""
    if not reason.strip():
        raise DataError("a withdrawal needs a reason: whoever finds it later will ask", code="reason")
    # Locked: of two who withdraw it at once, the second finds what the first did.
    query = select(Submission).where(Submission.id == submission_id).with_for_update(key_share=True)
    submission = session.scalar(query)
    if submission is None:
        raise DataError(f"no submission {submission_id}")
    before = session.scalar(
        select(Withdrawal).where(Withdrawal.submission_id == submission_id).order_by(Withdrawal.id).limit(1)
    )
    if before is not None:
        raise DataError(
            f"submission {submission_id} was withdrawn already, by {before.actor} on "
            f"{before.created_at:%Y-%m-%d %H:%M} UTC: {before.reason}",
            code="withdrawn_already",
            when=f"{before.created_at:%Y-%m-%d %H:%M} UTC",
            why=before.reason,
        )
    withdrawal = Withdrawal(submission_id=submission_id, reason=reason, actor=actor)
    session.add(withdrawal)
    audit.record(session, actor, "withdraw submission", f"submission:{submission_id}", {"reason": reason})
    session.flush()
    ask_to_measure(session, [withdrawal], now=utc_now())
    recount(session, [submission.comparison_id])
    recount_gold(session, submission.annotator_id)


def withdraw_sitting(
    session: Session, project_id: int, annotator_id: int, sitting: str, *, reason: str, actor: str
) -> int:
    """Exclude all that an annotator sent in one sitting; returns how many submissions that was."""
    if not reason.strip():
        raise DataError("a withdrawal needs a reason: whoever finds it later will ask", code="reason")
    query = (
        select(Submission.id, Submission.comparison_id)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .where(
            Submission.sitting == sitting,
            Submission.annotator_id == annotator_id,
            Comparison.project_id == project_id,
            *counting_submissions(),
        )
    )
    found = session.execute(query).all()
    if not found:
        raise DataError(
            f"nothing that counts was sent in the sitting {quoted(sitting)}",
            code="sitting",
            sitting=quoted(sitting),
        )
    withdrawals = [Withdrawal(submission_id=key, reason=reason, actor=actor) for key, _ in found]
    session.add_all(withdrawals)
    subject = f"annotator:{annotator_id}"
    payload = {"sitting": sitting, "reason": reason, "submissions": [key for key, _ in found]}
    audit.record(session, actor, "withdraw sitting", subject, payload)
    session.flush()
    ask_to_measure(session, withdrawals, now=utc_now())
    recount(session, sorted({comparison_id for _, comparison_id in found}))
    recount_gold(session, annotator_id)
    return len(found)


def recall_annotator(
    session: Session, pseudonym: str, *, project_id: int | None = None, since: datetime | None = None
) -> Recall:
    """Everything that has learned from an annotator's labels, in one project or in all.

    From snapshots to the runs and checkpoints that name them, and on through parents to whatever descends from those.
    `since` leaves out snapshots made before it: a label of that moment cannot be in them.
    """
    annotator = get_annotator(session, pseudonym)
    made = select(func.count()).select_from(Submission).join(Comparison)
    if project_id is not None:
        made = made.where(Comparison.project_id == project_id)
    held = _held(session, annotator.id, project_id, since)
    return _recall(
        session,
        pseudonym,
        session.scalar(made.where(Submission.annotator_id == annotator.id)) or 0,
        [{"content_hash": row.content_hash, "path": row.path, "rankings": n} for row, n in held],
    )


def recall_submissions(
    session: Session, pseudonym: str, submissions: Collection[int], *, project_id: int
) -> Recall:
    """Everything that has learned from some submissions of an annotator, by the ids of the rankings in snapshots.

    A snapshot that was made after them and that cannot be read here is listed too, as `is_unread`.
    """
    annotator = get_annotator(session, pseudonym)
    wanted = Submission.id.in_(list(submissions))
    since = session.scalar(select(func.min(Submission.created_at)).where(wanted))
    query = (
        select(Comparison.record_id, Ranking.record_id)
        .join(Comparison, Comparison.id == Ranking.comparison_id)
        .join(Submission, Submission.id == Ranking.submission_id)
        .where(wanted)
    )
    rankings = {(name, key) for name, key in session.execute(query)}
    found: list[dict[str, Any]] = []
    for row, _ in _held(session, annotator.id, project_id, since):
        entry = {"content_hash": row.content_hash, "path": row.path}
        try:
            ids = open_snapshot(Path(row.path), verify=False).ranking_ids()
            count = sum(len(rankings & {(name, key) for key in keys}) for name, keys in ids)
        except SnapshotError:
            found.append({**entry, "rankings": None, "is_unread": True})
        else:
            found += [{**entry, "rankings": count}] if count else []
    return _recall(session, pseudonym, len(submissions), found)


def _held(
    session: Session, annotator_id: int, project_id: int | None, since: datetime | None
) -> list[tuple[Snapshot, int]]:
    """Snapshots that hold rankings of an annotator, with how many, oldest first."""
    held = (
        select(Snapshot, SnapshotAnnotator.num_rankings)
        .join(SnapshotAnnotator, SnapshotAnnotator.snapshot_id == Snapshot.id)
        .where(SnapshotAnnotator.annotator_id == annotator_id)
        .order_by(Snapshot.id)
    )
    if project_id is not None:
        held = held.where(Snapshot.project_id == project_id)
    if since is not None:
        held = held.where(Snapshot.created_at >= since)
    return list(session.execute(held))


def _recall(
    session: Session, pseudonym: str, submissions: int, snapshots: Sequence[Mapping[str, Any]]
) -> Recall:
    hashes = {snapshot["content_hash"] for snapshot in snapshots}
    checkpoints = descendants_of(session, hashes)
    return Recall(
        annotator=pseudonym,
        submissions=submissions,
        snapshots=tuple(dict(snapshot) for snapshot in snapshots),
        runs=tuple(
            {"name": run.name, "stage": run.stage, "folder": run.folder}
            for run in runs_touching(session, hashes, {checkpoint.hash for checkpoint in checkpoints})
        ),
        checkpoints=tuple(
            {"hash": checkpoint.hash, "stage": checkpoint.stage, "path": checkpoint.path}
            for checkpoint in checkpoints
        ),
    )


def withdrawn_annotators(session: Session, project_id: int) -> list[str]:
    """The pseudonyms withdrawn in a project or everywhere, sorted."""
    query = (
        select(Annotator.pseudonym)
        .join(Withdrawal, Withdrawal.annotator_id == Annotator.id)
        .where(Withdrawal.project_id.is_(None) | (Withdrawal.project_id == project_id))
        .distinct()
        .order_by(Annotator.pseudonym)
    )
    return list(session.scalars(query))
