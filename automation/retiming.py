"""Who waits in a step whose times are others in another version, and until when they would wait by it.

Publishing does it where that is chosen, and the page that asks shows it before: one way to work it out, so that what is
said is what happens.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from automation.documents import of_versions
from automation.models import Enrollment, Visit
from campaigns.document import Document
from campaigns.doors import Waiting
from campaigns.models import Campaign
from campaigns.step_kinds import STEP_KINDS, Wait
from campaigns.ways import waits_anew

UNREAD = ["enrollment__data", "enrollment__contact__attributes"]  # large, and no time depends on them
Anew = dict[str, list[tuple[Visit, Wait]]]


def anew(campaign: Campaign, olds: Mapping[int, Document], new: Document, now: datetime, uids: Collection[str]) -> Anew:
    """By the uid of the step: those who wait there, each with the wait they would have. A fixed number of queries."""
    found: Anew = {}
    for uid, visits in _waiting(campaign, olds, new, uids).items():
        step = new.step(uid)
        assert step
        waits = STEP_KINDS[step.kind].due_again(visits, step.config, now)
        found[uid] = [(visit, wait) for visit, wait in zip(visits, waits, strict=True) if wait]
    return found


def _waiting(
    campaign: Campaign, olds: Mapping[int, Document], new: Document, uids: Collection[str]
) -> dict[str, list[Visit]]:
    """Those who stand in these steps because of their times: not those whose mail is held, or whom somebody woke."""
    concerned = {
        (version, uid) for version, old in olds.items() for uid in uids if waits_anew(old.step(uid), new.step(uid))
    }
    if not concerned:
        return {}
    its = Visit.objects.filter(left_at=None, enrollment__campaign=campaign, enrollment__state=Enrollment.State.ACTIVE)
    its = its.filter(enrollment__step_uid__in={uid for _, uid in concerned}).order_by("pk")
    by_uid: dict[str, list[Visit]] = defaultdict(list)
    for visit in its.select_related("enrollment__contact").defer(*UNREAD):
        row, step = visit.enrollment, new.step(visit.step_uid)
        stands = visit.step_uid == row.step_uid and (row.version_id, row.step_uid) in concerned
        if step and stands and visit.kind == step.kind and STEP_KINDS[step.kind].waits(visit):
            visit.step = step  # type: ignore[attr-defined]
            by_uid[step.uid].append(visit)
    return by_uid


def shown(campaign: Campaign, new: Document, now: datetime) -> dict[str, Waiting]:
    """By the uid of the step: how many would wait anew, and from when to when."""
    inside = Enrollment.objects.active().filter(campaign=campaign)
    olds = of_versions(inside.order_by().values_list("version", flat=True).distinct())
    found = anew(campaign, olds, new, now, [step.uid for step in new.steps])
    return {uid: _together([wait for _, wait in its]) for uid, its in found.items() if its}


def _together(waits: list[Wait]) -> Waiting:
    ends = [datetime.fromisoformat((wait.facts or {})["until"]) for wait in waits]
    return Waiting(len(ends), min(ends), max(ends))
