"""Sessions: a signed cookie that says who is signed in, and the token that every form must carry."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from fastapi import Request, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer

from annotation.settings import Settings

COOKIE = "accord_session"


@dataclass(frozen=True, kw_only=True)
class BrowserSession:
    """What the cookie says."""

    account_id: int | None
    csrf: str
    """Every form that changes something carries it; another site cannot know it."""
    fingerprint: str = ""
    """Of the password at sign-in: a changed password ends all sessions made with the old one."""


class Sessions:
    """Reads and writes the session cookie.

    The cookie is signed, not encrypted: it holds an account's number and random tokens, nothing to hide.
    """

    def __init__(self, settings: Settings) -> None:
        secret = settings.secret_key.get_secret_value() if settings.secret_key else secrets.token_hex(32)
        self._serializer = URLSafeTimedSerializer(
            secret, salt="accord session", signer_kwargs={"digest_method": hashlib.sha256}
        )
        self._seconds = settings.session_hours * 3600
        self._secure = settings.secure_cookies
        self._secret = secret.encode()

    def read(self, request: Request) -> BrowserSession | None:
        """The session of the request; None where there is none, it is too old, or it was tampered with."""
        try:
            found = self._serializer.loads(request.cookies.get(COOKIE, ""), max_age=self._seconds)
            return BrowserSession(**found)
        except (BadSignature, TypeError):
            return None

    def begin(self, account_id: int | None = None, password_hash: str | None = None) -> BrowserSession:
        """A new session with tokens of its own, so that one planted before sign-in is worth nothing after."""
        return BrowserSession(
            account_id=account_id,
            csrf=secrets.token_urlsafe(24),
            fingerprint=self.fingerprint(password_hash),
        )

    def write(self, response: Response, session: BrowserSession) -> None:
        """Set the cookie."""
        value = {"account_id": session.account_id, "csrf": session.csrf, "fingerprint": session.fingerprint}
        response.set_cookie(
            COOKIE,
            str(self._serializer.dumps(value)),
            max_age=self._seconds,
            httponly=True,
            samesite="lax",
            secure=self._secure,
            path="/",
        )

    def end(self, response: Response) -> None:
        """Remove the cookie."""
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=self._secure)

    def fingerprint(self, password_hash: str | None) -> str:
        """A short keyed hash of a password hash."""
        return hmac.new(self._secret, (password_hash or "").encode(), "sha256").hexdigest()[:16]


def same_token(one: str, two: str) -> bool:
    """Whether two tokens are equal, compared in constant time."""
    return bool(one) and hmac.compare_digest(one.encode(), two.encode())
