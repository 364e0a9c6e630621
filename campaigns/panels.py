"""What the contact page says about mail: each message with what came of it."""

from django.db.models import Count, Max, Q
from django.db.models.functions import Coalesce
from django.urls import reverse

from campaigns.models import Message
from contacts.panels import Entry, Panel, Source, panels, sources

TONES = {"sent": "success", "not_sent": "warning", "unknown": "warning", "parked": "danger"}
ICONS = {"sent": "mail", "not_sent": "unsubscribe", "unknown": "help", "parked": "report"}


class Mail(Panel):
    """How many mails somebody got, opened and clicked."""

    title = "Mail"
    template = "admin/contacts/mail.html"
    order = 20
    permission = "campaigns.view_message"

    def context(self, contact, now):
        return Message.objects.filter(contact=contact, sent_at__isnull=False).aggregate(
            sent=Count("pk"),
            last=Max("sent_at"),
            opened=Count("pk", filter=Q(opened_by_human_at__isnull=False) | Q(clicked_by_human_at__isnull=False)),
            clicked=Count("pk", filter=Q(clicked_by_human_at__isnull=False)),
        )


class Messages(Source):
    """One line a message, at the time of what came of it."""

    permission = "campaigns.view_message"

    def entries(self, contact, until, limit):
        rows = Message.objects.filter(contact=contact).annotate(at=Coalesce("sent_at", "settled_at", "created_at"))
        for row in rows.filter(at__lte=until).select_related("template").order_by("-at", "-id")[:limit]:
            yield Entry(
                row.at,
                ICONS.get(row.state, "schedule_send"),
                sentence(row),
                detail(row),
                reverse("admin:campaigns_message_change", args=[row.pk]),
                TONES.get(row.state, ""),
            )


def sentence(message: Message) -> str:
    test = {"test": "a test of ", "note": "a note to the team, "}.get(message.purpose, "")
    if message.state == Message.State.SENT:
        return f"was sent {test}“{message.template}”"
    if message.state == Message.State.NOT_SENT:
        return f"was not sent {test}“{message.template}”"
    return f"{test}“{message.template}”: {message.get_state_display()[0].lower()}{message.get_state_display()[1:]}"


def detail(message: Message) -> str:
    """What came of it: opened, clicked, unsubscribed; else why it was not sent."""
    if message.state != Message.State.SENT:
        return message.reason or message.get_outcome_display()
    deeds = [
        ("bounced", message.outcome == Message.Outcome.BOUNCED),
        ("opened", message.opened_by_human_at or message.clicked_by_human_at),
        ("opened by a machine", message.opened_at and not (message.opened_by_human_at or message.clicked_by_human_at)),
        ("clicked", message.clicked_by_human_at),
        ("unsubscribed", message.unsubscribed_at),
    ]
    return " · ".join(word for word, happened in deeds if happened)


def register() -> None:
    panels.register("mail", Mail())
    sources.register("messages", Messages())
