"""What those inside take over from a version that they follow, besides where they stand and until when.

Each is a statement or two, and only where the versions differ in it: what their step looks out for, by which key they
are known, how important their held mails are.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from django.db import connection

from automation.admitting import entry_key
from automation.capped import PRIORITIES
from automation.models import Enrollment
from campaigns.document import Document, StepDoc
from campaigns.models import Campaign
from campaigns.step_kinds import STEP_KINDS

# Whoever else of the campaign bears the key already, or did where that counts for ever, keeps it to themselves.
REKEY = """
WITH wanted AS (
    SELECT DISTINCT ON (e.contact_id, n.key) e.id, e.campaign_id, e.contact_id, n.key
    FROM automation_enrollment e JOIN jsonb_to_recordset(%s::jsonb) AS n(id bigint, key text) ON n.id = e.id
    ORDER BY e.contact_id, n.key, e.id
)
UPDATE automation_enrollment e SET entry_key = w.key FROM wanted w
WHERE e.id = w.id AND NOT EXISTS (
    SELECT FROM automation_enrollment other WHERE other.campaign_id = w.campaign_id
    AND other.contact_id = w.contact_id AND other.entry_key = w.key AND other.id <> w.id
    AND (other.once OR other.state IN ('active', 'held', 'parked')))
"""
MORE_IMPORTANT = """
UPDATE automation_visit v SET facts = jsonb_set(v.facts, '{capped,priority}', to_jsonb(%s::int))
FROM automation_enrollment e
WHERE e.campaign_id = %s AND e.state = 'active' AND v.enrollment_id = e.id AND v.left_at IS NULL AND v.facts ? 'capped'
"""


def adopt(campaign: Campaign, olds: Mapping[int, Document], new: Document, now: datetime) -> None:
    """In the publishing transaction, which holds the campaign and those inside; before they have the new version."""
    _look_at_once(campaign, olds, new, now)
    others = [pk for pk, old in olds.items() if old.entry_key != new.entry_key]
    if others:
        _rekey(campaign, others, new)
    if any(old.priority != new.priority for old in olds.values()):
        with connection.cursor() as cursor:
            cursor.execute(MORE_IMPORTANT, [PRIORITIES[new.priority], campaign.pk])


def _look_at_once(campaign: Campaign, olds: Mapping[int, Document], new: Document, now: datetime) -> None:
    """What a step looks out for only now may have happened to those who wait there: they look back."""
    for pk, old in olds.items():
        uids = [step.uid for step in new.steps if _looks_out_for_more(old.step(step.uid), step)]
        if uids:
            listening = Enrollment.objects.filter(campaign=campaign, version=pk, step_uid__in=uids, listens=True)
            listening.filter(state=Enrollment.State.ACTIVE, due_at__gt=now).update(due_at=now, listens=False)


def _looks_out_for_more(before: StepDoc | None, after: StepDoc) -> bool:
    if before is None or before.kind != after.kind:
        return False
    kind = STEP_KINDS[after.kind]
    known = [(watch.event, watch.filter, watch.condition) for watch in kind.watches(before.config)]
    since = before.config.get("since") != after.config.get("since")
    return any(since or (one.event, one.filter, one.condition) not in known for one in kind.watches(after.config))


def _rekey(campaign: Campaign, versions: list[int], new: Document) -> None:
    """They are known by what the new key says of the event that let them in: else what they do would be nobody's."""
    inside = Enrollment.objects.active().filter(campaign=campaign, version__in=versions)
    keys = [(pk, its, entry_key(new, data)) for pk, its, data in inside.values_list("pk", "entry_key", "data")]
    rows = [{"id": pk, "key": key} for pk, its, key in keys if its != key]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(REKEY, [msgspec.json.encode(rows).decode()])
