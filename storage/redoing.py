"""Redoing labels: what was ranked under one version of the guideline becomes new work under the one in force."""

from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import audit
from storage.comparisons import add_comparisons, comparison_hash, find_comparisons, read_comparisons
from storage.disagreement import ask_to_measure
from storage.guidelines import current_guideline
from storage.projects import lock_project
from storage.submissions import counting_submissions
from storage.tables import Comparison, GuidelineVersion, Submission, Withdrawal, utc_now
from storage.votes import count_queue, recount
from workbench.errors import DataError

_BATCH = 500


@dataclass(frozen=True, kw_only=True)
class Redone:
    """What redoing made."""

    comparisons: int
    """New comparisons to rank."""
    withdrawn: int
    """Old labels that no longer count."""


def redo_labels(session: Session, project_id: int, version: str, *, withdraw: bool, actor: str) -> Redone:
    """Make new comparisons of all that was ranked under `version`, and withdraw the old labels if asked.

    Each is a comparison of its own (`ID@v2`), so that those who ranked the old one may rank it again; it counts with
    the old one in agreement, which goes by prompt and completions. Doing it twice makes nothing twice.
    """
    current = current_guideline(session, project_id)
    if current is None or current.version == version:
        raise DataError(f"'{version}' is the guideline in force; write the new one first")
    lock_project(session, project_id)
    query = (
        select(Submission.id, Comparison.id, Comparison.record_id)
        .join(Comparison, Comparison.id == Submission.comparison_id)
        .join(GuidelineVersion, GuidelineVersion.id == Submission.guideline_version_id)
        .where(
            Comparison.project_id == project_id,
            Comparison.kind == "ordinary",
            GuidelineVersion.version == version,
            Submission.outcome == "ranked",
            *counting_submissions(),
        )
    )
    found = session.execute(query).all()
    names = sorted({name for _, _, name in found})
    made = sum(
        _copy(session, project_id, names[start : start + _BATCH], current.version)
        for start in range(0, len(names), _BATCH)
    )
    if withdraw:
        reason = f"made under guideline {version}; done again under {current.version}"
        withdrawals = [Withdrawal(submission_id=key, reason=reason, actor=actor) for key, _, _ in found]
        session.add_all(withdrawals)
        session.flush()
        ask_to_measure(session, withdrawals, now=utc_now())
        recount(session, sorted({key for _, key, _ in found}))
    count_queue(session, project_id)
    done = Redone(comparisons=made, withdrawn=len(found) if withdraw else 0)
    audit.record(
        session,
        actor,
        "redo labels",
        f"project:{project_id}",
        {"version": version, "comparisons": made, "withdrawn": done.withdrawn},
    )
    return done


def _copy(session: Session, project_id: int, names: list[str], version: str) -> int:
    copies = [
        replace(
            comparison,
            id=f"{comparison.id}@{version}",
            rankings=(),
            tags={**comparison.tags, "redo_of": comparison.id},
        )
        for comparison in read_comparisons(session, project_id, ids=names)
    ]
    known = find_comparisons(session, project_id, [copy.id for copy in copies])
    new = [copy for copy in copies if copy.id not in known]
    if new:
        add_comparisons(session, project_id, new, [comparison_hash(copy) for copy in new])
    return len(new)
