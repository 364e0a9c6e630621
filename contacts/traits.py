"""What products tell about contacts: traits become attributes, the address and the time zone."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import available_timezones

import msgspec
from django.db import connection

from contacts import addresses

SPELLINGS = {"firstName": "first_name", "lastName": "last_name", "createdAt": "created_at"}
MAX_ATTRIBUTES, MAX_SIZE = 1000, 64_000  # bytes as JSON: whoever has a write key could else let one row grow for ever
SHORT = 200
SEEN_STEP = timedelta(minutes=5)  # "last seen" is as exact as that: a row is not rewritten for less
ZONES = frozenset(available_timezones())


class Telling(NamedTuple):
    """What one item says about one contact; `at` is when the contact was seen."""

    item: int
    contact_id: int
    traits: Mapping[str, Any]
    at: datetime


class Kept(NamedTuple):
    """What is stored about one contact."""

    attributes: dict[str, Any]
    address_id: int | None
    timezone: str
    last_seen_at: datetime | None


def address_ids(traits: Iterable[Mapping[str, Any]], now: datetime) -> dict[str, int]:
    """The addresses that these traits name; called before contacts are locked, since addresses come first."""
    emails = {value["email"] for value in traits if isinstance(value.get("email"), str)}
    return addresses.address_ids(sorted(emails), now) if emails else {}


def write(
    tellings: Sequence[Telling], ids: Mapping[str, int], source_id: int, now: datetime, triggers: bool = True
) -> list[tuple[int, str]]:
    """Write what was told, in its order, and a Change for what became different; two queries.

    Objects are merged level by level; null removes. `ids` are those of the addresses.
    Returns (item, sentence) for what could not be kept.
    """
    if not tellings:
        return []
    before = _locked({telling.contact_id for telling in tellings})
    after, notes = dict(before), []
    seen: dict[int, datetime] = {}
    names: dict[int, dict[str, None]] = {}
    for telling in tellings:
        contact = telling.contact_id
        after[contact], changed, refused = _told(after[contact], telling.traits, ids)
        seen[contact] = max(telling.at, seen.get(contact, telling.at))
        names.setdefault(contact, {}).update(dict.fromkeys(changed))
        notes += [(telling.item, sentence) for sentence in refused]
    rows = [
        {
            "id": contact,
            **kept._asdict(),
            "last_seen_at": seen[contact],
            "names": list(names[contact]),
            "values": changed_values(names[contact], before[contact].attributes, kept.attributes) if triggers else {},
        }
        for contact, kept in after.items()
        if names[contact] or not kept.last_seen_at or seen[contact] - kept.last_seen_at > SEEN_STEP
    ]
    save(rows, source_id, now, triggers)
    return notes


def merged(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> tuple[dict[str, Any], list[str]]:
    """Both objects in one, level by level, and the dotted paths of what became different; null removes."""
    result, changed = dict(old), list[str]()
    for key, value in new.items():
        here, there = f"{path}{key}", result.get(key)
        if value is None:
            if key in result:
                del result[key]
                changed.append(here)
        elif isinstance(value, dict):
            result[key], deeper = merged(there if isinstance(there, dict) else {}, value, f"{here}.")
            changed += deeper if isinstance(there, dict) else [here, *deeper]
        elif key not in result or there != value or type(there) is not type(value):
            result[key] = value
            changed.append(here)
    return result, changed


def changed_values(paths: Iterable[str], before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list]:
    """Path → [what it was, what it is], of those that became different and are short; for whoever follows changes."""
    pairs = ((path, _at(before, path), _at(after, path)) for path in paths)
    return {path: [old, new] for path, old, new in pairs if old != new and _is_short(old) and _is_short(new)}


def _at(tree: Any, path: str) -> Any:
    for key in path.split("."):
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def _is_short(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= SHORT // 10 and all(_is_short(one) and not isinstance(one, list) for one in value)
    return not isinstance(value, Mapping) and (not isinstance(value, str) or len(value) <= SHORT)


def over_limit(attributes: Mapping[str, Any]) -> str:
    """Which limit these attributes break, in words; empty for none."""
    if len(attributes) > MAX_ATTRIBUTES:
        return f"over {MAX_ATTRIBUTES:,} attributes"
    return f"more than {MAX_SIZE // 1000} KB of attributes" if len(msgspec.json.encode(attributes)) > MAX_SIZE else ""


def _told(kept: Kept, traits: Mapping[str, Any], ids: Mapping[str, int]) -> tuple[Kept, list[str], list[str]]:
    """What is kept then, what became different, and what could not be kept."""
    new = {SPELLINGS.get(key, key): value for key, value in traits.items()}
    notes = []
    address_id, timezone = kept.address_id, kept.timezone
    if "email" in new:
        email = new.pop("email")
        if email is None:
            address_id = None
        elif isinstance(email, str) and email in ids:
            address_id = ids[email]
        else:
            notes.append(f"The e-mail “{str(email)[:100]}” is not an address; the other traits were kept.")
    if "timezone" in new:
        zone = new.pop("timezone")
        if zone is None or (isinstance(zone, str) and zone in ZONES):
            timezone = zone or ""
        else:
            notes.append(f"“{str(zone)[:100]}” is no time zone such as Europe/Paris; the rest was kept.")
    attributes, changed = merged(kept.attributes, new)
    if changed and (limit := over_limit(attributes)):
        notes.append(f"The contact would have {limit}; none of these was kept.")
        attributes, changed = kept.attributes, []
    changed += ["email"] * (address_id != kept.address_id) + ["timezone"] * (timezone != kept.timezone)
    return Kept(attributes, address_id, timezone, kept.last_seen_at), changed, notes


def _locked(contacts: Iterable[int]) -> dict[int, Kept]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, attributes::text, address_id, timezone, last_seen_at FROM contacts_contact"
            " WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            [sorted(contacts)],
        )
        return {pk: Kept(msgspec.json.decode(text), *rest) for pk, text, *rest in cursor.fetchall()}


_SAVE = """
WITH told AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%s) AS told (
        id bigint, attributes jsonb, address_id bigint, timezone text, last_seen_at timestamptz, names jsonb,
        "values" jsonb
    )
), saved AS (
    UPDATE contacts_contact AS contact SET
        attributes = told.attributes, address_id = told.address_id, timezone = told.timezone,
        last_seen_at = greatest(contact.last_seen_at, told.last_seen_at),
        updated_at = CASE told.names WHEN '[]' THEN contact.updated_at ELSE %s END
    FROM told WHERE contact.id = told.id
)
INSERT INTO contacts_change (contact_id, kind, names, "values", source_id, triggers, parked_because, due_at)
SELECT id, 'attributes', names, coalesce("values", '{}'), %s, %s, '', %s FROM told
WHERE names <> '[]' OR last_seen_at IS NOT NULL ORDER BY id
"""


def save(rows: list[dict[str, Any]], source_id: int | None, now: datetime, triggers: bool) -> None:
    """Write locked contacts: id, attributes, address_id, timezone, last_seen_at, and the `names` of what is new.

    Who was merely seen again leaves a Change without names.
    """
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_SAVE, [msgspec.json.encode(rows).decode(), now, source_id, triggers, now])
