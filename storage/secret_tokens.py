"""Secret tokens: long random names that open something to whoever holds them; we keep their hashes."""

import hashlib
import secrets


def new_token(prefix: str) -> str:
    """A token of 256 random bits behind a prefix that says what it opens, so that a leaked one is recognised."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def hash_token(token: str) -> str:
    """What is stored of a token. A plain hash is enough: 256 random bits cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()
