"""What the contact page says about events: each a plain sentence with its most telling properties."""

from django.urls import reverse

from contacts.panels import Entry, Source, sources
from events.models import Event
from events.sentences import labels, properties_in_words, sentence

# The engine's own events about mail; the messages themselves tell that story better.
ABOUT_MAIL = "email."


class Events(Source):
    permission = "events.view_event"

    def entries(self, contact, until, limit):
        rows = Event.objects.for_contact(contact).filter(occurred_at__lte=until).exclude(type__startswith=ABOUT_MAIL)
        found = list(rows.order_by("-occurred_at", "-id")[:limit])
        named = labels({event.type for event in found})
        for event in found:
            yield Entry(
                event.occurred_at,
                "bolt",
                sentence(event.type, named),
                properties_in_words(event.properties),
                reverse("admin:events_event_change", args=[event.pk]),
            )


def register() -> None:
    sources.register("events", Events())
