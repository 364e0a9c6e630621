"""The week's numbers against the week before, a day at a time."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.core.cache import cache
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from campaigns.models import Message
from contacts.models import Contact
from events.models import Event

DAYS = 7
# A count that took long is kept longer: at most a fiftieth of the time is spent on counting.
KEPT_FOR = 50


@dataclass(frozen=True)
class Number:
    """One number of the week: this week's days, oldest first, and the sum of the week before."""

    title: str
    days: list[tuple[date, int]]
    before: int

    @property
    def total(self) -> int:
        return sum(count for _, count in self.days)

    @property
    def change(self) -> str:
        """“12 % more than the week before”."""
        if not self.before:
            return "none in the week before" if self.total else ""
        share = round(100 * (self.total - self.before) / self.before)
        if not share:
            return "as many as in the week before"
        return f"{abs(share):,} % {'more' if share > 0 else 'less'} than the week before"

    @property
    def tone(self) -> str:
        if not self.before or self.total == self.before:
            return ""
        return "up" if self.total > self.before else "down"


def numbers(now: datetime) -> list[Number]:
    """New contacts, events, mails sent, opened by people, clicked; one query each. `now` in the site's time zone."""
    key = f"reports.week:{timezone.localtime(now).date()}:{timezone.get_current_timezone_name()}"
    if (kept := cache.get(key)) is not None:
        return kept
    began = time.monotonic()
    counted = [_number(title, rows, field, now) for title, rows, field in _questions()]
    cache.set(key, counted, timeout=KEPT_FOR * (time.monotonic() - began))
    return counted


def _questions() -> Iterable[tuple[str, QuerySet, str]]:
    mails = Message.objects.filter(contact__is_test=False).exclude(purpose__in=Message.UNCOUNTED)
    yield "New contacts", Contact.objects.current().filter(is_test=False), "created_at"
    yield "Events", Event.objects.all(), "received_at"
    yield "Mails sent", mails.filter(sent_at__isnull=False), "sent_at"
    yield "Opened by people", mails.filter(opened_by_human_at__isnull=False), "opened_by_human_at"
    yield "Clicked by people", mails.filter(clicked_by_human_at__isnull=False), "clicked_by_human_at"


def _number(title: str, rows: QuerySet, field: str, now: datetime) -> Number:
    today = timezone.localtime(now).date()
    this_week = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    start = timezone.make_aware(datetime.combine(this_week[0] - timedelta(days=DAYS), datetime.min.time()))
    within = Q(**{f"{field}__gte": start, f"{field}__lte": now})
    by_day = rows.filter(within).order_by().annotate(day=TruncDate(field)).values_list("day")
    counts = dict(by_day.annotate(count=Count("pk")))
    days = [(day, counts.pop(day, 0)) for day in this_week]
    return Number(title, days, sum(counts.values()))
