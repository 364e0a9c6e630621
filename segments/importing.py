"""Static segments as a place to which an import adds its people."""

from collections.abc import Sequence
from datetime import datetime

from contacts.importing import Destination
from segments import members
from segments.models import Membership, Segment


def _choices() -> list[tuple[int, str]]:
    return list(Segment.objects.static().values_list("pk", "name"))


def _add(segment_id: int, contact_ids: Sequence[int], now: datetime, user) -> int:
    segment = Segment.objects.get(pk=segment_id)
    return members.add(segment, contact_ids, now, Membership.Cause.IMPORT, user)


destination = Destination("segment", "Segment", _choices, _add)
