"""What the contact page says about CRMs: under which record they know somebody, and what was pushed."""

from contacts.panels import Entry, Panel, Source, panels, sources
from integrations.models import Push, Record

SHOWN = 10


class InYourCrm(Panel):
    """One line for each CRM that knows them, with a link to the record there."""

    title = "In your CRM"
    template = "integrations/contact_panel.html"
    order = 40
    permission = "integrations.view_record"

    def context(self, contact, now):
        rows = Record.objects.filter(contact=contact).select_related("connection").order_by("connection__name")
        waiting = Push.objects.filter(contact=contact, state__in=Push.OPEN).select_related("connection")
        return {"records": list(rows[:SHOWN]), "waiting": list(waiting.order_by("id")[:SHOWN])}


class Pushed(Source):
    permission = "integrations.view_push"

    def entries(self, contact, until, limit):
        over = Push.objects.filter(contact=contact, state__in=[Push.State.DONE, Push.State.FAILED])
        rows = over.filter(settled_at__lte=until).select_related("connection").order_by("-settled_at", "-id")
        for row in rows[:limit]:
            assert row.settled_at
            done = row.state == Push.State.DONE
            words = f"was written to “{row.connection}”" if done else f"could not be written to “{row.connection}”"
            yield Entry(row.settled_at, "contact_mail", words, row.reason, row.link, "" if done else "danger")


def register() -> None:
    panels.register("in_your_crm", InYourCrm())
    sources.register("pushes", Pushed())
