"""Unsubscribing by the link in a mail, and taking that back."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from campaigns.announcing import about
from campaigns.models import Message
from campaigns.tracking import Visitor
from contacts import consent
from contacts.models import Address
from events import recording

SOURCE, UNDO_SOURCE = "the unsubscribe link in a mail", "“Undo” on the unsubscribe page"


@dataclass(frozen=True)
class Reader:
    """Whom a link was made for, with as little as the page needs."""

    address: str = ""
    topic: str = ""


def reader(message_id: UUID | None) -> Reader:
    """Whom a link's page addresses; nobody in particular where the link is not ours."""
    messages = Message.objects.select_related("address", "topic")
    message = messages.filter(pk=message_id).first() if message_id else None
    if message is None or message.address is None:
        return Reader()
    return Reader(masked(message.address.email), message.topic.name if message.topic else "")


def masked(email: str) -> str:
    """Enough of an address for its owner to know it: a•••@example.com."""
    local, _, domain = email.partition("@")
    return f"{local[:1]}•••@{domain}"


@transaction.atomic
def unsubscribe(message_id: UUID | None, visitor: Visitor, now: datetime) -> bool:
    """Take the address of a message off all marketing; False where that was done before, or there is none.

    The address is locked before the message, as sending does. Repetitions change nothing.
    """
    found = _locked(message_id)
    if found is None:
        return False
    message, address = found
    tests_itself = message.purpose in Message.UNCOUNTED  # its contact lent only the values
    changed = consent.unsubscribe(
        address.pk,
        now=now,
        source=SOURCE,
        contact_id=None if tests_itself else message.contact_id,
        ip=visitor.ip,
        user_agent=visitor.user_agent,
    )
    if changed:
        Message.objects.filter(pk=message.pk).update(unsubscribed_at=now)
        if not tests_itself:
            recording.record_own([_event(message, now)], now)
    return changed


@transaction.atomic
def undo(message_id: UUID | None, visitor: Visitor, now: datetime) -> bool:
    """Take back what this very link did; it cannot lift what was said elsewhere."""
    found = _locked(message_id)
    if found is None or found[0].unsubscribed_at is None:
        return False
    message, address = found
    changed = consent.resubscribe(
        address.pk,
        now=now,
        source=UNDO_SOURCE,
        contact_id=message.contact_id,
        ip=visitor.ip,
        user_agent=visitor.user_agent,
    )
    Message.objects.filter(pk=message.pk).update(unsubscribed_at=None)
    return changed


def _locked(message_id: UUID | None) -> tuple[Message, Address] | None:
    """The message, once its address is locked: what is read of it then does not change any more."""
    if message_id is None:
        return None
    address = Address.objects.filter(messages=message_id).select_for_update(no_key=True, of=("self",)).first()
    if address is None:
        return None
    return Message.objects.select_related("template", "topic").get(pk=message_id), address


def _event(message: Message, now: datetime) -> recording.OwnEvent:
    topic = {"topic": message.topic.name} if message.topic else {}
    return recording.OwnEvent(
        contact_id=message.contact_id,
        type="email.unsubscribed",
        properties=about(message) | topic,
        hops=message.hops + 1,
        key=f"unsubscribed:{message.pk}:{now.isoformat()}",
        occurred_at=now,
    )
