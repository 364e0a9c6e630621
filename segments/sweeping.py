"""Segments whose members change by the passing of time alone: looked at every minute.

Nobody is asked but those whose event or date crossed the edge of a window since the last look; where the
condition follows the calendar, everybody once a day, when the day begins.
"""

from datetime import datetime, timedelta

from django.db import transaction

from lib.due import Question
from ops.models import SiteSettings
from segments import conditions, membership, refreshing
from segments.membership import Cause, Occasion
from segments.models import Segment

EVERY = timedelta(minutes=1)
# A batch of the pipeline that began before the last look may have written after it, as of its own, earlier time.
OVERLAP = timedelta(minutes=5)
AT_ONCE = 20_000


is_due = Question(lambda now: Segment.objects.due(now))


@transaction.atomic
def sweep(now: datetime) -> int:
    """Look at one segment; 0 when none is due. Several workers take different ones."""
    due = Segment.objects.due(now).order_by("due_at")
    # No key is changed: writing a membership, which looks at the segment's key, does not wait for us.
    segment = due.select_for_update(skip_locked=True, no_key=True, of=("self",)).first()
    if segment is None:
        return 0
    since = segment.swept_at or now
    if _new_day(segment, since, now):
        refreshing.start(segment, Cause.TIME, None, now)
    else:
        _ask(segment, since, now)
    segment.swept_at, segment.due_at = now, now + EVERY
    segment.save(update_fields=["swept_at", "due_at"])
    return 1


def _new_day(segment: Segment, since: datetime, now: datetime) -> bool:
    zone = SiteSettings.get().zone
    return segment.turns_at_midnight and since.astimezone(zone).date() != now.astimezone(zone).date()


def _ask(segment: Segment, since: datetime, now: datetime) -> None:
    if segment.fault:
        return
    crossing = conditions.turning(segment.condition, since - OVERLAP, now.astimezone(SiteSettings.get().zone))
    asked = {pk for rows in crossing for pk in rows[: AT_ONCE + 1]}
    if len(asked) > AT_ONCE:  # such as a year's import that turns a month old in one minute
        refreshing.start(segment, Cause.TIME, None, now)
    elif asked:
        membership.hold(asked)
        membership.settle({segment.pk: asked}, Occasion(now, Cause.TIME))
