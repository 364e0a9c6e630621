"""What came of each step, as the canvas shows it."""

from typing import Any

from campaigns import numbers
from campaigns.models import Campaign
from campaigns.numbers import Numbers


def of_steps(campaign: Campaign) -> dict[str, dict[str, Any]]:
    """Step uid → its counts; four queries."""
    return {uid: _told(found) for uid, found in numbers.by_step(campaign).items() if uid}


def _told(found: Numbers) -> dict[str, Any]:
    return {
        "waiting": found.waiting,
        "passed": found.passed,
        "ways": found.ways,
        "sent": found.sent,
        "opened": found.opened,
        "clicked": found.clicked,
        "failed": found.failed_total,
        "why": [f"{reason}: {count:,}" for reason, count in found.failed],
    }
