"""Test runs in the admin: the list, and the ways to their pages."""

from functools import partial

from django.contrib import admin
from django.urls import path
from unfold.admin import ModelAdmin
from unfold.decorators import display

from automation import run_pages
from automation.models import TestRun
from automation.running import SPEEDS
from lib.admin import ReadOnlyAdmin, moment

COLOURS = {"Under way": "info", "Finished": "success", "Stopped by a fault": "danger", "Left early": ""}


@admin.register(TestRun)
class TestRunAdmin(ReadOnlyAdmin, ModelAdmin):
    __test__ = False

    list_display = ["of", "state_badge", "tried", "speed_in_words", "started", "by"]
    list_display_links = ["of"]
    list_per_page = 50
    show_full_result_count = False
    empty_icon = "science"
    empty_title = "No test runs yet"
    empty_sentence = "Open a campaign and choose “Test run” to try it in minutes, with contacts of your own."
    started = moment("started_at", "started")

    @display(description="Campaign")
    def of(self, run):
        return run.campaign.name

    @display(description="State", label=COLOURS)
    def state_badge(self, run):
        return run_pages.state(run)

    @display(description="What was tried")
    def tried(self, run):
        return run_pages.what(run)

    @display(description="Speed")
    def speed_in_words(self, run):
        return SPEEDS.get(run.speed, "")

    @display(description="By")
    def by(self, run):
        return run.started_by or ""

    def get_queryset(self, request):
        return run_pages.with_states(super().get_queryset(request)).select_related("campaign__test_of", "started_by")

    def lookup_allowed(self, lookup, value, request):
        return lookup == "campaign__test_of__id__exact" or super().lookup_allowed(lookup, value, request)

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"title": "Test runs", **(extra_context or {})})

    def change_view(self, request, object_id, form_url="", extra_context=None):
        return run_pages.run_page(self, request, object_id)

    def get_urls(self):
        def way(route, view, name):
            view = self.admin_site.admin_view(partial(view, self))
            return path(route, view, name=f"automation_testrun_{name}")

        return [
            way("start/", run_pages.start_page, "start"),
            way("<int:object_id>/now/", run_pages.now_fragment, "now"),
            way("<int:object_id>/stop/", run_pages.stop_page, "stop"),
            *super().get_urls(),
        ]
