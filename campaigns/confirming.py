"""Confirming an e-mail address by the signed link in a mail: who presses the button there reads that mailbox."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from campaigns.announcing import about
from campaigns.models import Message
from events import recording

CONFIRMED = "users.email_confirmed"


@transaction.atomic
def confirm(message_id: UUID | None, now: datetime) -> bool:
    """Record, once for each link, that the reader of a message has its address; False where the link is of no use.

    A test mail confirms nothing: its contact only lent the values. Nor does a link to an address that the contact
    has no more.
    """
    messages = Message.objects.select_related("contact", "template")
    message = messages.filter(pk=message_id).exclude(purpose=Message.Purpose.TEST).first() if message_id else None
    if message is None or message.address_id is None or message.contact.address_id != message.address_id:
        return False
    recording.record_own([_event(message, now)], now)
    return True


def _event(message: Message, now: datetime) -> recording.OwnEvent:
    return recording.OwnEvent(
        contact_id=message.contact_id,
        type=CONFIRMED,
        properties=about(message),
        hops=message.hops + 1,
        key=f"confirmed:{message.pk}",
        occurred_at=now,
    )
