"""API tokens: a script acts as the account that made them, until they are revoked."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from storage import audit
from storage.secret_tokens import hash_token, new_token
from storage.tables import ApiToken
from workbench.errors import DataError, quoted

MOST_TOKENS = 50
_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class TokenRecord:
    """A token as its owner sees it again: all but the token."""

    id: int
    account_id: int
    name: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


def create_token(
    session: Session,
    account_id: int,
    name: str,
    *,
    now: datetime,
    lasts: timedelta | None = None,
    actor: str,
) -> str:
    """Make a token and return it; it is shown this once."""
    if not name.strip() or len(name) > 100:
        raise DataError(
            f"a token needs a name of 1 to 100 characters that says what it is for, got {quoted(name)}",
            code="token_name",
        )
    if len(list_tokens(session, account_id)) >= MOST_TOKENS:
        raise DataError(
            f"an account has at most {MOST_TOKENS} tokens; revoke one first",
            code="most_tokens",
            most=MOST_TOKENS,
        )
    token = new_token("accord")
    row = ApiToken(
        account_id=account_id,
        name=name.strip(),
        token_hash=hash_token(token),
        created_at=now,
        expires_at=None if lasts is None else now + lasts,
    )
    session.add(row)
    session.flush()
    audit.record(session, actor, "create token", f"token:{row.id}", {"account": account_id})
    return token


def find_token(session: Session, token: str, *, now: datetime) -> TokenRecord | None:
    """The token, if it is good."""
    row = session.scalar(select(ApiToken).where(ApiToken.token_hash == hash_token(token)))
    if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        return None
    return _record(row)


def should_note_use(token: TokenRecord, *, now: datetime) -> bool:
    """Whether the last noted use is so old that this one is written down."""
    return token.last_used_at is None or token.last_used_at <= now - _NOTED_EVERY


def note_use(session: Session, token_id: int, *, now: datetime) -> None:
    """Write down that the token was used."""
    session.execute(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=now))


def list_tokens(session: Session, account_id: int) -> list[TokenRecord]:
    """The tokens of an account that are not revoked, newest first."""
    query = select(ApiToken).where(ApiToken.account_id == account_id, ApiToken.revoked_at.is_(None))
    return [_record(row) for row in session.scalars(query.order_by(ApiToken.id.desc()))]


def revoke_token(session: Session, account_id: int, token_id: int, *, now: datetime, actor: str) -> None:
    """Let the token open nothing any more; DataError if the account has no such token."""
    row = session.get(ApiToken, token_id)
    if row is None or row.account_id != account_id or row.revoked_at is not None:
        raise DataError(f"this account has no token {token_id}")
    row.revoked_at = now
    audit.record(session, actor, "revoke token", f"token:{row.id}", {"account": account_id})
    session.flush()


def _record(row: ApiToken) -> TokenRecord:
    return TokenRecord(
        id=row.id,
        account_id=row.account_id,
        name=row.name,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )
