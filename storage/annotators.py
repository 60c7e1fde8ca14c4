"""Annotators and guideline versions: the names that labels carry."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.bulk import insert_rows
from storage.tables import Account, Annotator, Comparison, GuidelineVersion, Submission, utc_now
from workbench.errors import DataError


@dataclass(frozen=True, kw_only=True)
class AnnotatorRecord:
    """An annotator as the rest of Accord sees them."""

    id: int
    pseudonym: str
    kind: str


def ensure_annotators(session: Session, kinds: Mapping[str, str]) -> dict[str, int]:
    """The ids of the annotators of these pseudonyms; unknown ones are made with the kind given."""
    query = select(Annotator.pseudonym, Annotator.id).where(Annotator.pseudonym.in_(kinds))
    known = dict(session.execute(query).all())
    missing = sorted(set(kinds) - set(known))
    if missing:
        now = utc_now()
        rows = [{"pseudonym": name, "kind": kinds[name], "created_at": now} for name in missing]
        insert_rows(session, Annotator, rows)
        known = dict(session.execute(query).all())
    return known


def annotator_of(session: Session, account_id: int) -> AnnotatorRecord | None:
    """The annotator that an account ranks as, once it has one."""
    query = (
        select(Annotator).join(Account, Account.annotator_id == Annotator.id).where(Account.id == account_id)
    )
    found = session.scalar(query)
    return None if found is None else _record(found)


def ensure_annotator(session: Session, account_id: int) -> AnnotatorRecord:
    """The annotator of an account; where it has none, a new one under a drawn pseudonym that tells nothing."""
    account = session.scalars(select(Account).where(Account.id == account_id).with_for_update()).one()
    if account.annotator_id is None:
        annotator = Annotator(pseudonym=f"person-{secrets.token_hex(5)}", kind="person")
        session.add(annotator)
        session.flush()
        account.annotator_id = annotator.id
        session.flush()
    return _record(session.get_one(Annotator, account.annotator_id))


def get_annotator(session: Session, pseudonym: str) -> AnnotatorRecord:
    """The annotator of that pseudonym; DataError if there is none."""
    annotator = session.scalar(select(Annotator).where(Annotator.pseudonym == pseudonym))
    if annotator is None:
        raise DataError(
            f"no annotator '{pseudonym}'; 'accord project show NAME --annotators' lists a project's"
        )
    return _record(annotator)


def list_annotators(session: Session, project_id: int) -> list[AnnotatorRecord]:
    """Everyone who made a label in the project, by pseudonym."""
    made = select(Submission.annotator_id).join(Comparison).where(Comparison.project_id == project_id)
    query = select(Annotator).where(Annotator.id.in_(made)).order_by(Annotator.pseudonym)
    return [_record(annotator) for annotator in session.scalars(query)]


def ensure_guidelines(session: Session, project_id: int, versions: Iterable[str]) -> dict[str, int]:
    """The ids of a project's guideline versions; unknown ones are made without a text."""
    wanted = set(versions)
    query = select(GuidelineVersion.version, GuidelineVersion.id).where(
        GuidelineVersion.project_id == project_id, GuidelineVersion.version.in_(wanted)
    )
    known = dict(session.execute(query).all())
    for version in sorted(wanted - set(known)):
        row = GuidelineVersion(project_id=project_id, version=version, text=None)
        session.add(row)
        session.flush()
        known[version] = row.id
    return known


def _record(annotator: Annotator) -> AnnotatorRecord:
    return AnnotatorRecord(id=annotator.id, pseudonym=annotator.pseudonym, kind=annotator.kind)
