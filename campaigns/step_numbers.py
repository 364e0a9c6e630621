"""What came of each step, as the canvas shows it."""

from collections import Counter
from typing import Any

from campaigns import numbers
from campaigns.document import StepDoc
from campaigns.flow import arms_of, ways_by_arm, ways_of
from campaigns.models import Campaign, Step
from campaigns.numbers import Numbers, reason_in_words
from campaigns.sequence_words import readable

ELSEWHERE = "taken elsewhere, by a person or when a version was published"


def of_steps(campaign: Campaign) -> dict[str, dict[str, Any]]:
    """Step uid → its counts; four queries, one more where a way was taken that is no longer there."""
    document = readable(campaign)
    told = {uid: _told(found, document.step(uid)) for uid, found in numbers.by_step(campaign).items() if uid}
    _name_what_is_gone(campaign, {uid: its["gone"] for uid, its in told.items() if its["gone"]})
    return told


def _told(found: Numbers, step: StepDoc | None) -> dict[str, Any]:
    ways = _by_way(found.ways, step)
    drawn = {way.arm for way in ways_of(step)} if step else ways.keys()
    return {
        "waiting": found.waiting,
        "passed": found.passed,
        "ways": ways,
        "gone": [{"key": arm, "words": "", "count": count} for arm, count in ways.items() if arm not in drawn],
        "sent": found.sent,
        "opened": found.opened,
        "clicked": found.clicked,
        "failed": found.failed_total,
        "why": [{"key": key, "words": reason_in_words(key), "count": count} for key, count in found.by_reason],
    }


def _name_what_is_gone(campaign: Campaign, gone: dict[str, list[dict[str, Any]]]) -> None:
    """Ways that the picture does not have any more, by the names that they had last."""
    rows = Step.objects.filter(version__campaign=campaign, uid__in=gone).order_by("version__number") if gone else ()
    labels = {
        (row.uid, arm.key): arm.label
        for row in rows
        for arm in arms_of(StepDoc(uid=row.uid, kind=row.kind, config=row.config))
        if arm.label
    }
    for uid, ways in gone.items():
        for way in ways:
            name = labels.get((uid, way["key"]))
            way["words"] = f"by a way that is no longer there: “{name}”" if name else ELSEWHERE


def _by_way(arms: dict[str, int], step: StepDoc | None) -> dict[str, int]:
    """How many took each way that is drawn: a way may stand for several outcomes."""
    drawn = ways_by_arm(step) if step else {}
    counted: Counter[str] = Counter()
    for arm, count in arms.items():
        counted[drawn.get(arm, arm)] += count
    return dict(counted)
