"""Receivers and their secrets: those that sign our calls, and those that stand in headers."""

import re
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from automation.call_models import HeaderSecret, Receiver
from automation.webhooks import signing
from lib.sealed import Unreadable, seal, unseal
from ops import audit

BOTH_SIGN = timedelta(days=1)
PRESSED_TWICE = timedelta(minutes=1)
KEY = re.compile(r"[0-9a-f]{12}")


def receiver(origin: str, now: datetime) -> Receiver:
    """The row of a server, made with a secret of its own when it is first heard of."""
    if found := Receiver.objects.filter(origin=origin).first():
        return found
    made = Receiver(origin=origin, secret=seal(signing.new_secret()), created_at=now)
    Receiver.objects.bulk_create([made], ignore_conflicts=True)
    return Receiver.objects.get(origin=origin)


class Renewed(ValueError):
    """Somebody has had a new secret made."""


def since(row: Receiver) -> str:
    """Which secret is in force, for the page that asks whether to make another one."""
    return row.renewed_at.isoformat() if row.renewed_at else ""


@transaction.atomic
def renew(row: Receiver, by, now: datetime, seen: str | None = None) -> str:
    """A new signing secret, returned to be shown once; the one before signs as well for a day.

    `seen`: the one in force (`since`) when it was asked for. The same asked again at once gets the same secret, so
    that a button pressed twice does not drop the one that the receiver still has; later it raises Renewed.
    """
    row = Receiver.objects.select_for_update().get(pk=row.pk)
    if seen is not None and seen != since(row):
        if row.renewed_at and now - row.renewed_at < PRESSED_TWICE:
            return unseal(row.secret)
        raise Renewed("Somebody had a new secret made after you opened this page, so nothing was done.")
    secret = signing.new_secret()
    # One that nobody has seen cannot be in use.
    row.before = row.secret if row.renewed_at else ""
    row.secret, row.renewed_at = seal(secret), now
    row.save(update_fields=["before", "secret", "renewed_at"])
    audit.note(by, row, "Had a new signing secret made.")
    return secret


def signing_keys(row: Receiver, now: datetime) -> list[str]:
    """The secret in force and, for a day, the one before it; raises Unreadable where SECRET_KEY has changed."""
    keys = [unseal(row.secret)]
    if row.before and row.renewed_at and now - row.renewed_at < BOTH_SIGN:
        keys.append(unseal(row.before))
    return keys


def keep_header(origin: str, value: str, now: datetime) -> str:
    """Keep the value of a secret header; the key that stands for it."""
    key = secrets.token_hex(6)
    HeaderSecret.objects.create(key=key, receiver=receiver(origin, now), value=seal(value), created_at=now)
    return key


def known_headers(origin: str, keys: Collection[str]) -> set[str]:
    """Those of the keys that stand for something that can still be read, and that belongs to this receiver."""
    possible = [key for key in keys if KEY.fullmatch(key)]
    rows = HeaderSecret.objects.filter(key__in=possible, receiver__origin=origin) if possible else []
    return {row.key for row in rows if _readable(row.value)}


def _readable(sealed: str) -> bool:
    try:
        unseal(sealed)
    except Unreadable:
        return False
    return True


def headers(rows: Sequence[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """(receiver, key) → the value, of those that can be read; one query."""
    wanted = set(rows)
    if not wanted:
        return {}
    found = HeaderSecret.objects.filter(key__in={key for _, key in wanted})
    return {
        (row.receiver_id, row.key): unseal(row.value)
        for row in found
        if (row.receiver_id, row.key) in wanted and _readable(row.value)
    }
