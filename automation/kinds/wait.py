"""Wait: a duration."""

from datetime import datetime, timedelta

from automation.zones import in_zone
from campaigns.step_kinds import Done, StepKind, Wait
from contacts.models import Contact
from lib.durations import UNITS, duration, in_words
from ops.models import SiteSettings

LONGEST_DAYS = 730
# The engine may lag behind in a burst. Older than this it was a pause or an outage, and the wait begins with its end.
LONGEST_LAG = timedelta(minutes=5)


class WaitKind(StepKind):
    key, label, icon = "wait", "Wait", "hourglass_empty"

    def problems(self, config):
        amount, unit = config.get("amount"), config.get("unit")
        if unit not in UNITS:
            return ["Choose minutes, hours, days or weeks to wait."]
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not amount > 0:
            return ["Say how long to wait: a number above 0."]
        if duration(min(amount, 10**9), unit).days > LONGEST_DAYS:
            return ["A wait is at most 2 years long."]
        return []

    def describe(self, config):
        return f"wait {in_words(duration(config['amount'], config['unit']))}"

    def run(self, visits, now):
        site = SiteSettings.get() if any(not visit.pk for visit in visits) else None
        return [self._over(visit) if visit.pk else self._begin(visit, site, now) for visit in visits]

    def _begin(self, visit, site, now):
        span = duration(visit.step.config["amount"], visit.step.config["unit"])
        contact: Contact = visit.enrollment.contact
        until = begun(visit.enrollment.scheduled_at, now) + span
        return Wait(
            f"Waits {in_words(span)}, until {in_zone(until, contact.timezone, site)}.",
            until,
            facts={"until": until.isoformat()},
        )

    def _over(self, visit):
        config = visit.step.config
        return Done(f"Waited {in_words(duration(config['amount'], config['unit']))}.")


def begun(scheduled: datetime | None, now: datetime) -> datetime:
    """When the step before was over, as the reader saw it: not when the engine got round to this one."""
    return scheduled if scheduled and timedelta() <= now - scheduled <= LONGEST_LAG else now
