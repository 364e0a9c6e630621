"""What clients send: one item of a batch, as the wire has it."""

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from lib.clean_json import Unclean

MAX_ITEM = 32 * 1024
KINDS = ("track", "identify", "page", "screen", "group", "alias")

if TYPE_CHECKING:
    Json = Mapping[str, Any] | None
else:
    Json = dict[str, Any] | None


class Item(msgspec.Struct, rename="camel", kw_only=True, omit_defaults=True):
    """One call of a client: who, what, when. Everything but `kind` may be missing.

    Times are ISO 8601 texts, seconds or milliseconds since 1970, or datetimes.
    """

    kind: str = msgspec.field(default="", name="type")
    message_id: str | int | None = None
    user_id: str | int | None = None
    anonymous_id: str | int | None = None
    event: str | None = None
    name: Any = None
    category: Any = None
    properties: Json = None
    traits: Json = None
    context: Json = None
    timestamp: Any = None
    original_timestamp: Any = None
    sent_at: Any = None
    group_id: str | int | None = None
    previous_id: str | int | None = None

    def __str__(self):
        """As JSON in ASCII: fit to be shown whatever is in it."""
        try:
            return json.dumps(msgspec.to_builtins(self), default=str)
        except (RecursionError, ValueError):
            return "(nested too deeply to be shown)"


class Refused(msgspec.Struct):
    """An item that could not even be read: why, and what it was."""

    reason: str
    payload: str

    def __str__(self):
        return self.payload


_decoder = msgspec.json.Decoder(Item)


def read(raw: bytes | msgspec.Raw) -> Item | Refused:
    """The item in this JSON text (≤ 32 KB), or the sentence that says why there is none."""
    try:
        if memoryview(raw).nbytes > MAX_ITEM:
            raise Unclean(f"The event is larger than {MAX_ITEM // 1024} KB; send less in it.")
        return _decoder.decode(raw)
    except (Unclean, msgspec.MsgspecError, UnicodeError, RecursionError) as fault:
        return Refused(in_words(fault), bytes(raw).decode(errors="replace"))


def convert(value: Any) -> Item | Refused:
    """The same for a value that was decoded before."""
    try:
        return msgspec.convert(value, Item)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as fault:
        return Refused(in_words(fault), ascii(value)[: 2 * MAX_ITEM])


def in_words(fault: Exception) -> str:
    """What was wrong with a JSON text, and what to do, in one sentence."""
    if isinstance(fault, Unclean):
        return str(fault)
    if isinstance(fault, RecursionError):
        return "The JSON is nested far too deeply; flatten it."
    if isinstance(fault, UnicodeEncodeError):
        return "A text contains half of a character pair (a lone surrogate); send whole characters."
    if isinstance(fault, UnicodeError):
        return "A text is not valid UTF-8; encode the request as UTF-8."
    if "out of range" in str(fault):
        return "A number is too large to be kept; send it as text."
    if place := re.search(r"at `\$\.?(.*)`", str(fault)):
        return f"“{place[1]}” is of the wrong kind: {_expectation(str(fault))}."
    return "The event is not a JSON object; send an object with a “type”."


def _expectation(fault: str) -> str:
    if "`object" in fault.split(", got")[0]:
        return "send an object"
    return "send a text"
