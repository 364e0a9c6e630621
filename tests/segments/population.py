# ruff: noqa: E501  the tables read best in rows
"""Values that a product may send, kind and unkind, one contact each."""

from datetime import UTC, datetime

from django.db import connection

from contacts.models import Contact

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)  # a Monday

# As JSON text, for what Python's own JSON would refuse.
NASTY = [
    "null", '""', '" "', "true", "false", '"true"', '"no"', "0", "-0", "1", "18", "18.0", '"18"', '" 18 "', '"18.50"',
    "1e400", "-1e400", "1e-400", '"1e400"', '"1e999"', '"1e9999"', '"NaN"', '"Infinity"', '"-infinity"', '"0x10"', '"1_000"',
    '"1,000"', '"١٨"', f'"{"9" * 101}"', f'"{"9" * 100}"', '"."', '"-"', '"5."', '".5"', '"pro"', '"PRO"', '"Pro plan"',
    '"ÉCLAIR"', '"éclair"', '"İstanbul"', '"ß"', '"💧"', '"100%"', '"a_b"', '"a\\\\b"', '"(["', '"two\\nlines"', "[]",
    '["vip"]', '["VIP", "Beta"]', '[1, "1", null]', '[{"a": 1}, [2]]', "{}", '{"plan": "pro"}', '{"deep": {"er": [1, 2]}}',
    '"2026-06-15"', '"2026-06-15T12:00:00Z"', '"2026-06-14"', '"2026-06-08T12:00:00Z"', '"2026-06-20 08:00"',
    '"2026-06-15T23:30:00-05:00"', '"2026-06-15T10:00:00.123456789+0530"', '"1990-06-18"', '"2000-02-29"', '"2025-02-29"',
    '"2026-13-01"', '"2026-06-31"', '"0000-01-01"', '"0001-01-01"', '"9999-12-31"', '"9999-12-31T24:00:00-15:59"',
    '"99999-01-01"', '"2026-06-15T25:00"', '"2026-06-15T10:00:60Z"', '"2026-06-15T10:00+16:00"', '"2026-06-15T10:00+99:99"',
    '"abcd-ef-ghTij:kl:mnZ"', '"2026-02-30T10:00:00Z"', '"9999-12-31T23:59:59Z"', '"infinity"', '"now"', '"today"', '"epoch"', '"June 15, 2026"', '"20260615"', "1781524800", "1781524800000", "-62135596800",
    "99999999999", "-99999999999", "99999999999999", "1e14", '"1781524800"', '"2026-06-15 BC"', '"2026-06-15T10:00:00 Europe/Paris"',
]  # fmt: skip


def populate(values: list[str] = NASTY) -> None:
    """A contact for every value, which is its attribute `v`; one without it; one with nothing at all."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO contacts_contact (attributes, timezone, is_test, fence, created_at, updated_at)"
            " SELECT value::jsonb, '', false, 0, now(), now() FROM unnest(%s::text[]) AS value",
            [[*(f'{{"v": {value}}}' for value in values), '{"other": 1}', "{}"]],
        )


def leaf(op: str, value=None, type_: str | None = None, field: str = "contact.v") -> dict:
    made = {"field": field, "op": op}
    if value is not None:
        made["value"] = value
    return made | ({"type": type_} if type_ else {})


def contact(**attributes) -> Contact:
    return Contact.objects.create(attributes=attributes)
