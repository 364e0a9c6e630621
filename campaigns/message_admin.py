"""Messages in the admin: what was sent to whom, what it said and what became of it."""

from datetime import datetime
from operator import itemgetter

from django.urls import path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from unfold.decorators import display

from campaigns.models import Message, MessageBody
from campaigns.pages import found, page, sandboxed
from campaigns.step_filters import CameOf, StepFilter
from contacts.models import Address
from lib import clock
from lib.admin import BigTableAdmin, NamesFilter, ReadOnlyAdmin, moment

STATE_COLOURS = {
    "Queued": "info",
    "In hand": "info",
    "Being handed over": "info",
    "Sent": "success",
    "Unknown": "warning",
    "Not sent": "",
    "Parked": "danger",
}
UNKNOWN_STORY = (
    "The connection was lost just after the mail had been handed over: it may or may not have arrived. "
    "It is not sent again by itself."
)


class MessageAdmin(BigTableAdmin, ReadOnlyAdmin):
    list_display = ["recipient", "what", "origin", "state_badge", "result", "sent", "seen"]
    list_display_links = ["recipient"]
    list_select_related = ["address", "template", "campaign"]
    list_filter = ["state", "outcome", ("campaign", NamesFilter), StepFilter, CameOf]
    ordering = ["-id"]  # time-ordered, and the primary key
    search_fields = ["address__email"]
    search_help_text = "E-mail begins with…"
    empty_icon = "outgoing_mail"
    sent = moment("sent_at", "sent", empty="")
    empty_title = "No messages yet"
    empty_sentence = "Mails appear here as soon as an active campaign has somebody inside."

    def get_search_results(self, request, queryset, search_term):
        """Only the beginning of an address is searched: that is what the index of a big table can do."""
        wanted = search_term.strip().lower()
        if not wanted:
            return queryset, False
        addresses = Address.objects.filter(email__startswith=wanted).order_by("email")[:200]
        return queryset.filter(address__in=list(addresses.values_list("pk", flat=True))), False

    @display(description="To")
    def recipient(self, message):
        return message.address or "Nobody"

    @display(description="Template")
    def what(self, message):
        return message.template

    @display(description="Campaign")
    def origin(self, message):
        return "a test" if message.purpose == Message.Purpose.TEST else message.campaign

    @display(description="State", label=STATE_COLOURS)
    def state_badge(self, message):
        return message.get_state_display().split(":")[0]

    @display(description="What came of it")
    def result(self, message):
        return "" if message.outcome in ("", message.Outcome.SENT) else message.get_outcome_display()

    @display(description="Seen")
    def seen(self, message):
        if message.clicked_by_human_at:
            return "Clicked"
        return "Opened" if message.opened_by_human_at else ""

    def get_urls(self):
        view = self.admin_site.admin_view(self.said_view)
        return [path("<path:object_id>/said/", view, name="campaigns_message_said"), *super().get_urls()]

    def said_view(self, request, object_id):
        """The HTML alone, for the sandboxed frame of the page."""
        message = found(self, request, object_id)
        body = MessageBody.objects.filter(message=message).first()
        return sandboxed(body.html if body else "")

    def change_view(self, request, object_id, form_url="", extra_context=None):
        message = found(self, request, object_id)
        return page(
            self,
            request,
            "campaigns/message.html",
            str(message),
            message,
            story=story(message, clock.now()),
            hits=message.hits.order_by("at")[:200],
            body=MessageBody.objects.filter(message=message).first(),
            frame=reverse("admin:campaigns_message_said", args=[message.pk]),
            contact_link=link_to(message.contact),
        )

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("contact", "address", "template", "campaign", "topic")
        return rows.defer("campaign__draft", "template__html", "template__text", "template__compiled")


def link_to(obj, user=None) -> str:
    """The name of an object, linked to its page; for a `user` who may not see that, the name alone."""
    if obj is None:
        return ""
    if user and not user.has_perm(f"{obj._meta.app_label}.view_{obj._meta.model_name}"):
        return str(obj)
    url = reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", args=[obj.pk])
    return format_html('<a class="text-link" href="{}">{}</a>', url, obj)


def story(message: Message, now: datetime) -> list[tuple[datetime | None, str]]:
    """What happened to the message, oldest first, as (time, sentence)."""
    happened = [
        (message.created_at, f"Made for {message.campaign or 'a test or an API call'}."),
        (message.sent_at, "Handed over: the receiving server took it."),
        (message.settled_at, _settled(message)),
        (message.opened_at, _opened(message)),
        (message.clicked_at, _clicked(message)),
        (message.unsubscribed_at, "The reader unsubscribed from this mail."),
    ]
    lines = sorted(((time, words) for time, words in happened if time and words), key=itemgetter(0))
    return [*lines, *_to_come(message, now)]


def _settled(message: Message) -> str:
    if message.state == Message.State.UNKNOWN:
        return UNKNOWN_STORY
    if message.outcome == Message.Outcome.SENT:
        return ""
    label = message.get_outcome_display() or message.get_state_display()
    return f"{label}. {message.reason}".strip()


def _opened(message: Message) -> str:
    return "Opened by a person." if message.opened_by_human_at else "Opened by a machine, as far as we can tell."


def _clicked(message: Message) -> str:
    if message.clicked_by_human_at:
        return "A link was clicked by a person."
    return "A link was fetched by a machine, as far as we can tell."


def _to_come(message: Message, now: datetime) -> list[tuple[None, str]]:
    if message.state == Message.State.PARKED:
        return [(None, f"Parked: it will not go out until a person releases it. {message.reason}".strip())]
    if message.due_at is None:
        return []
    when = "at once" if message.due_at <= now else f"on {date_format(message.due_at, 'j M Y, H:i')}"
    one = "a try that was" if message.deferrals == 1 else f"{message.deferrals} tries that were"
    tries = f", after {one} put off" if message.deferrals else ""
    return [(None, f"Goes out {when}{tries}.")]
