"""From an item to what is stored: checked, cleaned, named and dated. No database here."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from contacts.identifying import Person
from events import types
from events.items import KINDS, MAX_ITEM, Item
from lib.clean_json import Unclean, clean

MAX_MESSAGE_ID, MAX_ID, MAX_NAME = 99, 255, 120
SKEW = timedelta(seconds=60)
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
EMPTY = msgspec.Raw(b"{}")


class Prepared(msgspec.Struct):
    """An item that will be taken unless it was taken before; `type` is empty where it is no event."""

    index: int
    kind: str
    message_id: str
    person: Person
    occurred_at: datetime
    type: str = ""
    properties: msgspec.Raw = EMPTY
    context: msgspec.Raw = EMPTY
    traits: dict[str, Any] = {}
    company: str = ""
    company_traits: dict[str, Any] = {}

    def __str__(self):
        return f"item {self.index} of a batch"  # logs hold no personal data


def prepare(index: int, item: Item, now: datetime) -> Prepared:
    """Everything about one item; raises Unclean with the reason why it cannot be taken."""
    if item.kind not in KINDS:
        raise Unclean(f"“type” must be one of {', '.join(KINDS)}.")
    row = Prepared(index, item.kind, _message_id(item), _person(item), occurred_at(item, now))
    context = clean(item.context, "context") if item.context else {}
    if isinstance(context.get("traits"), dict):
        row.traits = context["traits"]
    told = clean(item.traits, "traits") if item.traits else {}
    if item.kind == "group":
        row.company, row.company_traits = _company(item), told
    elif told:
        row.traits = row.traits | told
    if item.kind in ("track", "page", "screen"):
        row.type = _type(item)
        row.properties, row.context = _packed(_properties(item)), _packed(_untold(context))
    if row.traits or row.company_traits:
        _packed({"traits": [row.traits, row.company_traits]})
    return row


def key_of(source_id: int, message_id: str) -> UUID:
    """The 16 bytes by which an event that is sent again is known."""
    return UUID(bytes=hashlib.sha256(f"{source_id}:{message_id}".encode()).digest()[:16])


# --- who ---


def identity(value: str | int | None, name: str) -> str:
    """An id as text; empty where there is none."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else str(value)
    if len(text) > MAX_ID:
        raise Unclean(f"“{name}” is longer than {MAX_ID} characters; shorten it.")
    return clean(text, name).strip()


def _person(item: Item) -> Person:
    user, anonymous = identity(item.user_id, "userId"), identity(item.anonymous_id, "anonymousId")
    if not user and not anonymous:
        raise Unclean("Neither “userId” nor “anonymousId” is given; send at least one of them.")
    if item.kind != "alias":
        return Person(user, anonymous)
    previous = identity(item.previous_id, "previousId")
    if not user or not previous:
        raise Unclean("An alias call needs “userId” and “previousId”; send both.")
    return Person(user, anonymous, previous)


def _message_id(item: Item) -> str:
    text = "" if item.message_id is None else str(item.message_id)
    if len(text) > MAX_MESSAGE_ID:
        raise Unclean(f"“messageId” is longer than {MAX_MESSAGE_ID} characters; shorten it.")
    return clean(text, "messageId")


# --- what ---


def _company(item: Item) -> str:
    key = identity(item.group_id, "groupId")
    if not key:
        raise Unclean("A group call needs a “groupId”: your own id of the company.")
    return key


def _type(item: Item) -> str:
    if item.kind != "track":
        return "page.viewed"
    name = (item.event or "").strip()
    if not name:
        raise Unclean("A track call needs an “event”: the name of what happened.")
    if len(name) > MAX_NAME:
        raise Unclean(f"“event” is longer than {MAX_NAME} characters; shorten the name.")
    return types.canonical(clean(name, "event"))


def _properties(item: Item) -> dict[str, Any]:
    properties = clean(item.properties, "properties") if item.properties else {}
    if item.kind != "track":
        named = {"name": item.name, "category": item.category}
        if item.kind == "screen":
            named["screen"] = item.name
        properties = properties | {key: clean(value, key) for key, value in named.items() if value is not None}
    return properties


def _untold(context: dict[str, Any]) -> dict[str, Any]:
    """The context without the traits, which are kept with the contact alone."""
    return {key: value for key, value in context.items() if key != "traits"} if "traits" in context else context


def _packed(value: dict[str, Any]) -> msgspec.Raw:
    if not value:
        return EMPTY
    text = msgspec.json.encode(value)
    if len(text) > MAX_ITEM:
        raise Unclean(f"The event is larger than {MAX_ITEM // 1024} KB; send less in it.")
    return msgspec.Raw(text)


# --- when ---


def occurred_at(item: Item, now: datetime) -> datetime:
    """When it happened; the time of receipt where that is not stated, cannot be read, or lies ahead.

    A client's clock that is more than a minute off (seen from `sentAt`) is set right.
    """
    stated = read_time(item.original_timestamp) or read_time(item.timestamp)
    if stated is None:
        return now
    sent = read_time(item.sent_at)
    if sent is not None and abs(now - sent) > SKEW:
        stated += now - sent
    return stated if EARLIEST < stated < now else now


def read_time(value: Any) -> datetime | None:
    """An ISO 8601 text (UTC where it names no zone), seconds or milliseconds since 1970, or a datetime."""
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            value = datetime.fromtimestamp(value if abs(value) < 1e11 else value / 1000, UTC)
        if not isinstance(value, datetime):
            return None
        if value.tzinfo is None:
            value = value.replace(tzinfo=UTC)
        return value if EARLIEST < value < LATEST else None
    except (ValueError, OverflowError, OSError):
        return None
