"""People inside campaigns, in the admin: who is where, why, and what comes next."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.shortcuts import redirect
from django.urls import path
from unfold.decorators import display
from unfold.views import ChangeList

from automation import (  # noqa: F401  steps taken and test runs register there
    fuse_pages,
    hand_pages,
    many_pages,
    run_admin,
    visit_admin,
    why_pages,
)
from automation.enrollment_page import enrollment_page
from automation.models import Enrollment
from automation.step_titles import titles
from campaigns.models import Campaign
from campaigns.step_filters import StandsIn, place_in_words
from contacts.admin import ids_found
from lib import clock
from lib.admin import BigTableAdmin, NamesFilter, ReadOnlyAdmin, moment
from lib.words import due_time

COLOURS = {
    "Under way": "info",
    "Waiting for something outside": "info",
    "Paused": "warning",
    "Parked after a fault": "danger",
    "Finished": "success",
    "Left early": "",
}


class PeopleInside(ChangeList):
    """The list, with the step in which each stands."""

    result_list: list[Any]

    def get_results(self, request):
        super().get_results(request)
        self.result_list = list(self.result_list)
        inside = [row for row in self.result_list if row.state in Enrollment.INSIDE]
        called = titles((row.version_id, row.step_uid) for row in inside)
        for row in inside:
            row.where = called.get((row.version_id, row.step_uid), "")


@admin.register(Enrollment)
class EnrollmentAdmin(BigTableAdmin, ReadOnlyAdmin):
    list_display = ["who", "of_campaign", "where", "state_badge", "goes_on", "entered", "left"]
    list_display_links = ["who"]
    list_select_related = ["contact__address", "campaign"]
    list_filter = ["state", ("campaign", NamesFilter), StandsIn]
    search_fields = ["contact__name"]
    search_help_text = "Name, e-mail or id begins with…"
    counted_as = "entry", "entries"
    actions = ["try_again", "take_out"]  # type: ignore[assignment]
    ordering = ["-id"]
    list_before_template = "automation/parked_deeds.html"
    empty_icon = "directions_walk"
    empty_title = "Nobody is inside a campaign yet"
    empty_sentence = "Somebody enters when a campaign is active and they do what stands there under “Who enters”."
    entered = moment("entered_at", "entered")
    left = moment("left_at", "left", empty="")

    @display(description="goes on", ordering="due_at")
    def goes_on(self, enrollment):
        return due_time(enrollment.due_at, clock.now(), rests=enrollment.campaign.state == Campaign.State.PAUSED)

    def get_search_results(self, request, queryset, search_term):
        term = search_term.strip()
        return (queryset.filter(contact__in=ids_found(term)) if term else queryset), False

    @display(description="Who")
    def who(self, enrollment):
        return enrollment.contact

    @display(description="Campaign", header=True, ordering="campaign")
    def of_campaign(self, enrollment):
        return enrollment.campaign, enrollment.entry_key

    @display(description="Step")
    def where(self, enrollment):
        return getattr(enrollment, "where", "")

    @display(description="State", label=COLOURS)
    def state_badge(self, enrollment):
        paused = enrollment.state == Enrollment.State.ACTIVE and enrollment.campaign.state == Campaign.State.PAUSED
        return "Paused" if paused else enrollment.get_state_display()

    def changelist_view(self, request, extra_context=None):
        campaign, step = place_in_words(request, StandsIn.of_campaign)
        title = f"People in {campaign}" if campaign else "People inside"
        title = f"People in {step} of {campaign}" if step else title
        told = {"title": title, "listed": title, "parked_deeds": many_pages.offered(request)}
        return super().changelist_view(request, {**told, **(extra_context or {})})

    def get_changelist_instance(self, request):
        request.listed = True  # type: ignore[attr-defined]
        return super().get_changelist_instance(request)

    def get_changelist(self, request, **kwargs):
        return PeopleInside

    def get_queryset(self, request):
        """Test runs have a list of their own."""
        rows = super().get_queryset(request).select_related("contact__address", "campaign")
        if getattr(request, "listed", False):  # no definitions: a row would bring two with it
            return rows.filter(campaign__test_of=None).defer("campaign__draft")
        return rows.select_related("version")

    def change_view(self, request, object_id, form_url="", extra_context=None):
        return enrollment_page(self, request, object_id)

    def get_actions(self, request):
        actions = super().get_actions(request)
        return actions if request.user.has_perm(hand_pages.PUBLISH) else {}

    @admin.action(description="Try again (those stopped by a fault)")
    def try_again(self, request, queryset):
        return self._ask_for_many(request, queryset, "release")

    @admin.action(description="Take out (those stopped by a fault)")
    def take_out(self, request, queryset):
        return self._ask_for_many(request, queryset, "discard")

    def _ask_for_many(self, request, queryset, deed):
        everybody = request.POST.get("select_across") == "1"
        ids = None if everybody else list(queryset.values_list("pk", flat=True)[: many_pages.MOST])
        return redirect(many_pages.address_of(deed, request.GET, ids))

    def get_urls(self):
        def way(route, view, name):
            view = self.admin_site.admin_view(partial(view, self))
            return path(route, view, name=f"automation_enrollment_{name}")

        def fuse(route, view):
            view = self.admin_site.admin_view(partial(view, self))
            return path(f"fuses/<int:fuse_id>/{route}/", view, name=f"automation_fuse_{route}")

        return [
            fuse("release", fuse_pages.release_page),
            fuse("take_out", fuse_pages.take_out_page),
            way("why/", why_pages.why_page, "why"),
            way("many/", many_pages.many_page, "many"),
            way("<int:object_id>/move/", hand_pages.move_page, "move"),
            *(
                way(f"<int:object_id>/{deed}/", partial(hand_pages.deed_page, deed=deed), deed)
                for deed in hand_pages.DEEDS
            ),
            *super().get_urls(),
        ]
