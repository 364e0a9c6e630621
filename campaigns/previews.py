"""Mails as one contact would get them: nothing is sent, nothing is stored, links lead nowhere of ours."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import QuerySet
from django.forms import ModelChoiceField

from campaigns import worked_out
from campaigns.compiling import CompiledEmail, render_email
from campaigns.document import Document
from campaigns.liquid import Aborted, OnMissing, RenderFailed
from campaigns.models import EmailTemplate, Message
from campaigns.rendering import context
from campaigns.trigger_kinds import event_types_of
from contacts.models import Contact
from events.models import Event
from ops.models import SiteSettings

SAMPLE = 300  # contacts looked at to learn which attributes exist
UNSUBSCRIBE = "https://unsubscribe.example/"
CONFIRM = "https://confirm.example/"


@dataclass
class Preview:
    """One mail as a contact would get it; `problem` says in a sentence why it would not be sent."""

    subject: str = ""
    html: str = ""
    text: str = ""
    problem: str = ""
    warnings: list[str] = field(default_factory=list)


def contacts() -> QuerySet[Contact]:
    """Whom a preview can be shown as."""
    return Contact.objects.filter(merged_into=None)


def contact_field(admin_site) -> ModelChoiceField:
    """A form field to choose a contact by typing the beginning of a name or an address."""
    return ModelChoiceField(
        contacts(),
        required=False,
        label="As seen by",
        widget=AutocompleteSelect(
            Message._meta.get_field("contact"), admin_site, attrs={"data-placeholder": "Name or e-mail"}
        ),
    )


def some_contact(document: Document | None = None) -> Contact | None:
    """Whom to show a preview for when nobody was chosen: the newest contact that did what lets people in."""
    reachable = contacts().filter(address__isnull=False).order_by("-pk")
    types = event_types_of(document.triggers) if document else []
    newest = Event.objects.filter(type__in=types).order_by("-occurred_at").values_list("contact", flat=True)[:1]
    return reachable.filter(pk__in=list(newest)).first() or reachable.first()


def preview(template: EmailTemplate, contact: Contact, now: datetime, document: Document | None = None) -> Preview:
    """A stored template as the contact would get it at `now`."""
    compiled = CompiledEmail.from_json(template.compiled)
    return rendered(compiled, contact, values(contact, document, now, worked_out.paths(template)), template.on_missing)  # type: ignore[arg-type]


def rendered(compiled: CompiledEmail, contact: Contact, context: dict, on_missing: OnMissing) -> Preview:
    try:
        mail = render_email(
            compiled, context, html_context={"_click": "", "_pixel": ""}, tracked=False, on_missing=on_missing
        )
    except RenderFailed as fault:
        return Preview(problem=f"{contact} would not get this mail. {fault}")
    except Aborted as fault:
        return Preview(problem=f"{contact} would not get this mail, by the template's own rule: {fault}")
    return Preview(subject=mail.subject, html=mail.html, text=mail.text)


def values(
    contact: Contact, document: Document | None, now: datetime, paths: worked_out.Paths | None = None
) -> dict[str, Any]:
    """What a template that reads these paths may use; the event is the contact's newest one that lets people in."""
    tags = list(contact.tags.values_list("name", flat=True))
    worked_out.read([(contact, paths)], now)
    return context(
        contact,
        tags,
        SiteSettings.get(),
        event=_event(contact, document),
        campaign=document.name if document else "Preview",
        unsubscribe_url=UNSUBSCRIBE,
        confirm_url=CONFIRM,
        now=now,
    )


def _event(contact: Contact, document: Document | None) -> dict[str, Any]:
    types = event_types_of(document.triggers) if document else []
    event = Event.objects.filter(contact=contact, type__in=types).order_by("-received_at").first()
    return {**event.properties, "type": event.type, "at": event.occurred_at} if event else {}


def known_attributes() -> list[str]:
    """Dotted paths of the attributes that the newest contacts have, in order of the alphabet."""
    found: set[str] = set()
    for attributes in Contact.objects.order_by("-pk").values_list("attributes", flat=True)[:SAMPLE]:
        found.update(_paths(attributes))
    return sorted(found)


def _paths(attributes: dict, prefix: str = "") -> Iterable[str]:
    for key, value in attributes.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{key}.")
