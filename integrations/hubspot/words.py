"""What HubSpot's errors mean, in plain words. Every part of an error may be missing, so nothing is relied upon."""

import re
from typing import Any

import msgspec

NOT_THERE = {"OBJECT_NOT_FOUND"}
BUSY = {"RATE_LIMITS", "RATE_LIMIT"}
TAKEN = {"CONFLICT", "CONTACT_EXISTS"}
UNKNOWN_PROPERTY = "PROPERTY_DOESNT_EXIST"
LONGEST = 200
SCOPES = "crm.objects.contacts.read and crm.objects.contacts.write"
LIST = re.compile(r"\[\{.*\}\]", re.DOTALL)


def kind_of(fault: dict[str, Any]) -> str:
    return str(fault.get("category") or fault.get("errorType") or "").upper()


def traces(fault: dict[str, Any]) -> list[str]:
    """The inputs that an error is about, by the traces that we gave them."""
    context = fault.get("context")
    named = context.get("objectWriteTraceId") if isinstance(context, dict) else None
    named = named or fault.get("objectWriteTraceId")
    return [str(one) for one in (named if isinstance(named, list) else [named]) if one]


def unknown_properties(fault: dict[str, Any]) -> set[str]:
    """The properties that an error says are none."""
    return {str(one.get("name")) for one in _parts(fault) if one.get("error") == UNKNOWN_PROPERTY and one.get("name")}


def refusal(fault: dict[str, Any], status: int) -> str:
    """Why a row is not taken, and what to do."""
    if kind_of(fault) in TAKEN or status == 409:
        return "Another record in HubSpot has this e-mail address already; merge the two there."
    for part in _parts(fault):
        name, error = str(part.get("name", ""))[:100], part.get("error")
        if error == UNKNOWN_PROPERTY:
            return f"HubSpot has no contact property “{name}”; make it there, or mend the connection’s properties."
        if error == "INVALID_EMAIL":
            return "HubSpot does not take their address for an e-mail address."
        if error == "INVALID_OPTION":
            return f"HubSpot’s property “{name}” has no such choice: write one of its internal names."
        if error in ("INVALID_INTEGER", "INVALID_LONG", "INVALID_DOUBLE", "INVALID_DATE", "INVALID_BOOLEAN"):
            return f"HubSpot’s property “{name}” is of another type than the value."
        if error == "READ_ONLY_VALUE":
            return f"HubSpot’s property “{name}” cannot be written; remove it from the connection’s properties."
        if part.get("message"):
            return f"HubSpot says of “{name}”: {_short(part['message'])}"
    message = _short(fault.get("message"))
    return f"HubSpot says: {message}" if message else f"HubSpot answered {status} and does not say why."


def not_allowed(status: int, fault: dict[str, Any]) -> str:
    """Why nobody is let in, and what to do."""
    if status == 401:
        return "HubSpot does not know the access token any more; make a new one there and enter it here."
    if "EXPIRED" in kind_of(fault):
        return "HubSpot’s access token has expired; make a new one there and enter it here."
    return f"The access token may not write contacts; give its private app the scopes {SCOPES}."


def _parts(fault: dict[str, Any]) -> list[dict[str, Any]]:
    """The single faults, which HubSpot writes as JSON into the message."""
    found = LIST.search(str(fault.get("message", ""))[:20_000])
    try:
        value = msgspec.json.decode(found[0]) if found else []
    except (msgspec.DecodeError, RecursionError):
        value = []
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _short(message: Any) -> str:
    text = " ".join(str(message or "").replace("\x00", "").split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
