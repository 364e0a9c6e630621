"""Taking everybody out of a list, or moving them to another one: in the background, some thousands a batch."""

from datetime import datetime

from django.db.models import Max

from ops import jobs
from ops.jobs import JobFailed
from ops.models import Job
from segments import members
from segments.models import Membership, Segment

KIND = "segments.move"
AT_ONCE = 2_000


def start(source: Segment, target: Segment | None, user, now: datetime) -> Job:
    """Queue it for those who are in the list now; whoever comes later stays. No target: they are taken out."""
    newest = Membership.objects.current().filter(segment=source).aggregate(newest=Max("pk"))["newest"] or 0
    title = f"Move everybody from “{source}” to “{target}”" if target else f"Take everybody out of “{source}”"
    arguments = {"segment": source.pk, "target": target and target.pk, "until": newest}
    return jobs.start(KIND, title, arguments, user, now)


def step(job: Job, now: datetime) -> bool:
    """One batch of the job."""
    source, target = _list(job.arguments["segment"]), _list(job.arguments["target"])
    rows = Membership.objects.current().filter(segment=source, pk__lte=job.arguments["until"])
    if job.total is None:
        job.total = rows.count()
    found = list(rows.order_by("pk").values_list("contact_id", flat=True)[:AT_ONCE])
    if source and found:
        shift(source, target, found, now, job.created_by)
    job.done += len(found)
    if found:
        return False
    job.result = f"{job.done:,} people were {'moved' if target else 'taken out'}."
    return True


def shift(source: Segment, target: Segment | None, contact_ids: list[int], now: datetime, by) -> int:
    """Move people by hand, or take them out where there is no target; how many were in it."""
    if target:
        return members.move(source, target, contact_ids, now, Membership.Cause.HAND, by)
    return members.remove(source, contact_ids, now, Membership.Cause.HAND, by)


def _list(pk: int | None) -> Segment | None:
    if pk is None:
        return None
    found = Segment.objects.static().filter(pk=pk).first()
    if found is None:
        raise JobFailed("One of the two lists was deleted meanwhile; who was not moved by then stayed.")
    return found


def undo(lists: list[Segment], at: datetime, user, now: datetime) -> int:
    """Take back what a person did by hand at that moment to a list (the first) and another; how many it concerned."""
    counts = []
    for segment in lists:
        gone, came = gone_and_came(segment, at, user)
        put_back = members.add(segment, gone, now, Membership.Cause.HAND, user)
        counts.append(put_back + members.remove(segment, came, now, Membership.Cause.HAND, user))
    return counts[0]


def gone_and_came(segment: Segment, at: datetime, user) -> tuple[list[int], list[int]]:
    """Whom this person took out, and put in, at that moment, as far as nothing has changed it since."""
    theirs, hand = Membership.objects.filter(segment=segment, by=user), Membership.Cause.HAND
    gone = theirs.filter(left_at=at, left_by=hand).exclude(contact__in=members.ids(segment))
    came = theirs.filter(entered_at=at, entered_by=hand, left_at=None)
    return list(gone.values_list("contact_id", flat=True)), list(came.values_list("contact_id", flat=True))
