"""Notes to the team: plain mails that a campaign sends to a colleague about a contact; no number counts them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import get_user_model

from campaigns.compiling import compile_email
from campaigns.models import Campaign, EmailTemplate, Message
from campaigns.queueing import addressed_to, new_message
from campaigns.queueing import queue as queue_messages
from contacts.addresses import address_ids, normalise
from contacts.models import Address, Contact

TEMPLATE = "Note to the team"
SUBJECT = "{{ note.subject }}"
HTML = "<p>{{ note.text | newline_to_br }}</p><p>{{ site.name }} · {{ campaign.name }}</p>"


@dataclass(frozen=True)
class Note:
    """One note about a contact; `key` makes “twice” impossible."""

    key: str
    contact: Contact
    campaign: Campaign
    version_id: int
    step_uid: str
    subject: str
    text: str


def team():
    """Everybody on the team who can be written to."""
    return get_user_model().objects.filter(is_active=True, is_staff=True).exclude(email="").order_by("username")


def colleague(username: str):
    return team().filter(username=username).first() if username else None


def queue(user, notes: Sequence[Note], now: datetime) -> list[Message]:
    """Queue the notes to a colleague; a fixed number of queries."""
    if not notes:
        return []
    normal = normalise(user.email)
    address = Address.objects.get(pk=address_ids([normal], now)[normal])
    template = _template(now)
    messages = [_message(note, template, address, now) for note in notes]
    queue_messages(messages)
    return messages


def _message(note: Note, template: EmailTemplate, address: Address, now: datetime) -> Message:
    message = new_message(
        key=note.key, contact=note.contact, template=template, now=now, campaign=note.campaign,
        version_id=note.version_id, step_uid=note.step_uid, purpose=Message.Purpose.NOTE,
        data={"note": {"subject": note.subject, "text": note.text}},
    )  # fmt: skip
    return addressed_to(message, address, now)


def _template(now: datetime) -> EmailTemplate:
    """Made when first needed; a team that wants another look edits it like any other."""
    compiled = compile_email(subject=SUBJECT, html=HTML, known_links=[]).to_json()
    made = {"subject": SUBJECT, "html": HTML, "compiled": compiled, "transactional": True}
    return EmailTemplate.objects.get_or_create(name=TEMPLATE, defaults=made | {"created_at": now, "edited_at": now})[0]
