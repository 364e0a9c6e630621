"""From a message row to a mail: the context its template sees, the headers, the tracking."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from django.conf import settings

from campaigns import worked_out
from campaigns.compiling import CompiledEmail, RenderedEmail, render_email
from campaigns.liquid import OnMissing
from campaigns.models import EmailTemplate, Message
from campaigns.tokens import token
from contacts.models import Contact
from ops.models import SiteSettings

TEST = "[Test] "  # what the subject of each mail of a test run begins with


@dataclass(frozen=True)
class Mail:
    """One mail, ready to be handed over; `ref` is whatever the sender needs to find its row again."""

    ref: Any
    sender: tuple[str, str]
    recipient: tuple[str, str]
    subject: str
    text: str
    html: str
    message_id: str
    date: datetime
    headers: Mapping[str, str] = field(default_factory=dict)


def context(
    contact: Contact,
    tags: list[str],
    site: SiteSettings,
    *,
    event: dict | None = None,
    campaign: str = "",
    unsubscribe_url: str = "",
    confirm_url: str = "",
    now: datetime,
) -> dict[str, Any]:
    """What a template may use, as plain values: contact, event, campaign, site, webhook, links, now."""
    answers = (event or {}).get("webhook")  # lie beside the properties of the entry event
    return {
        "contact": {
            **contact.attributes,
            "id": contact.pk,
            "email": contact.email,
            "tags": tags,
            "timezone": contact.timezone or site.timezone,
            **worked_out.of(contact),  # read for a whole batch at once
        },
        "event": event or {},
        "campaign": {"name": campaign},
        "site": {"name": site.name, "postal_address": site.postal_address},
        "webhook": answers if isinstance(answers, dict) else {},
        "unsubscribe_url": unsubscribe_url,
        "confirm_url": confirm_url,
        "now": now,
    }


def url(purpose: str, path: str, message: Message) -> str:
    return f"{settings.PUBLIC_URL}/{path}/{token(purpose, message.id)}"


def unsubscribe_url(message: Message) -> str:
    return url("unsubscribe", "u", message)


def render(message: Message, tags: list[str], site: SiteSettings, now: datetime) -> RenderedEmail:
    """What the message says to its contact; raises RenderFailed, Aborted."""
    values = context(
        message.contact,
        tags,
        site,
        event=message.data.get("event"),
        campaign=message.campaign.name if message.campaign else "",
        unsubscribe_url=unsubscribe_url(message),
        confirm_url=url("confirm", "confirm", message),
        now=now,
    )
    values |= {name: message.data[name] for name in ("digest", "note") if name in message.data}
    tracking = {"_click": url("click", "c", message) + "/", "_pixel": url("open", "o", message) + ".gif"}
    rendered = render_email(
        compiled(message.template),
        values,
        html_context=tracking,
        tracked=tracked(message, site),
        on_missing=cast(OnMissing, message.template.on_missing),
    )
    if message.campaign and message.campaign.test_of_id:
        return replace(rendered, subject=f"{TEST}{rendered.subject}")
    return rendered


def tracked(message: Message, site: SiteSettings) -> bool:
    """Consent to tracking is apart from consent to mail: the address's own word, else the site's."""
    if message.purpose == Message.Purpose.NOTE:
        return False
    allowed = message.address.tracking_allowed if message.address else None
    return site.track_engagement if allowed is None else allowed


_compiled: dict[tuple, CompiledEmail] = {}


def compiled(template: EmailTemplate) -> CompiledEmail:
    """The template as it was compiled when saved, read once per edition."""
    key = (template.pk, template.edited_at)
    if key not in _compiled:
        if len(_compiled) > 200:
            _compiled.clear()
        _compiled[key] = CompiledEmail.from_json(template.compiled)
    return _compiled[key]


def mail(message: Message, rendered: RenderedEmail, site: SiteSettings, now: datetime, ref: Any) -> Mail:
    """The mail with its headers: one-click unsubscribe as RFC 8058 has it, on marketing mail only."""
    return Mail(
        ref=ref,
        sender=(site.sender_name or site.name, site.sender_email),
        recipient=("", message.address.email if message.address else ""),
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        message_id=message.message_id,
        date=now,
        headers=headers(message, site),
    )


def headers(message: Message, site: SiteSettings) -> dict[str, str]:
    found = {"Feedback-ID": f"{message.campaign_id or 0}:{message.template_id}:{message.purpose}:dripline"}
    if site.reply_to:
        found["Reply-To"] = site.reply_to
    if message.purpose in (Message.Purpose.TRANSACTIONAL, Message.Purpose.NOTE):
        found["Auto-Submitted"] = "auto-generated"
    else:
        found["List-Unsubscribe"] = f"<{unsubscribe_url(message)}>"
        found["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return found


@lru_cache(maxsize=8)
def _domain(sender_email: str) -> str:
    return sender_email.rpartition("@")[2].encode("idna").decode() or "localhost"


def message_id(message: Message, site: SiteSettings) -> str:
    """Made once from the row, so that a second hand-over carries the same one."""
    return f"<{message.id.hex}@{_domain(site.sender_email)}>"
