"""Passwords: hashed with argon2id, and checked in a time that does not tell whether the account exists."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from workbench.errors import DataError

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1000
"""Longer ones would let a sign-in form burn memory at will."""

_HASHER = PasswordHasher()


def hash_password(password: str) -> str:
    """The argon2id hash of a new password; DataError where it is too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise DataError(
            f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, this one has {len(password)}",
            code="password_length",
            low=SHORTEST_PASSWORD,
            high=LONGEST_PASSWORD,
            count=len(password),
        )
    return _HASHER.hash(password)


def check_password(password: str, password_hash: str | None) -> bool:
    """Whether the password is the one that was hashed; without a hash, as much work and False."""
    try:
        _HASHER.verify(password_hash or _nobody(), password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None and len(password) <= LONGEST_PASSWORD


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


@cache
def _nobody() -> str:
    """The hash of a password that no account has."""
    return _HASHER.hash("no account has this password")
