"""Telling the engine and the events of settled messages, once each."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Prefetch

from campaigns import doors
from campaigns.models import Campaign, Message
from events import recording
from lib.due import Question

ANNOUNCE = 1000


def _unannounced():
    return Message.objects.filter(announced=False, settled_at__isnull=False)


# A slow batch dates its mails later than its own `now`, by two minutes at most.
is_due = Question(lambda now: _unannounced().filter(settled_at__lte=now + timedelta(minutes=2)))


def announce(now: datetime) -> int:
    """Tell the engine of settled messages and record `email.sent` and the like, once each, in one transaction."""
    with transaction.atomic():
        messages = list(
            _unannounced()
            .select_for_update(skip_locked=True, of=("self",))
            .prefetch_related("template", Prefetch("campaign", Campaign.with_tests.only("test_of")))
            .order_by("settled_at")[:ANNOUNCE]
        )
        if not messages:
            return 0
        for listener in doors.on_settled:
            listener(messages, now)
        recording.record_own(
            [_event(m, now) for m in messages if m.purpose not in Message.UNCOUNTED and m.outcome in _EVENTS], now
        )
        Message.objects.filter(pk__in=[message.pk for message in messages]).update(announced=True)
    return len(messages)


_EVENTS = {Message.Outcome.SENT: "email.sent", Message.Outcome.BOUNCED: "email.bounced"}


def _event(message: Message, now: datetime) -> recording.OwnEvent:
    return recording.OwnEvent(
        contact_id=message.contact_id,
        type=_EVENTS[Message.Outcome(message.outcome)],
        properties=about(message),
        hops=message.hops + 1,
        key=f"{message.outcome}:{message.pk}",
        occurred_at=message.settled_at or now,
    )


def about(message: Message) -> dict:
    """What every event about a message says of it; in a test run it is the campaign's that is tried."""
    return {
        "campaign": (message.campaign.test_of_id if message.campaign else None) or message.campaign_id,
        "step": message.step_uid,
        "template": message.template_id,
        "template_name": message.template.name,
        "message": str(message.pk),
    }
