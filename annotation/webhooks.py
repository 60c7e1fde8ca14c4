"""Telling webhooks: signed as Standard Webhooks say, and never to an address inside our own network."""

import base64
import hashlib
import hmac
import http.client
import json
import socket
import ssl
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from annotation.addresses import is_public
from annotation.settings import Settings
from storage.database import Database
from storage.hooks import EventRecord, HookRecord, mark_failed, mark_told, next_event
from storage.tables import utc_now
from workbench.errors import DataError, quoted

SECONDS = 10.0
"""How long an address may take to answer."""
MOST_AT_ONCE = 200
BUDGET = 20.0
"""Events told to one webhook, and seconds in which they are, before others have their turn."""


class NotTold(Exception):
    """The address did not take the event; the message says why."""


def secret_of(settings: Settings, hook: HookRecord) -> str:
    """The webhook's signing secret, made from the service's key: the database does not hold it."""
    key = settings.secret_key.get_secret_value() if settings.secret_key else "development"
    made = hmac.new(key.encode(), f"webhook:{hook.nonce}".encode(), hashlib.sha256).digest()
    return "whsec_" + base64.b64encode(made).decode()


def sign(secret: str, message_id: str, timestamp: int, content: bytes) -> str:
    """The signature header of Standard Webhooks, version 1."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.new(key, f"{message_id}.{timestamp}.".encode() + content, hashlib.sha256).digest()
    return "v1," + base64.b64encode(signed).decode()


def check_url(settings: Settings, url: str) -> str:
    """The address as it may be used; DataError where it is none, or lies inside our own network."""
    parts = urlsplit(url.strip())
    try:
        port = parts.port
    except ValueError as error:
        raise DataError(f"a webhook's address has a port from 1 to 65535, got {quoted(url, 200)}") from error
    schemes = ("https", "http") if settings.webhook_private_addresses else ("https",)
    if parts.scheme not in schemes or not parts.hostname or parts.username or port == 0:
        raise DataError(
            f"a webhook's address looks like https://example.org/path, got {quoted(url, 200)}",
            code="webhook_address",
            url=quoted(url, 200),
        )
    try:
        _resolve(parts, allow_private=settings.webhook_private_addresses)
    except NotTold as error:
        raise DataError(str(error)) from error
    return parts.geturl()


def deliver(database: Database, settings: Settings, hook: HookRecord) -> int:
    """Tell a webhook what waits, in order, until nothing does, one fails or its time is up; returns how many."""
    begun = time.monotonic()
    for told in range(MOST_AT_ONCE):
        if time.monotonic() - begun > BUDGET:
            return told
        with database.reading() as session:
            event = next_event(session, hook.id, now=utc_now())
        if event is None:
            return told
        try:
            send(settings, hook, event, now=utc_now())
        except NotTold as error:
            with database.writing() as session:
                mark_failed(session, event.id, str(error), now=utc_now())
            return told
        with database.writing() as session:
            mark_told(session, event.id, now=utc_now())
    return MOST_AT_ONCE


def send(settings: Settings, hook: HookRecord, event: EventRecord, *, now: datetime) -> None:
    """Send one event; raises NotTold unless the address answers with 2xx. Redirections are not followed."""
    body: Mapping[str, Any] = {
        "type": event.kind,
        "timestamp": event.created_at.isoformat(),
        "data": event.body,
    }
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    message_id, timestamp = f"event_{event.id}", int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Accord",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret_of(settings, hook), message_id, timestamp, content),
    }
    parts = urlsplit(hook.url)
    try:
        status = _post(parts, content, headers, allow_private=settings.webhook_private_addresses)
    except (OSError, http.client.HTTPException) as error:
        raise NotTold(f"{type(error).__name__}: {error}") from error
    if not 200 <= status < 300:
        raise NotTold(f"answered {status}")


def _post(parts: SplitResult, content: bytes, headers: Mapping[str, str], *, allow_private: bool) -> int:
    address, port = _resolve(parts, allow_private=allow_private)
    host = parts.hostname or ""
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
    # To the address that was checked: a name looked up again could lead elsewhere.
    plain = socket.create_connection((address, port), timeout=SECONDS)
    try:
        peer = str(plain.getpeername()[0])
        if not allow_private and not is_public(peer):
            raise NotTold(f"{host:.200} led to {peer}, an address inside a network")
        secure = parts.scheme == "https"
        connection.sock = (
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) if secure else plain
        )
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body=content, headers={**headers, "Host": parts.netloc})
        return connection.getresponse().status
    finally:
        plain.close()
        connection.close()


def _resolve(parts: SplitResult, *, allow_private: bool) -> tuple[str, int]:
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = parts.hostname or ""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise NotTold(f"there is no address for {quoted(host, 200)}") from error
    inside = sorted(each for each in found if not is_public(each))
    if inside and not allow_private:
        raise NotTold(
            f"{quoted(host, 200)} is {inside[0]}, an address inside a network; "
            "ACCORD_WEBHOOK_PRIVATE_ADDRESSES=true allows it"
        )
    return sorted(found)[0], port
