"""The pipeline's stage: contacts about whom something was written that a segment reads are asked again."""

from datetime import datetime

import msgspec
from django.db import connection

from contacts.models import Change
from segments import membership, reading
from segments.membership import Cause, Occasion
from segments.models import Segment


def follow(batch) -> None:
    """Pipeline stage: only the segments that read what was written, only the contacts touched."""
    written = reading.of(batch)
    readers = Segment.objects.evaluated().filter(reads__overlap=[*written])
    if reading.EVERYTHING in written:
        readers = Segment.objects.evaluated()
    touched: dict[int, set[int]] = {}
    for pk, reads in readers.values_list("pk", "reads"):
        for token in {*reads, reading.EVERYTHING} & written.keys():
            touched.setdefault(pk, set()).update(written[token])
    if touched:
        membership.settle(touched, occasion_of(batch))
    if companies := _told_about(batch.changes):
        _tell_colleagues(companies, batch.now)


# In lanes of their own: others may be working on these contacts just now.
_COLLEAGUES = """
INSERT INTO contacts_change (contact_id, kind, names, triggers, parked_because, due_at)
SELECT m.contact_id, 'company', jsonb_build_array(c.key), bool_or(told.triggers), '', %s
FROM json_to_recordset(%s) AS told (key text, triggers boolean, contacts bigint[])
JOIN contacts_company c ON c.key = told.key JOIN contacts_companymember m ON m.company_id = c.id
WHERE m.contact_id <> ALL(told.contacts)
GROUP BY m.contact_id, c.key ORDER BY m.contact_id
"""


def _told_about(changes) -> list[dict]:
    """The companies whose attributes became different, and who said so: those were asked again just now."""
    found: dict[str, dict] = {}
    for change in changes:
        if change.kind == Change.Kind.COMPANY and len(change.names) > 1:
            told = found.setdefault(change.names[0], {"key": change.names[0], "triggers": False, "contacts": []})
            told["triggers"] |= change.triggers
            told["contacts"].append(change.contact_id)
    return list(found.values())


def _tell_colleagues(companies: list[dict], now: datetime) -> None:
    segments = Segment.objects.evaluated().filter(reads__contains=["company"])
    if segments.exists() or any(reads("company") for reads in reading.READERS):
        with connection.cursor() as cursor:
            cursor.execute(_COLLEAGUES, [now, msgspec.json.encode(companies).decode()])


def occasion_of(batch) -> Occasion:
    """A contact about whom only an import or a merge wrote starts nothing."""
    loud = {change.contact_id for change in batch.changes if change.triggers}
    by_contact: dict[int, str] = {}
    for change in batch.changes:
        if change.contact_id not in loud:
            merged = change.kind == change.Kind.MERGED or by_contact.get(change.contact_id) == Cause.MERGED
            by_contact[change.contact_id] = Cause.MERGED if merged else Cause.IMPORT
    hops: dict[int, int] = {}
    for one in (*batch.events, *batch.changes):
        hops[one.contact_id] = max(hops.get(one.contact_id, 0), one.hops)
    return Occasion(batch.now, Cause.CHANGE, by_contact, hops)
