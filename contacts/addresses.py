"""E-mail addresses: one mailbox, one spelling, one row."""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

import idna
from django.conf import settings
from django.db import connection

from contacts.models import Address

MAX_LENGTH, MAX_LOCAL_LENGTH = 254, 64
_domain = r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]\Z"
_local = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_plain_domain, _ascii_local = re.compile(_domain), re.compile(rf"{_local}\Z")
_usual = re.compile(rf"({_local})@{_domain}")  # nearly every address, at a third of the cost
# Control characters, zero-width and bidi ones, unassigned, private, halves of pairs, separators of lines.
_unseen = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


class NotAnAddress(ValueError):
    """Says in one sentence why a text is not one e-mail address and what to do."""


def normalise(raw: str) -> str:
    """The one spelling of an address; raises NotAnAddress.

    The local part becomes lower case: in theory its case matters, in practice no provider tells `Ann@` from
    `ann@`, and two rows for one mailbox would let an unsubscribed person be mailed through the other row.
    International domains become A-labels (xn--…). Quoted local parts are refused: no provider hands them out.
    """
    if not isinstance(raw, str):
        raise NotAnAddress("An e-mail address is a text such as ann@example.com.")
    text = raw.strip(" \t").lower()
    usual = _usual.match(text) if len(text) <= MAX_LENGTH and "xn--" not in text else None
    if usual and usual.end(1) <= MAX_LOCAL_LENGTH:
        return text
    text = unicodedata.normalize("NFC", text)
    _refuse_unseen(text)
    if text.count("@") != 1:
        raise _refusal(text, "write exactly one address such as ann@example.com")
    local, domain = text.split("@")
    address = f"{_checked_local(local, text)}@{_checked_domain(domain, text)}"
    if len(address.encode()) > MAX_LENGTH:
        raise _refusal(text, f"an address has at most {MAX_LENGTH} characters")
    return address


def digest(email: str) -> bytes:
    """The HMAC-SHA256 under which a suppression outlives its address (32 bytes); `email` is normalised."""
    return hmac.digest(_digest_key(settings.SECRET_KEY), email.encode(), "sha256")


def address_ids(emails: Iterable[str], now: datetime) -> dict[str, int]:
    """Address row of each text, made where it is missing; a text that is no address is absent.

    Two queries whatever the number. New rows are made in the order of their addresses, so that two
    requests that bring the same ones never wait for each other in a circle.
    """
    spelling = {raw: email for raw in set(emails) if (email := _usable(raw))}
    if not spelling:
        return {}
    wanted = sorted(set(spelling.values()))
    with connection.cursor() as cursor:
        cursor.execute(_ADD_MISSING, [now, wanted, [digest(email) for email in wanted]])
    ids = dict(Address.objects.filter(email__in=wanted).values_list("email", "id"))
    return {raw: ids[email] for raw, email in spelling.items()}


# ON CONFLICT alone would use up a number of the sequence for every address that is there already.
_ADD_MISSING = """
INSERT INTO contacts_address (email, digest, soft_bounces, created_at)
SELECT new.email, new.digest, 0, %s
FROM (SELECT unnest(%s::text[]) AS email, unnest(%s::bytea[]) AS digest) AS new
WHERE NOT EXISTS (SELECT FROM contacts_address WHERE contacts_address.email = new.email)
ORDER BY new.email
ON CONFLICT (email) DO NOTHING
"""


def _usable(raw: str) -> str | None:
    try:
        return normalise(raw)
    except NotAnAddress:
        return None


@lru_cache(maxsize=4)
def _digest_key(secret: str) -> bytes:
    return hmac.new(secret.encode(), b"contacts.addresses.digest", hashlib.sha256).digest()


def _refuse_unseen(text: str) -> None:
    if not text.isascii() or not text.isprintable():
        for character in text:
            if unicodedata.category(character) in _unseen or (character.isspace() and character != " "):
                name = f"U+{ord(character):04X}"
                raise NotAnAddress(f"The e-mail address has an invisible character ({name}); type it anew.")


def _checked_local(local: str, text: str) -> str:
    if local.startswith('"'):
        raise _refusal(text, "quoted names before the @ are not supported")
    visible = local if local.isascii() else re.sub(r"[^\x00-\x7f]", "x", local)
    if not _ascii_local.match(visible):
        raise _refusal(text, "the part before the @ has a character or a dot in a place where none may stand")
    if len(local.encode()) > MAX_LOCAL_LENGTH:
        raise _refusal(text, f"the part before the @ has at most {MAX_LOCAL_LENGTH} characters")
    return local


def _checked_domain(domain: str, text: str) -> str:
    if not domain.isascii() or "xn--" in domain:
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            raise _refusal(text, "the part after the @ is not a domain such as example.com")
    if not _plain_domain.match(domain):
        raise _refusal(text, "the part after the @ is not a domain such as example.com")
    return domain


def _refusal(text: str, remedy: str) -> NotAnAddress:
    return NotAnAddress(f"“{text[:100]}” is not an e-mail address: {remedy}.")
