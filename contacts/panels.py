"""What the contact page shows: panels and sources of the timeline. The apps above register theirs in `ready()`.

A panel is a class and one line: `panels.register("campaigns", CampaignsPanel())`; so is a source.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any, ClassVar

from django.db.models import Q
from django.template.loader import render_to_string
from django.utils.dateparse import parse_datetime
from django.utils.text import capfirst

from contacts.models import ConsentRecord, Contact, Merge, Suppression
from lib.registry import Registry

PAGE = 30
DEEPEST_TIE = 2000


@dataclass(frozen=True)
class Entry:
    """One line of the timeline: a plain sentence about something that happened to a contact."""

    at: datetime
    icon: str
    sentence: str
    detail: str = ""
    link: str = ""
    tone: str = ""  # success, warning, danger


class Source:
    """Where entries of the timeline come from."""

    permission: ClassVar[str] = "contacts.view_contact"

    def entries(self, contact: Contact, until: datetime, limit: int) -> Iterable[Entry]:
        """The newest `limit` entries not after `until`, newest first, always in the same order."""
        raise NotImplementedError


class Panel:
    """One box of the contact page."""

    title: ClassVar[str]
    template: ClassVar[str]
    order: ClassVar[int] = 50
    permission: ClassVar[str] = "contacts.view_contact"

    def context(self, contact: Contact, now: datetime) -> dict[str, Any]:
        """What the template gets; a fixed number of queries, whatever the contact's history."""
        raise NotImplementedError

    def render(self, contact: Contact, request, now: datetime) -> str:
        return render_to_string(self.template, {**self.context(contact, now), "contact": contact, "now": now}, request)


panels: Registry[Panel] = Registry("panel of the contact page")
sources: Registry[Source] = Registry("source of the timeline")
# Filters of the contact list, as Django's admin takes them.
list_filters: Registry[Any] = Registry("filter of the contact list")
# Columns of the contact list beside its own: contacts.list_columns.
list_columns: Registry[Any] = Registry("columns of the contact list")


def drawn(contact: Contact, request, now: datetime) -> list[dict[str, str]]:
    """The registered panels that this person may see, in their order."""
    seen = sorted((panel for panel in panels if request.user.has_perm(panel.permission)), key=lambda panel: panel.order)
    return [{"title": panel.title, "html": panel.render(contact, request, now)} for panel in seen]


@dataclass(frozen=True)
class Place:
    """Where a page of the timeline begins: entries not after `until`, less those at `until` already shown."""

    until: datetime
    skip: int = 0

    @classmethod
    def read(cls, text: str, now: datetime) -> "Place":
        """The place that a link names; a link that cannot be read leads to the newest entries."""
        at, _, skip = text.partition("~")
        try:
            until = parse_datetime(at)
        except ValueError:
            until = None
        if until is None or until.tzinfo is None:
            return cls(now)
        return cls(until, min(int(skip), DEEPEST_TIE) if skip.isdecimal() else 0)

    def __str__(self):
        return f"{self.until.isoformat()}~{self.skip}"


def timeline(contact: Contact, user, place: Place, limit: int = PAGE) -> tuple[list[Entry], Place | None]:
    """One page of everything that happened, newest first, and where the next one begins (None: the end)."""
    enough = place.skip + limit + 1
    streams = [source.entries(contact, place.until, enough) for source in sources if user.has_perm(source.permission)]
    merged = islice(merge(*streams, key=lambda entry: entry.at, reverse=True), enough)
    found = list(merged)[place.skip :]
    if len(found) <= limit:
        return found, None
    shown = found[:limit]
    last = shown[-1].at
    before = place.skip if last == place.until else 0
    return shown, Place(last, before + sum(entry.at == last for entry in shown))


class Consent(Source):
    """Agreed, unsubscribed, subscribed again."""

    permission = "contacts.view_consentrecord"
    ICONS = {"given": "thumb_up", "withdrawn": "unsubscribe", "restored": "thumb_up"}
    WORDS = {"given": "agreed to", "withdrawn": "unsubscribed from", "restored": "subscribed again to"}

    def entries(self, contact, until, limit):
        theirs = Q(contact=contact) | Q(address_id=contact.address_id)  # consent belongs to the address
        records = ConsentRecord.objects.filter(theirs, at__lte=until).select_related("topic")
        for record in records.order_by("-at", "-id")[:limit]:
            what = f"“{record.topic}”" if record.topic else "all marketing mail"
            tone = "warning" if record.action == ConsentRecord.Action.WITHDRAWN else "success"
            yield Entry(
                record.at,
                self.ICONS[record.action],
                f"{self.WORDS[record.action]} {what}",
                capfirst(record.source),
                tone=tone,
            )


class Blocks(Source):
    """When nothing at all could be sent any more, why, and when it could again."""

    permission = "contacts.view_suppression"

    def entries(self, contact, until, limit):
        if not contact.address:
            return []
        found = []
        rows = Suppression.objects.filter(digest=bytes(contact.address.digest), created_at__lte=until)
        for row in rows.order_by("-created_at", "-id")[:limit]:
            reason = row.get_reason_display().partition(":")[0].lower()
            found.append(Entry(row.created_at, "block", f"got no more mail: {reason}", row.detail, tone="danger"))
            if row.cleared_at:
                found.append(Entry(row.cleared_at, "lock_open", "can be written to again"))
        return sorted((entry for entry in found if entry.at <= until), key=lambda entry: entry.at, reverse=True)[:limit]


class Merges(Source):
    """Other contacts that turned out to be this one."""

    def entries(self, contact, until, limit):
        for row in Merge.objects.filter(winner=contact, at__lte=until).order_by("-at", "-id")[:limit]:
            yield Entry(row.at, "merge", "turned out to be one with another contact", f"Contact {row.loser_id}")


class Created(Source):
    """The first line of every timeline."""

    def entries(self, contact, until, limit):
        if contact.created_at <= until:
            yield Entry(contact.created_at, "person_add", "became a contact")


def register() -> None:
    for key, source in [("consent", Consent()), ("blocks", Blocks()), ("merges", Merges()), ("created", Created())]:
        sources.register(key, source)
