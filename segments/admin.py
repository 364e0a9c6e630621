"""Segments in the admin: the list, and the ways to their pages."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin
from django.template.loader import render_to_string
from django.urls import path
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from lib import clock
from lib.admin import moment
from segments import (
    computed_admin,  # noqa: F401  registers itself
    detail_pages,
    export_pages,
    form_pages,
    member_pages,
    overlap_pages,
    standing,
    starter_pages,
    starters,
    why_pages,
)
from segments.models import Segment

LOOK_OR_DO = require_http_methods(["GET", "HEAD", "POST"])
KIND_WORDS = {Segment.Kind.DYNAMIC: "By rules", Segment.Kind.STATIC: "Fixed list"}


def _unbroken(words: str) -> str:
    """A few words in a narrow column that stay on one line."""
    return format_html('<span class="whitespace-nowrap">{}</span>', words)


class KindFilter(DropdownFilter):
    """Those that fill themselves, and those that are filled."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request, model_admin):
        return list(KIND_WORDS.items())

    def queryset(self, request, queryset):
        return queryset.filter(kind=self.value()) if self.value() in KIND_WORDS else queryset


class StateFilter(DropdownFilter):
    """Those that need a look."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request, model_admin):
        return [
            ("working", "Being worked out"),
            ("fault", "Cannot be evaluated"),
            ("stale", "Stale"),
            ("unused", "Unused for 90 days"),
        ]

    def queryset(self, request, queryset):
        now = clock.now()
        rows: dict[str | None, Callable] = {
            "working": lambda: queryset.filter(standing.q_working()),
            "fault": lambda: queryset.exclude(fault=""),
            "stale": lambda: queryset.filter(standing.q_stale(now)),
            "unused": lambda: queryset.filter(pk__in=standing.unused(now)),
        }
        chosen = rows.get(self.value())
        return chosen() if chosen else queryset


def badge_label(badge: standing.Badge) -> str:
    return render_to_string("segments/badge.html", {"badge": badge})


class SegmentList(ChangeList):
    """The list, with what is known about the segments of this page fetched at once."""

    result_list: list[Any]

    def get_results(self, request):
        super().get_results(request)
        self.result_list = list(self.result_list)
        now = clock.now()
        old = [segment.pk for segment in self.result_list if standing.is_unused(segment, now)]
        used = standing.in_use(old)
        for segment in self.result_list:
            segment.badges = standing.badges(segment, now, segment.pk in used)


@admin.register(Segment)
class SegmentAdmin(ModelAdmin):
    list_display = ["titled", "kind_in_words", "people", "change", "refreshed", "cost", "state"]
    list_display_links = ["titled"]
    list_filter = [KindFilter, StateFilter]
    list_filter_submit = True
    list_per_page = 50
    list_select_related = ["refresh"]
    search_fields = ["name", "description"]
    search_help_text = "Name or what it is for"
    show_full_result_count = False
    list_after_template = "segments/starters_below.html"
    actions = None
    empty_icon = "groups"
    empty_title = "No segments yet"
    empty_sentence = (
        "A segment says who belongs together: everybody who bought lately, or a list of your own. "
        "Make one by rules, fill a list, or begin with a ready-made one."
    )
    refreshed = moment("refreshed_at", "last refreshed", empty="–")

    def get_changelist(self, request, **kwargs):
        return SegmentList

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("refresh", "created_by")
        return rows.with_size().with_growth((clock.now() - standing.GROWTH_OVER).date())

    @display(description="name", header=True, ordering="name")
    def titled(self, segment):
        return segment.name, segment.description

    @display(description="kind", ordering="kind")
    def kind_in_words(self, segment):
        return _unbroken(KIND_WORDS[segment.kind])

    @display(description="people", ordering="size")
    def people(self, segment):
        return f"{segment.size:,}"

    @display(description="7 days", ordering="growth")
    def change(self, segment):
        colour = "dl-up" if segment.growth > 0 else "dl-down" if segment.growth < 0 else "dl-faint"
        return format_html('<span class="{}">{}</span>', colour, standing.growth(segment.growth))

    @display(description="cost", ordering="refresh_ms")
    def cost(self, segment):
        return _unbroken(standing.cost(segment.refresh_ms))

    @display(description="state")
    def state(self, segment):
        return format_html_join(" ", "{}", ((badge_label(badge),) for badge in segment.badges)) or "–"

    def add_view(self, request, form_url="", extra_context=None):
        return form_pages.add_page(self, request)

    def changelist_view(self, request, extra_context=None):
        """Where there is none yet, the ready-made ones are offered below."""
        offered = self.has_add_permission(request) and not Segment.objects.exists()
        cards = starter_pages.offered(starters.usual()) if offered else []
        return super().changelist_view(request, {"cards": cards, **(extra_context or {})})

    def change_view(self, request, object_id, form_url="", extra_context=None):
        return detail_pages.segment_page(self, request, object_id)

    def delete_view(self, request, object_id, extra_context=None):
        return form_pages.delete_page(self, request, object_id)

    def get_urls(self):
        def way(route, view, method=LOOK_OR_DO):
            view = self.admin_site.admin_view(method(partial(view, self)))
            return path(f"<int:object_id>/{route}/", view, name=f"segments_segment_{route}")

        def of_all(route, view, method):
            view = self.admin_site.admin_view(method(partial(view, self)))
            return path(f"{route}/", view, name=f"segments_segment_{route}")

        return [
            of_all("count", starter_pages.count_fragment, require_safe),
            of_all("rfm", starter_pages.rfm_page, LOOK_OR_DO),
            way("edit", form_pages.edit_page),
            way("now", detail_pages.now_fragment, require_safe),
            way("refresh", detail_pages.refresh, require_POST),
            way("stop", detail_pages.stop, require_POST),
            way("members", member_pages.members_page, require_safe),
            way("put", member_pages.put_page),
            way("take", member_pages.take_page),
            way("move", member_pages.move_page),
            way("undo", member_pages.undo_page),
            way("why", why_pages.why_page, require_safe),
            way("overlap", overlap_pages.overlap_page, require_safe),
            way("export", export_pages.export_page),
            *super().get_urls(),
        ]
