"""What the contact page says about segments, and the filter of the contact list."""

from django.urls import reverse
from django.utils.http import urlencode
from unfold.contrib.filters.admin import DropdownFilter

from contacts.panels import Panel, list_filters, panels
from lib.pages import number
from segments import members
from segments.member_lists import LEFT, why
from segments.models import Membership, Segment

SHOWN, LATELY = 50, 5


class Segments(Panel):
    """What somebody is in, since when and why; and what they left lately."""

    title = "Segments"
    template = "segments/contact_panel.html"
    order = 15
    permission = "segments.view_segment"

    def context(self, contact, now):
        rows = Membership.objects.filter(contact=contact).select_related("segment", "by")
        inside = list(rows.current().order_by("-entered_at", "-id")[:SHOWN])
        left = list(rows.exclude(left_at=None).order_by("-left_at", "-id")[:LATELY])
        return {
            "inside": [(row, why(row), _why_url(row.segment_id, contact.pk)) for row in inside],
            "left": [(row, LEFT[Membership.Cause(row.left_by)]) for row in left],
        }


def _why_url(segment_id: int, contact_id: int) -> str:
    return f"{reverse('admin:segments_segment_why', args=[segment_id])}?{urlencode({'contact': contact_id})}"


class InSegment(DropdownFilter):
    """Contacts that are in a segment now."""

    title = "segment"
    parameter_name = "segment"

    def lookups(self, request, model_admin):
        if not request.user.has_perm("segments.view_segment"):
            return []
        return list(Segment.objects.values_list("pk", "name"))

    def queryset(self, request, queryset):
        segment = Segment.objects.filter(pk=number(self.value()) or 0).first() if self.value() else None
        return queryset.filter(pk__in=members.ids(segment)) if segment else queryset


def register() -> None:
    panels.register("segments", Segments())
    list_filters.register("segment", InSegment)
