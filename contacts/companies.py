"""Who belongs to which company, as the product's group calls say."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from django.db import connection

from contacts.models import Company
from contacts.traits import merged, over_limit


class Joining(NamedTuple):
    """One contact belongs to the company of this key, of which these traits are told."""

    contact_id: int
    key: str
    traits: Mapping[str, Any]


def join(joinings: Sequence[Joining], source_id: int, now: datetime, triggers: bool = True) -> dict[str, str]:
    """Make the companies and memberships that are missing and write what is told; a fixed number of queries.

    A Change tells of every membership that is new and of every contact who told something new: its names are
    the company's key and, where its attributes became different, “attributes”.
    Returns company key → sentence where what was told could not be kept.
    """
    if not joinings:
        return {}
    keys = sorted({joining.key for joining in joinings})
    _run(_MAKE, [now, now, keys])
    ids, changed, refused = _write(joinings, keys, now)
    rows = [
        {"contact": contact, "company": ids[key], "key": key, "changed": key in changed}
        for contact, key in dict.fromkeys((joining.contact_id, joining.key) for joining in joinings)
    ]
    _run(_JOIN, [msgspec.json.encode(rows).decode(), now, source_id, triggers, now])
    return refused


def _write(
    joinings: Sequence[Joining], keys: list[str], now: datetime
) -> tuple[dict[str, int], set[str], dict[str, str]]:
    """The companies' ids, the keys of those that became different, and what could not be kept of which.

    A company is locked only where something is new: everyone who works there would wait otherwise.
    """
    companies = {company.key: company for company in Company.objects.filter(key__in=keys)}
    ids = {key: company.pk for key, company in companies.items()}
    changed, refused = _told(companies, joinings)
    if not changed:
        return ids, changed, refused
    locked = Company.objects.filter(key__in=changed).order_by("key").select_for_update(no_key=True)
    companies = {company.key: company for company in locked}
    changed, refused = _told(companies, joinings)
    for company in companies.values():
        company.updated_at = now
    Company.objects.bulk_update(companies.values(), ["attributes", "updated_at"])
    return ids, changed, refused


def _told(companies: Mapping[str, Company], joinings: Sequence[Joining]) -> tuple[set[str], dict[str, str]]:
    changed, refused = set(), {}
    for joining in joinings:
        if company := companies.get(joining.key):
            attributes, different = merged(company.attributes, joining.traits)
            if different and (limit := over_limit(attributes)):
                refused[joining.key] = f"The company would have {limit}; none of these was kept."
            elif different:
                company.attributes = attributes
                changed.add(joining.key)
    return changed, refused


_MAKE = """
INSERT INTO contacts_company (key, attributes, created_at, updated_at)
SELECT wanted.key, '{}', %s, %s FROM unnest(%s::text[]) AS wanted (key)
WHERE NOT EXISTS (SELECT FROM contacts_company WHERE contacts_company.key = wanted.key) ORDER BY key
ON CONFLICT (key) DO NOTHING
"""

_JOIN = """
WITH joining AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%s) AS joining (contact bigint, company bigint, key text, changed boolean)
), joined AS (
    INSERT INTO contacts_companymember (contact_id, company_id, since)
    SELECT contact, company, %s FROM joining ORDER BY contact, company
    ON CONFLICT (contact_id, company_id) DO NOTHING RETURNING contact_id, company_id
)
INSERT INTO contacts_change (contact_id, kind, names, source_id, triggers, parked_because, due_at)
SELECT contact, 'company', CASE WHEN changed THEN jsonb_build_array(key, 'attributes') ELSE jsonb_build_array(key) END,
    %s, %s, '', %s
FROM joining
WHERE changed OR (contact, company) IN (SELECT contact_id, company_id FROM joined) ORDER BY contact, company
"""


def _run(statement: str, parameters: list) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
