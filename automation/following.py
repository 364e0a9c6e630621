"""The pipeline's stage that tells of attributes: what became of those that a live campaign follows is an event.

Only of those: a shop tells a hundred attributes a second that no campaign asks about. Imports and merges are silent.
"""

from collections.abc import Iterable

from django.db.models import F

from campaigns.models import Campaign, Reference
from events import recording
from events.pipeline import Batch

CHANGED = "attribute.changed"
TAKING_IN = [Campaign.State.ACTIVE, Campaign.State.PAUSED]


def tell(batch: Batch) -> None:
    """Pipeline stage: one query where an attribute changed, and the writing of the events."""
    changes = [change for change in batch.changes if change.triggers and change.values]
    followed = live_keys("attribute", {path for change in changes for path in change.values})
    events = [
        recording.OwnEvent(
            contact_id=change.contact_id,
            type=CHANGED,
            properties={"attribute": path, "from": old, "to": new},
            hops=change.hops,
            key=f"attribute:{change.pk}:{path}",
            occurred_at=batch.now,
        )
        for change in changes
        for path, (old, new) in change.values.items()
        if path in followed
    ]
    if events:
        recording.record_own(events, batch.now)


def live_keys(kind: str, keys: Iterable[str]) -> set[str]:
    """Which of these the triggers of live campaigns name."""
    wanted = list(keys)
    if not wanted:
        return set()
    named = Reference.objects.filter(kind=kind, role="trigger", key__in=wanted)
    live = named.filter(version__campaign__live=F("version"), version__campaign__state__in=TAKING_IN)
    return set(live.values_list("key", flat=True))
