"""Liquid in the settings of a step: checked when published, written for a batch of people at once."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from automation import pace
from automation.models import Visit
from campaigns import liquid, worked_out
from campaigns.liquid import Aborted, RenderFailed, TemplateError
from campaigns.rendering import context
from contacts.models import Contact, ContactTag
from lib.words import listed
from ops.models import SiteSettings

ROOTS = ("contact", "event", "data", "webhook", "campaign", "site", "now")
LONGEST = 5_000


class NotWritten(Exception):
    """It cannot be worked out for this person; says why in a sentence."""


def problems(source: str, what: str) -> Iterator[str]:
    """What is wrong with a source, in sentences that begin with what it is."""
    if len(source) > LONGEST:
        yield f"{what} is longer than {LONGEST:,} characters; shorten it."
        return
    try:
        used = liquid.variables(source)
    except TemplateError as fault:
        yield f"{what}: {fault.problem}"
        return
    for path in [one.path for one in used if _root(one.path) not in ROOTS][:1]:
        yield f"{what}: there is no value “{path}”; values begin with {listed(ROOTS, 'or')}."


def _root(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


class Values:
    """What the sources may use of each visit's person; a fixed number of queries for all of them."""

    def __init__(self, visits: Sequence[Visit], sources: Sequence[str], now: datetime, contacts: dict[int, int]):
        self.now, self.site, self.contacts = now, SiteSettings.get(), contacts
        # Read anew: a step before may have written about them in this very transaction.
        people = Contact.objects.filter(pk__in=contacts.values()).select_related("address")
        self.people = {contact.pk: contact for contact in people}
        self.tags = _tags(self.people)
        paths = frozenset(one.path for source in sources for one in liquid.variables(source))
        worked_out.read(((contact, paths) for contact in self.people.values()), now)

    def write(self, source: str, visit: Visit) -> str:
        """The source for the person of a visit; raises NotWritten."""
        try:
            return liquid.parse(source, html=False).render(self._of(visit))
        except (RenderFailed, TemplateError) as fault:
            raise NotWritten(str(fault)) from fault
        except Aborted as fault:
            raise NotWritten(f"It asked not to be written: {fault.reason}") from fault

    def _of(self, visit: Visit) -> dict[str, Any]:
        row = visit.enrollment
        contact = self.people[self.contacts[row.contact_id]]
        event = {**row.data, "type": row.event_type, "at": row.event_at.isoformat() if row.event_at else None}
        answers = row.data.get("webhook")
        values = context(
            contact,
            self.tags.get(contact.pk, []),
            self.site,
            event=event,
            campaign=row.campaign.name,
            now=pace.shown(row, self.now).astimezone(self.site.zone),
        )
        return {**values, "data": row.data, "webhook": answers if isinstance(answers, dict) else {}}


def _tags(contact_ids) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    rows = ContactTag.objects.filter(contact__in=contact_ids).order_by("tag__name")
    for pk, name in rows.values_list("contact_id", "tag__name"):
        found.setdefault(pk, []).append(name)
    return found
