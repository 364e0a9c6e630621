"""Signed tokens in mails: a message's id with an HMAC, bound to one purpose. They never expire."""

import base64
import hashlib
import hmac
import uuid
from functools import lru_cache

from django.conf import settings

SIGNATURE_BYTES = 12


def token(purpose: str, message_id: uuid.UUID) -> str:
    """The token of a message for “open”, “click”, “unsubscribe” or “view”: 38 URL-safe characters."""
    return base64.urlsafe_b64encode(message_id.bytes + _signature(purpose, message_id.bytes)).decode().rstrip("=")


def message_of(purpose: str, text: str) -> uuid.UUID | None:
    """The id of the message that a token names; None for one that we did not make for this purpose."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    if len(raw) != 16 + SIGNATURE_BYTES or not hmac.compare_digest(raw[16:], _signature(purpose, raw[:16])):
        return None
    return uuid.UUID(bytes=raw[:16])


def _signature(purpose: str, body: bytes) -> bytes:
    return hmac.digest(_key(purpose, settings.SECRET_KEY), body, "sha256")[:SIGNATURE_BYTES]


@lru_cache(maxsize=16)
def _key(purpose: str, secret: str) -> bytes:
    return hashlib.sha256(f"campaigns.tokens:{purpose}:{secret}".encode()).digest()
