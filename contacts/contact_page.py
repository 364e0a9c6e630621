"""The contact page: who it is, what may be sent, what they are in, and everything that happened."""

from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Q, Subquery
from django.http import HttpRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from unfold.admin import ModelAdmin

from contacts import panels
from contacts.consent import suppressions_of
from contacts.models import Address, ConsentRecord, Contact, Suppression, Topic
from lib import words

SHOWN = 50
LEDGER = 10


def respond(admin: ModelAdmin, request: HttpRequest, contact: Any, now: datetime) -> TemplateResponse:
    place = panels.Place.read(request.GET.get("before", ""), now)
    entries, older = panels.timeline(contact, request.user, place)
    context = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "model_admin": admin,
        "original": contact,
        "title": str(contact),
        "now": now,
        "contact": contact,
        "badges": badges(contact, now),
        "facts": list(words.facts(contact.attributes)),
        "identities": contact.identities.order_by("kind", "id")[:SHOWN],
        "tags": contact.tags.all()[:SHOWN],
        "companies": contact.companies.all()[:SHOWN],
        "consent": consent(contact) if request.user.has_perm("contacts.view_consentrecord") else None,
        "panels": panels.drawn(contact, request, now),
        "entries": entries,
        "older": older and urlencode({"before": str(older)}),
        "is_newest": "before" not in request.GET,
        "may_change": admin.has_change_permission(request, contact),
        "deeds": deeds(request, contact.address, bool(contact.suppressed_because), contact),
        "shared_with": others_at(contact),
    }
    request.current_app = admin.admin_site.name
    return TemplateResponse(request, "admin/contacts/contact_page.html", context)


def found(pk: int) -> Any:
    """The contact with what the page's header says about its address."""
    reason = Subquery(suppressions_of().values("reason")[:1])
    of_address = Address.objects.filter(pk=OuterRef("address")).annotate(why=reason).values("why")
    rows = Contact.objects.filter(pk=pk).select_related("address")
    return rows.annotate(suppressed_because=Subquery(of_address[:1])).first()


def winner_of(contact: Contact) -> Contact:
    """The contact that this one was merged into, at the end of the chain."""
    seen = {contact.pk}
    while contact.merged_into_id and contact.merged_into_id not in seen:
        seen.add(contact.merged_into_id)
        contact = Contact.objects.get(pk=contact.merged_into_id)
    return contact


def badges(contact: Any, now: datetime) -> list[tuple[str, str]]:
    """(words, colour) of what one must know before writing to this person."""
    address, found = contact.address, []
    if contact.suppressed_because:
        found.append((Suppression.Reason(contact.suppressed_because).label.partition(":")[0], "danger"))
    if address and address.unsubscribed_at:
        found.append(("Unsubscribed", "warning"))
    if address and address.held_until and address.held_until > now:
        found.append(("Mailbox unavailable: on hold", "warning"))
    if not address:
        found.append(("No e-mail address", "info"))
    if contact.is_test:
        found.append(("Test contact", "info"))
    return found or [("Gets mail", "success")]


def consent(contact: Contact) -> dict[str, Any]:
    """What was said about each topic, and the newest entries of the ledger."""
    said = {}
    if contact.address:
        said = {row.topic_id: row for row in contact.address.subscriptions.all()}
    topics = [(topic, said.get(topic.pk)) for topic in Topic.objects.all()[:SHOWN]]
    theirs = Q(contact=contact) | Q(address_id=contact.address_id)
    ledger = ConsentRecord.objects.filter(theirs).select_related("topic").order_by("-at", "-id")[:LEDGER]
    return {"topics": topics, "ledger": ledger}


def others_at(contact: Contact) -> list[Contact]:
    """Other contacts with the same address: what one of them says about mail holds for all."""
    if not contact.address_id:
        return []
    return list(Contact.objects.current().filter(address=contact.address_id).exclude(pk=contact.pk)[:5])


def deeds(
    request: HttpRequest, address: Address | None, suppressed: bool, contact: Contact | None = None
) -> list[dict[str, str]]:
    """What this person may do to an address, as far as it makes sense now."""
    if not address or not request.user.has_perm("contacts.change_contact"):
        return []
    possible = [
        ("unsubscribe", "Unsubscribe", "unsubscribe", not address.unsubscribed_at),
        ("resubscribe", "Allow marketing mail again", "mark_email_read", bool(address.unsubscribed_at)),
        ("block", "Block this address", "block", not suppressed),
        ("unblock", "Lift the block", "lock_open", suppressed),
    ]
    came_from = f"?{urlencode({'contact': contact.pk})}" if contact else ""
    return [
        {"title": title, "icon": icon, "url": reverse(f"admin:contacts_address_{name}", args=[address.pk]) + came_from}
        for name, title, icon, sensible in possible
        if sensible
    ]


def redirect_to(contact: Contact) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:contacts_contact_change", args=[contact.pk]))
