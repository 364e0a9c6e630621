"""Events in the admin: what came in, its types, and what could not be taken."""

import json

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import F, OuterRef, Subquery
from django.http import Http404
from django.urls import path, reverse
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from contacts.admin import ids_found
from events import types
from events.models import Event, EventTypeRow, RejectedEvent
from events.sentences import properties_in_words, sentence
from lib import clock
from lib.admin import BigTableAdmin, ReadOnlyAdmin, ask, facts_table, moment
from lib.duration_field import DurationInWords
from ops import audit


class TypeFilter(DropdownFilter):
    """One kind of event."""

    title = "event type"
    parameter_name = "type"

    def lookups(self, request, model_admin):
        rows = EventTypeRow.objects.exclude(last_seen_at=None).order_by("key")
        return [(row.key, str(row)) for row in rows[:500]]

    def queryset(self, request, queryset):
        return queryset.filter(type=self.value()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(BigTableAdmin, ReadOnlyAdmin):
    list_display = ["what", "telling", "who", "when", "source"]
    list_display_links = ["what"]
    list_filter = [TypeFilter]
    list_filter_submit = True
    list_select_related = ["contact__address", "source"]
    search_fields = ["type"]
    search_help_text = "Contact's name, e-mail or id begins with…"
    fields = ["what", "who", "when", "came", "source", "about", "technical"]
    readonly_fields = fields
    empty_icon = "bolt"
    empty_title = "No events yet"
    empty_sentence = "Events appear here seconds after your product sends them. An API key is all that it needs."
    when = moment("occurred_at", "when")
    came = moment("received_at", "came in")

    def get_ordering(self, request):
        """Newest first by whatever index serves the question; ids grow with the time of receipt."""
        if request.GET.get(SEARCH_VAR):
            return ["-received_at"]
        return ["-occurred_at"] if request.GET.get(TypeFilter.parameter_name) else ["-id"]

    def get_queryset(self, request):
        """With the name that people gave to the type, where the code knows none."""
        label = EventTypeRow.objects.filter(key=OuterRef("type")).values("label")
        return super().get_queryset(request).defer("context").annotate(label=Subquery(label))

    def get_search_results(self, request, queryset, search_term):
        term = search_term.strip()
        return (queryset.filter(contact__in=ids_found(term)) if term else queryset), False

    @display(description="event")
    def what(self, event):
        words = sentence(event.type, {event.type: event.label})
        return f"{words[0].upper()}{words[1:]}"

    @display(description="properties")
    def telling(self, event):
        return properties_in_words(event.properties) or "–"

    @display(description="contact")
    def who(self, event):
        url = reverse("admin:contacts_contact_change", args=[event.contact_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, event.contact)

    @display(description="properties")
    def about(self, event):
        return facts_table(event.properties)

    @display(description="sent along")
    def technical(self, event):
        return facts_table({"name": event.type, "id": str(event.pk), **event.context})


class EventTypeForm(forms.ModelForm):
    late_limit = DurationInWords(
        label="Late after",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Events older than this start no campaign and move nobody; they still count in reports. "
        "Such as 3 days or 12 hours. Empty: 3 days.",
    )

    class Meta:
        model = EventTypeRow
        fields = ["label", "late_limit", "no_late_limit"]


class Standing(DropdownFilter):
    """Where an event type comes from."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request, model_admin):
        return [("seen", "Seen so far"), ("built_in", "Built in"), ("adopted", "Adopted"), ("unknown", "Unregistered")]

    def queryset(self, request, queryset):
        built_in = [event_type.key for event_type in types.registry]
        others = queryset.exclude(key__in=built_in)
        return {
            "seen": queryset.exclude(last_seen_at=None),
            "built_in": queryset.filter(key__in=built_in),
            "adopted": others.exclude(adopted_at=None),
            "unknown": others.filter(adopted_at=None),
        }.get(self.value(), queryset)


@admin.register(EventTypeRow)
class EventTypeAdmin(ModelAdmin):
    list_display = ["name", "key", "status", "seen", "late"]
    list_display_links = ["name"]
    list_filter = [Standing]
    search_fields = ["key", "label"]
    search_help_text = "A part of the name"
    ordering = [F("last_seen_at").desc(nulls_last=True), "key"]
    form = EventTypeForm
    actions = None
    change_form_outer_before_template = "admin/events/adopt.html"
    empty_title = "No event types yet"
    empty_sentence = "The built-in ones appear after the next “migrate”; others when your product sends them."
    seen = moment("last_seen_at", "last seen")
    first = moment("first_seen_at", "first seen")

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def get_readonly_fields(self, request, obj=None):
        fields = ["key", "status", "first", "seen"]
        return [*fields, "label"] if obj and types.get(obj.key) else fields

    def get_fieldsets(self, request, obj=None):
        return [
            (None, {"fields": ["label", "key", "status"]}),
            ("Late events", {"fields": ["late_limit", "no_late_limit"]}),
            ("Seen", {"fields": [("first", "seen")]}),
        ]

    @display(description="event type", ordering="label")
    def name(self, row):
        return str(row)

    @display(description="status", label={"Built in": "info", "Adopted": "success", "Unregistered": "warning"})
    def status(self, row):
        if types.get(row.key):
            return "Built in"
        return "Adopted" if row.adopted_at else "Unregistered"

    @display(description="late after")
    def late(self, row):
        if row.no_late_limit:
            return "never too late"
        known = types.get(row.key)
        limit = row.late_limit or (known.late_limit if known else types.LATE_LIMIT)
        return DurationInWords().prepare_value(limit) if limit else "never too late"

    def change_view(self, request, object_id, form_url="", extra_context=None):
        row = self.get_object(request, object_id)
        adoptable = bool(row) and self.status(row) == "Unregistered" and self.has_change_permission(request, row)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "adoptable": adoptable})

    def get_urls(self):
        adopt = path("<int:pk>/adopt/", self.admin_site.admin_view(self.adopt_view), name="events_eventtyperow_adopt")
        return [adopt, *super().get_urls()]

    def adopt_view(self, request, pk):
        row = EventTypeRow.objects.filter(pk=pk).first()
        if row is None:
            raise Http404("There is no such event type.")
        if not self.has_change_permission(request, row):
            raise PermissionDenied

        def act():
            EventTypeRow.objects.filter(pk=pk, adopted_at=None).update(adopted_at=clock.now())
            audit.note(request.user, row, "Adopted the event type.")
            return f"“{row}” can be used in campaigns now. Give it a name that everybody understands."

        return ask(
            request,
            self,
            title=f"Adopt “{row}”?",
            button="Adopt",
            act=act,
            lines=[
                "Your product sends events of this name, which the program does not know.",
                "Adopt it when it is spelled as your engineers mean it: it can then start campaigns.",
            ],
            back=reverse("admin:events_eventtyperow_change", args=[pk]),
        )


@admin.register(RejectedEvent)
class RejectedEventAdmin(BigTableAdmin, ReadOnlyAdmin):
    list_display = ["reason", "source", "when"]
    list_select_related = ["source"]
    ordering = ["-received_at"]
    fields = ["reason", "source", "when", "arrived"]
    readonly_fields = fields
    empty_icon = "task_alt"
    empty_title = "Nothing was rejected"
    empty_sentence = "When something arrives that cannot be taken, it is kept here with the reason."
    when = moment("received_at", "when")

    @display(description="what arrived")
    def arrived(self, row):
        return format_html('<pre class="dl-key">{}</pre>', indented(row.payload))


LONGEST_PAYLOAD = 20_000


def indented(payload: str) -> str:
    """JSON on many lines; what was cut, is no JSON, or is mostly depth or half characters stays as it came."""
    try:
        text = json.dumps(json.loads(payload), indent=2, ensure_ascii=False)
        text.encode()
    except (ValueError, RecursionError):
        return payload
    return text if len(text) <= LONGEST_PAYLOAD else payload
