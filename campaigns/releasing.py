"""What a person decides about messages that wait for one: those that are parked, and those whose end is unknown.

Every verb takes a QuerySet, acts on those of its rows that are still in the state it is meant for, and returns how
many there were. Fences advance, so a worker that comes back from the dead changes nothing.
"""

from datetime import datetime

from django.db.models import F, Q, QuerySet

from campaigns.models import Campaign, Message
from ops.deciding import decide

State, Outcome = Message.State, Message.Outcome
PARKED = Q(state=State.PARKED)
UNKNOWN = Q(state=State.UNKNOWN)
# A marketing mail is never mailed a second time, and of an archived campaign nothing is sent.
RESENDABLE = UNKNOWN & Q(purpose=Message.Purpose.TRANSACTIONAL) & ~Q(campaign__state=Campaign.State.ARCHIVED)


def release(messages: QuerySet[Message], by, now: datetime) -> int:
    """Parked → queued: tried anew, three more times, each time alone."""
    fields = {"state": State.QUEUED, "due_at": now, "attempts": 0, "alone": True, "reason": ""}
    return _write(messages.filter(PARKED), by, "Let it be sent after all.", fields)


def discard(messages: QuerySet[Message], by, now: datetime) -> int:
    """Parked → not sent; whoever waits for it goes on without it."""
    fields = {"state": State.NOT_SENT, "outcome": Outcome.CANCELLED, "reason": "A person discarded it."}
    return _write(messages.filter(PARKED), by, "Discarded it.", fields | {"settled_at": now, "announced": False})


def arrived(messages: QuerySet[Message], by, now: datetime) -> int:
    """Unknown → sent; announced once more, so that `email.sent` is recorded for the time it was handed over."""
    fields: dict = {"state": State.SENT, "outcome": Outcome.SENT, "reason": "A person said that it arrived."}
    fields |= {"sent_at": F("settled_at"), "announced": False}
    return _write(messages.filter(UNKNOWN), by, "Said that it arrived.", fields)


def did_not_arrive(messages: QuerySet[Message], by, now: datetime) -> int:
    """Unknown → not sent. The outcome stays: by it the enrollment has left the step."""
    fields = {"state": State.NOT_SENT, "reason": "A person said that it did not arrive."}
    return _write(messages.filter(UNKNOWN), by, "Said that it did not arrive.", fields)


def resend(messages: QuerySet[Message], by, now: datetime) -> int:
    """Unknown → queued, transactional ones only: handed over again under the same Message-ID."""
    fields = {"state": State.QUEUED, "outcome": "", "reason": "", "due_at": now, "alone": True, "resent": True}
    fields |= {"attempts": 0, "settled_at": None, "announced": False}
    return _write(messages.filter(RESENDABLE), by, "Had it sent again.", fields)


def _write(messages: QuerySet[Message], by, note: str, fields: dict) -> int:
    def act(ids: list) -> None:
        Message.objects.filter(pk__in=ids).update(fence=F("fence") + 1, **fields)

    return decide(messages, by, note, act)
