"""Settings in the admin: the site's facts and sources. Keys, team, work and other people's admins are beside."""

import zoneinfo
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Q
from django.http import HttpResponseRedirect
from django.urls import path, reverse
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminSelect2Widget,
)

from lib.admin import ask, moment
from lib.widgets import TimeInput
from ops import audit, key_admin, team_admin, third_party_admin, work_admin  # noqa: F401  they register themselves
from ops.models import SiteSettings, Source


class SiteSettingsForm(forms.ModelForm):
    timezone = forms.ChoiceField(
        label="Time zone",
        widget=UnfoldAdminSelect2Widget,
        help_text="The pages here show times in it, and it stands in for contacts whose own is unknown.",
    )

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        if "postal_address" in self.fields:
            self.fields["postal_address"].widget.attrs["rows"] = 3
        for name in ("quiet_from", "quiet_to"):
            if name in self.fields:
                self.fields[name].widget = TimeInput()
                self.fields[name].input_formats = ["%H:%M", "%H:%M:00"]  # type: ignore[attr-defined]
                self.fields[name].error_messages["invalid"] = "Write a time of day such as 21:00."
        zone: Any = self.fields.get("timezone")
        if zone:
            zone.choices = [(name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones())]


@admin.register(SiteSettings)
class SiteSettingsAdmin(ModelAdmin):
    """One page: there is one row."""

    form = SiteSettingsForm
    fieldsets = [
        ("Your company", {"fields": ["name", "postal_address", "timezone"]}),
        ("Sender", {"fields": ["sender_name", "sender_email", "reply_to"]}),
        ("Holdout", {"fields": ["holdout"]}),
        ("Quiet hours", {"fields": ["quiet_from", "quiet_to", "quiet_cancels"]}),
        ("Opens and clicks", {"fields": ["track_engagement"]}),
    ]
    change_form_outer_before_template = "admin/ops/sending_stopped.html"

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def changelist_view(self, request, extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(self.page_url)

    @property
    def page_url(self) -> str:
        return reverse("admin:ops_sitesettings_change", args=[SiteSettings.get().pk])

    def response_post_save_change(self, request, obj):
        return HttpResponseRedirect(self.page_url)

    def get_urls(self):
        go_on = path("let-it-go-on/", self.admin_site.admin_view(self.go_on_view), name="ops_sitesettings_go_on")
        return [go_on, *super().get_urls()]

    def go_on_view(self, request):
        site = SiteSettings.get()
        if not self.has_change_permission(request, site):
            raise PermissionDenied

        def act():
            site.allow_sending()
            audit.note(request.user, site, "Let sending go on.")
            return "Sending goes on."

        return ask(
            request,
            self,
            title="Let sending go on?",
            button="Let it go on",
            act=act,
            back=self.page_url,
            lines=[
                f"It was stopped because: {site.sending_stopped_because or 'nobody wrote why.'}",
                "Go on when that is mended: mail that waited is sent now, mail that has become too late is not.",
            ],
        )


@admin.register(Source)
class SourceAdmin(ModelAdmin):
    list_display = ["name", "keys", "used", "made"]
    search_fields = ["name"]
    actions = None
    empty_icon = "input"
    empty_title = "No sources yet"
    empty_sentence = (
        "A source is something that sends events: your shop, your app. Its keys may change; the source stays."
    )
    used = moment("used_at", "last heard of")
    made = moment("created_at", "created")

    def get_queryset(self, request):
        usable = Count("keys", filter=Q(keys__revoked_at=None))
        return super().get_queryset(request).annotate(usable=usable, used_at=Max("keys__last_used_at"))

    def has_delete_permission(self, request, obj=None):
        return False  # events name it

    @display(description="usable keys")
    def keys(self, source):
        return source.usable
