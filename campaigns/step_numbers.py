"""What came of each step, as the canvas shows it."""

from collections import Counter
from typing import Any

from campaigns import numbers
from campaigns.document import StepDoc
from campaigns.flow import ways_by_arm
from campaigns.models import Campaign
from campaigns.numbers import Numbers, reason_in_words
from campaigns.sequence_words import readable


def of_steps(campaign: Campaign) -> dict[str, dict[str, Any]]:
    """Step uid → its counts; four queries."""
    document = readable(campaign)
    return {uid: _told(found, document.step(uid)) for uid, found in numbers.by_step(campaign).items() if uid}


def _told(found: Numbers, step: StepDoc | None) -> dict[str, Any]:
    return {
        "waiting": found.waiting,
        "passed": found.passed,
        "ways": _by_way(found.ways, step),
        "sent": found.sent,
        "opened": found.opened,
        "clicked": found.clicked,
        "failed": found.failed_total,
        "why": [{"key": key, "words": reason_in_words(key), "count": count} for key, count in found.by_reason],
    }


def _by_way(arms: dict[str, int], step: StepDoc | None) -> dict[str, int]:
    """How many took each way that is drawn: a way may stand for several outcomes."""
    drawn = ways_by_arm(step) if step else {}
    counted: Counter[str] = Counter()
    for arm, count in arms.items():
        counted[drawn.get(arm, arm)] += count
    return dict(counted)
