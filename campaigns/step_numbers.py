"""What came of each step, as the canvas shows it."""

from typing import Any

from django.db.models import Count, F

from campaigns import numbers
from campaigns.models import Campaign
from campaigns.numbers import Numbers


def of_steps(campaign: Campaign) -> dict[str, dict[str, Any]]:
    """Step uid → its counts; four queries."""
    passed, counted = _passed(campaign), numbers.by_step(campaign)
    return {uid: _told(counted.get(uid) or Numbers(), passed.get(uid, 0)) for uid in {*counted, *passed} if uid}


def _passed(campaign: Campaign) -> dict[str, int]:
    """How often people went on from a step (visits live in the layer above)."""
    visits = Campaign.objects.filter(pk=campaign.pk, enrollments__visits__left_at__isnull=False)
    rows = visits.values(step=F("enrollments__visits__step_uid")).annotate(count=Count("enrollments__visits"))
    return {row["step"]: row["count"] for row in rows.order_by()}


def _told(found: Numbers, passed: int) -> dict[str, Any]:
    return {
        "waiting": found.waiting,
        "passed": passed,
        "sent": found.sent,
        "opened": found.opened,
        "clicked": found.clicked,
        "failed": found.failed_total,
        "why": [f"{reason}: {count:,}" for reason, count in found.failed],
    }
