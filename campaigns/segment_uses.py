"""Which campaigns use a segment: in what is live or in a draft, in any condition or step."""

from collections.abc import Collection

from django.db import connection
from django.urls import reverse

# Conditions and steps name a segment by its id under the key “segment”, however deep; a filter of “enters a segment”
# compares the event's property with it.
_NAMED = """
SELECT DISTINCT (named #>> '{}')::bigint AS segment, c.id, c.name
FROM campaigns_campaign c LEFT JOIN campaigns_version v ON v.id = c.live_id,
    jsonb_path_query(jsonb_build_array(c.draft, v.document), '$.**.segment ? (@.type() == "number")') AS named
WHERE c.state <> 'archived' AND named = ANY(%s::jsonb[])
UNION
SELECT DISTINCT (named #>> '{}')::bigint, c.id, c.name
FROM campaigns_campaign c LEFT JOIN campaigns_version v ON v.id = c.live_id,
    jsonb_path_query(jsonb_build_array(c.draft, v.document), '$.** ? (@.field == "event.segment").value[*]') AS named
WHERE c.state <> 'archived' AND named = ANY(%s::jsonb[])
UNION
SELECT r.key::bigint, c.id, c.name
FROM campaigns_reference r JOIN campaigns_campaign c ON c.live_id = r.version_id
WHERE c.state <> 'archived' AND r.kind = 'segment' AND r.key = ANY(%s)
ORDER BY name
"""


def places(ids: Collection[int]) -> dict[int, list[tuple[str, str]]]:
    """By segment: (the campaign in words, the address of its page); archived ones do not count."""
    keys = [str(pk) for pk in ids]
    with connection.cursor() as cursor:
        cursor.execute(_NAMED, [keys, keys, keys])
        rows = cursor.fetchall()
    found: dict[int, list[tuple[str, str]]] = {}
    for segment, campaign, name in rows:
        url = reverse("admin:campaigns_campaign_change", args=[campaign])
        found.setdefault(segment, []).append((f"the campaign “{name}”", url))
    return found
