"""What a CRM must be able to do for us. One folder a connector; docs/adding-a-connector.md has an example.

A connector never touches the database: it gets plain values, makes its calls through the door that it is handed, and
says of each row what came of it. So the engine alone decides about attempts, leases and pauses.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from campaigns.config_form import ConfigForm
from lib.http_call import Answer, Request
from lib.registry import Registry

PATIENCE = 30.0  # after so many seconds no further call is begun: a lease is 90


@dataclass(frozen=True)
class Account:
    """A connection as its connector sees it: its settings, the opened secret, and what the CRM told of itself."""

    name: str
    config: Mapping[str, Any]
    secret: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One contact to be written: `external_id` is empty where the CRM has not told one; missing values are left out."""

    ref: UUID
    email: str
    external_id: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Said:
    """What came of one row. Use the functions below."""

    ref: UUID
    what: str
    sentence: str = ""
    external_id: str = ""
    link: str = ""
    after: timedelta | None = None


def written(row: Row, external_id: str, link: str = "", created: bool = False) -> Said:
    """The CRM has it, under this id."""
    return Said(row.ref, "written", "created" if created else "updated", external_id, link)


def refused(row: Row, why: str) -> Said:
    """The CRM will not have this row, now or later."""
    return Said(row.ref, "refused", why)


def gone(row: Row) -> Said:
    """There is no record by this id any more: the row is tried again without it."""
    return Said(row.ref, "gone")


def later(rows: Sequence[Row], why: str, after: timedelta | None = None) -> list[Said]:
    """Nobody knows, or the CRM is busy: tried again, no sooner than `after`."""
    return [Said(row.ref, "later", why, after=after) for row in rows]


def not_reached(rows: Sequence[Row]) -> list[Said]:
    """No call was made about these: they are next, and it counts as no attempt."""
    return [Said(row.ref, "not_reached") for row in rows]


def not_allowed(rows: Sequence[Row], why: str) -> list[Said]:
    """The CRM does not let us in: the connection is paused until a person has mended that."""
    return [Said(row.ref, "not_allowed", why) for row in rows]


class Door:
    """The one way out: `call(request)` raises lib.http_call.Failed; `is_late`: begin no further call."""

    def __init__(self, call, now: datetime):
        self._call, self.now, self.began = call, now, time.monotonic()

    def call(self, request: Request) -> Answer:
        return self._call(request)

    @property
    def is_late(self) -> bool:
        return time.monotonic() - self.began > PATIENCE


class Unusable(Exception):
    """The connection does not work; says why, and what to do, in a sentence."""


class Connector:
    """One CRM: a folder, a line in `IntegrationsConfig.ready()`, a test file of the same name."""

    key: ClassVar[str]
    label: ClassVar[str]
    help: ClassVar[str]
    batch: ClassVar[int] = 100  # rows in one call of `push`
    asks_for: ClassVar[str] = "Access token"
    asks_help: ClassVar[str] = ""
    known_by: ClassVar[str] = "email"  # the property that is always written, so it cannot be mapped
    suggested: ClassVar[Mapping[str, str]] = {}  # our field → their property, for a new connection
    property_help: ClassVar[str] = "Its name in the CRM."

    class Form(ConfigForm):
        """The settings beside name and secret; none here."""

    def about_property(self, name: str) -> str:
        """What is wrong with the name of a property, in a sentence; empty if nothing is."""
        return ""

    def check(self, account: Account, door: Door) -> dict[str, Any]:
        """Try the connection: facts about the account, of which `summary` is a sentence. Raises Unusable."""
        raise NotImplementedError

    def push(self, account: Account, rows: Sequence[Row], door: Door) -> list[Said]:
        """Write the rows, no more than `batch`, no two with the same e-mail or id; what came of each.

        Idempotent: it may be called again for rows that arrived, where the answer was lost.
        """
        raise NotImplementedError


CONNECTORS: Registry[Connector] = Registry("connector")
