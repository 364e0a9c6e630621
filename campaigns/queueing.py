"""Messages before they are sent: made in sets, settled at once where nothing can be sent."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from django.db import connection, transaction

from campaigns.models import Campaign, EmailTemplate, Message
from contacts.addresses import NotAnAddress, address_ids, normalise
from contacts.models import Address, Contact
from lib.durations import in_words
from lib.ids import uuid7
from ops import work
from ops.models import SiteSettings


def new_message(
    *,
    key: str,
    contact: Contact,
    template: EmailTemplate,
    now: datetime,
    scheduled: datetime | None = None,
    lateness: timedelta | None = None,
    campaign: Campaign | None = None,
    **fields,
) -> Message:
    """A message that is queued, or settled where there is no address or it is too late. Not saved: see `queue`."""
    purpose = Message.Purpose.TRANSACTIONAL if template.transactional else Message.Purpose.MARKETING
    message = Message(
        id=uuid7(now),
        key=key,
        contact=contact,
        address=contact.address,
        template=template,
        campaign=campaign,
        created_at=now,
        due_at=now,
        **{"purpose": purpose, **fields},
    )
    scheduled = scheduled or now
    if lateness is not None:
        message.stale_after = scheduled + lateness
    if contact.address_id is None:
        _settle(message, Message.Outcome.NO_ADDRESS, "The contact has no e-mail address.", now)
    elif message.stale_after and now > message.stale_after:
        late = in_words(now - scheduled)
        limit = in_words(message.stale_after - scheduled)
        _settle(
            message,
            Message.Outcome.STALE,
            f"It was due {late} earlier, which is more than the limit of {limit}.",
            now,
        )
    return message


def _settle(message: Message, outcome: str, reason: str, now: datetime) -> None:
    message.state, message.outcome, message.reason = Message.State.NOT_SENT, outcome, reason
    message.due_at, message.settled_at, message.announced = None, now, True


# What every message begins with stands in the statement; the columns of _GIVEN are the message's own.
INSERT = """
INSERT INTO campaigns_message (id, key, purpose, contact_id, address_id, campaign_id, version_id, step_uid, template_id,
    topic_id, data, hops, state, outcome, reason, due_at, stale_after, created_at, settled_at, announced,
    channel, fence, attempts, deferrals, alone, resent, message_id, links)
SELECT n.*, 'email', 0, 0, 0, false, false, '', '{}'
FROM json_to_recordset(%s::json) AS n(id uuid, key text, purpose text, contact_id bigint, address_id bigint,
    campaign_id bigint, version_id bigint, step_uid text, template_id bigint, topic_id bigint, data jsonb, hops int,
    state text, outcome text, reason text, due_at timestamptz, stale_after timestamptz, created_at timestamptz,
    settled_at timestamptz, announced boolean)
"""
_GIVEN = (
    "id", "key", "purpose", "contact_id", "address_id", "campaign_id", "version_id", "step_uid", "template_id",
    "topic_id", "data", "hops", "state", "outcome", "reason", "due_at", "stale_after", "created_at",
    "settled_at", "announced",
)  # fmt: skip


def queue(messages: Sequence[Message]) -> None:
    """Write them, in one query. A key that exists already is an error: nothing is sent twice."""
    rows = [{name: getattr(message, name) for name in _GIVEN} for message in messages]
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [msgspec.json.encode(rows).decode()])
    for message in messages:
        message._state.adding = False


def addressed_to(message: Message, address: Address, now: datetime) -> Message:
    """A message about a contact that goes to somebody else, whether or not the contact has an address."""
    message.address, message.state, message.outcome, message.reason = address, Message.State.QUEUED, "", ""
    message.due_at, message.settled_at, message.announced = now, None, False
    return message


def queue_test(template: EmailTemplate, contact, to_email: str, user, now: datetime) -> Message:
    """Send a template, filled with a contact's values, to an address of the team; nothing is counted."""
    if not SiteSettings.get().sender_email:
        raise NotAnAddress("Say in Settings → Site which address the mails come from; then send the test.")
    normal = normalise(to_email)
    with transaction.atomic():
        address = Address.objects.get(pk=address_ids([normal], now)[normal])
        message = new_message(
            key=f"test:{uuid.uuid4().hex}", contact=contact, template=template, now=now, purpose=Message.Purpose.TEST
        )
        queue([addressed_to(message, address, now)])
        work.poke("mail")
    return message
