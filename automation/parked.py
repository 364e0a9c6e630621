"""All those whom a fault has stopped in some campaigns: tried again or taken out as a job, each of them once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, QuerySet

from automation import releasing
from automation.models import Enrollment
from lib.words import people
from ops import jobs
from ops.models import Job

KIND = "automation.parked"
TITLE = "Decide about those stopped by a fault"
AT_ONCE = 500


@dataclass(frozen=True)
class Deed:
    """What a person decides about many at once."""

    label: str
    label_for_all: str
    line: str
    done: str
    act: Callable[..., int]
    danger: bool = False


CANCELS = "A mail or a call that is queued for them is cancelled; what is being handed over just now still goes out."
DEEDS = {
    "release": Deed(
        "Try again",
        "Let all of them try again",
        "The steps that went wrong are tried once more now. Whoever fails again is parked again.",
        "tried their step again",
        releasing.release,
    ),
    "discard": Deed(
        "Take out",
        "Take all of them out",
        f"They leave their campaigns, which cannot be undone. {CANCELS}",
        "were taken out",
        releasing.discard,
        danger=True,
    ),
}


def found(campaign: int | None = None, step: str = "") -> QuerySet[Enrollment]:
    """Those of a campaign, or of one step of it; else of all but test runs, which have pages of their own."""
    rows = Enrollment.objects.filter(releasing.PARKED, campaign__test_of=None)
    if campaign is not None:
        rows = rows.filter(campaign=campaign)
    return rows.filter(step_uid=step) if step else rows


def start(deed: str, campaign: int | None, step: str, title: str, user, now: datetime) -> Job | None:
    """None where nobody is stopped any more. Whoever is stopped anew afterwards is not meant."""
    last = found(campaign, step).aggregate(last=Max("pk"))["last"]
    if last is None:
        return None
    told = {"deed": deed, "campaign": campaign, "step": step, "last": last}
    return jobs.start(KIND, title, told, user, now)


def work(job: Job, now: datetime) -> bool:
    """A batch of the job, in the order of their entering: whoever fails again lies behind."""
    told, deed = job.arguments, DEEDS[job.arguments["deed"]]
    left = found(told["campaign"], told["step"]).filter(pk__gt=job.cursor.get("after", 0), pk__lte=told["last"])
    job.total = job.total or left.count()
    ids = list(left.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    if ids:
        job.done += deed.act(Enrollment.objects.filter(pk__in=ids), job.created_by, now)
        job.cursor = {"after": ids[-1]}
    job.result = f"{people(job.done)} {deed.done}."
    return len(ids) < AT_ONCE
