"""Connections as people make, change and try them."""

from datetime import datetime
from typing import Any

from integrations import pushing
from integrations.connectors import CONNECTORS, Unusable
from integrations.models import Connection
from lib.sealed import Unreadable, seal
from ops import audit

CHANGEABLE = ("name", "config", "mapping", "pushes_tests")
UNREADABLE = "The access token cannot be read any more; type it in again."


def save(connection: Connection, typed: dict[str, Any], by) -> Connection:
    """Make or change a connection; `secret` is kept as it is where it is empty."""
    is_new = connection.pk is None
    changed = [name for name in CHANGEABLE if getattr(connection, name) != typed[name]]
    for name in changed:
        setattr(connection, name, typed[name])
    if typed["secret"]:
        connection.secret, connection.account = seal(typed["secret"]), {}  # perhaps of another account
        changed.append("access token")
    connection.save()
    what = ", ".join(name.replace("_", " ") for name in changed)
    audit.note(by, connection, "Made the connection." if is_new else f"Changed the connection: {what or 'nothing'}.")
    return connection


def check(connection: Connection, now: datetime) -> str:
    """Try it, and keep what the CRM tells of the account; a sentence. Raises Unusable."""
    if connection.connector is None:
        raise Unusable(f"The connector “{connection.kind}” is not installed any more.")
    try:
        account = pushing.account_of(connection)
    except Unreadable as fault:
        raise Unusable(UNREADABLE) from fault
    facts = connection.connector.check(account, pushing.door(now))
    connection.account = facts
    connection.save(update_fields=["account"])
    return str(facts.get("summary") or f"{connection} answers.")


def stand_in(name: str, now: datetime) -> None:
    """For a test that runs a campaign's file: a connection of that name, of which nothing is called."""
    kind = next(iter(CONNECTORS)).key
    Connection.objects.get_or_create(name=name, defaults={"kind": kind, "secret": seal("test"), "created_at": now})
