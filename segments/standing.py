"""How a segment stands, in words: what is being done, what went wrong, how it grew, what a look costs."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q
from django.db.models.functions import Coalesce

from lib import words
from segments import defining
from segments.models import Segment

UNUSED_AFTER = timedelta(days=90)
GROWTH_OVER = timedelta(days=7)
# The sweep looks every minute; beyond this nobody does its work.
LATE = timedelta(minutes=15)


@dataclass(frozen=True)
class Badge:
    """A short word with its colour (success, info, warning, danger), and the sentence behind it."""

    text: str
    tone: str
    why: str


def badges(segment: Segment, now: datetime, used: bool = False) -> list[Badge]:
    """What one must know about a segment; nothing for one that is as it should be."""
    found = []
    if is_working(segment):
        found.append(Badge(f"being worked out{_share(segment)}", "info", "Everybody is compared with the rules."))
    if segment.fault:
        found.append(Badge("cannot be evaluated", "danger", segment.fault))
    elif why := why_stale(segment, now):
        found.append(Badge("stale", "warning", why))
    if is_unused(segment, now) and not used:
        found.append(Badge("unused for 90 days", "", "No campaign, segment, export or API call has read it since."))
    return found


def is_working(segment: Segment) -> bool:
    return segment.refresh is not None and segment.refresh.due_at is not None


def progress(segment: Segment) -> int | None:
    """How much of a refresh under way is done, in percent; None where that cannot be said yet."""
    job = segment.refresh
    if not is_working(segment) or job is None or not job.total:
        return None
    return min(100, round(100 * job.done / job.total))


def _share(segment: Segment) -> str:
    share = progress(segment)
    return "" if share is None else f" {share} %"


def why_stale(segment: Segment, now: datetime) -> str:
    """In one sentence, why its members may not be those whom the rules describe; empty if they are."""
    if not segment.is_dynamic or is_working(segment):
        return ""
    if not segment.is_settled:
        because = f" ({segment.refresh.result.rstrip('.')})" if segment.refresh and segment.refresh.result else ""
        return f"Its members do not follow its rules as they stand{because}; refresh it."
    if segment.due_at and segment.swept_at and segment.swept_at < now - LATE:
        return "Who enters and leaves as time passes was not looked at lately; see that a worker runs."
    return ""


def is_unused(segment: Segment, now: datetime) -> bool:
    """Has nothing read it for long? (That nothing refers to it has to be asked besides.)"""
    return (segment.used_at or segment.created_at) < now - UNUSED_AFTER


def q_working() -> Q:
    return Q(refresh__due_at__isnull=False)


def q_stale(now: datetime) -> Q:
    unsettled = Q(refreshed_revision__lt=F("revision"))
    late = Q(due_at__isnull=False, swept_at__lt=now - LATE)
    return Q(kind=Segment.Kind.DYNAMIC, fault="") & (unsettled | late) & ~q_working()


def unused(now: datetime):
    """Segments that nothing has read for 90 days and nothing refers to."""
    old = Segment.objects.annotate(read_at=Coalesce("used_at", "created_at")).filter(read_at__lt=now - UNUSED_AFTER)
    ids = list(old.values_list("pk", flat=True))
    return Segment.objects.filter(pk__in=set(ids) - in_use(ids))


def in_use(ids: Collection[int]) -> set[int]:
    return {pk for pk, places in defining.uses_of(ids).items() if places} if ids else set()


def cost(milliseconds: int | None) -> str:
    """What a look at everybody took: “0.2 s”."""
    if milliseconds is None:
        return "–"
    if milliseconds < 50:
        return "under 0.1 s"
    seconds = milliseconds / 1000
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def growth(number: int) -> str:
    return f"+{number:,}" if number > 0 else f"−{-number:,}" if number else "unchanged"


def people(number: int) -> str:
    """“1 person”, “1,204 people”, “nobody”."""
    return words.people(number) if number else "nobody"
