"""Settings in the admin: the site's facts, sources and their keys. Team, work and other people's admins are beside."""

import zoneinfo
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Q
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelect2Widget,
)

from lib import clock
from lib.admin import ask, moment
from ops import audit, team_admin, third_party_admin, work_admin  # noqa: F401  they register themselves
from ops.models import ApiKey, SiteSettings, Source


class SiteSettingsForm(forms.ModelForm):
    timezone = forms.ChoiceField(
        label="Time zone",
        widget=UnfoldAdminSelect2Widget,
        help_text="The pages here show times in it, and it stands in for contacts whose own is unknown.",
    )

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
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


class ApiKeyForm(forms.ModelForm):
    class Meta:
        model = ApiKey
        fields = ["kind", "source", "scopes"]
        widgets = {"kind": UnfoldAdminRadioSelectWidget}

    kind = forms.ChoiceField(
        choices=ApiKey.Kind.choices,
        initial=ApiKey.Kind.WRITE,
        widget=UnfoldAdminRadioSelectWidget(),
        help_text="It cannot be changed later; make another key instead.",
    )
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        choices=ApiKey.Scope.choices,
        required=False,
        initial=ApiKey.Scope.values,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    def clean(self):
        super().clean()
        data = self.cleaned_data
        kind = data.get("kind") or self.instance.kind
        if kind == ApiKey.Kind.SERVER and "scopes" in self.fields and not data.get("scopes"):
            self.add_error("scopes", "Tick at least one thing that the key may do.")
        if kind == ApiKey.Kind.WRITE:
            data["scopes"] = []
        return data


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    """A key's text is shown once, when it is made; only a digest is kept."""

    list_display = ["prefix_in_words", "sort", "source", "state", "used", "made"]
    list_filter = [("kind", ChoicesDropdownFilter), ("source", RelatedDropdownFilter)]
    list_select_related = ["source"]
    form = ApiKeyForm
    autocomplete_fields = ["source"]
    actions = None
    # Once the key is made there is no choice of its kind on the page.
    conditional_fields = {"scopes": "typeof kind === 'undefined' || kind == 'server'"}
    change_form_outer_before_template = "admin/ops/revoke.html"
    empty_icon = "key"
    empty_title = "No API keys yet"
    empty_sentence = "Your product needs a key to send events: make a write key and give it to your engineers."
    used = moment("last_used_at", "last used")
    made = moment("created_at", "created")
    revoked = moment("revoked_at", "revoked", empty="no")

    def has_delete_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        """What can be changed are the scopes of a usable server key."""
        changeable = obj is None or (obj.kind == ApiKey.Kind.SERVER and obj.revoked_at is None)
        return changeable and super().has_change_permission(request, obj)

    def may_revoke(self, request, key) -> bool:
        return key is not None and key.revoked_at is None and request.user.has_perm("ops.change_apikey")

    def get_fieldsets(self, request, obj=None):
        if obj is None:
            return [(None, {"fields": ["kind", "source", "scopes"]})]
        scopes = ["scopes"] if obj.kind == ApiKey.Kind.SERVER else []
        return [(None, {"fields": ["begins", "sort", "source", *scopes, "made", "created_by", "used", "revoked"]})]

    def get_readonly_fields(self, request, obj=None):
        return ["begins", "sort", "source", "made", "created_by", "used", "revoked"] if obj else []

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is not None:
            form.base_fields.pop("kind", None)
        return form

    @display(description="begins with")
    def prefix_in_words(self, key):
        return str(key)

    @display(description="key")
    def begins(self, key):
        return f"{key} (the rest was shown once and is not kept)"

    @display(description="kind", ordering="kind")
    def sort(self, key):
        return key.get_kind_display().partition(":")[0]

    @display(description="state", label={"Usable": "success", "Revoked": "danger"})
    def state(self, key):
        return "Revoked" if key.revoked_at else "Usable"

    def save_model(self, request, obj, form, change):
        if change:
            return super().save_model(request, obj, form, change)
        data = form.cleaned_data
        row, text = ApiKey.objects.create_key(data["kind"], data["source"], data["scopes"] or None, request.user)
        obj.pk, obj.prefix, obj.text = row.pk, row.prefix, text
        return None

    def response_add(self, request, obj, post_url_continue=None):
        """The page that shows the key, once: it is neither stored nor kept by the browser."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Your new key",
            "key": obj,
            "text": obj.text,
            "public_url": settings.PUBLIC_URL,
            "done_url": reverse("admin:ops_apikey_changelist"),
        }
        response = TemplateResponse(request, "admin/ops/key_made.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def change_view(self, request, object_id, form_url="", extra_context=None):
        key = self.get_object(request, object_id)
        revocable = self.may_revoke(request, key)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "revocable": revocable})

    def get_urls(self):
        revoke = path("<int:pk>/revoke/", self.admin_site.admin_view(self.revoke_view), name="ops_apikey_revoke")
        return [revoke, *super().get_urls()]

    def revoke_view(self, request, pk):
        key = ApiKey.objects.select_related("source").filter(pk=pk).first()
        if key is None:
            raise Http404("There is no such key.")
        if not self.may_revoke(request, key):
            raise PermissionDenied

        def act():
            key.revoke(clock.now())
            audit.note(request.user, key, "Revoked the key.")
            return f"{key} is revoked."

        return ask(
            request,
            self,
            title=f"Revoke {key}?",
            button="Revoke",
            act=act,
            danger=True,
            lines=[
                f"Whatever still sends with it on behalf of “{key.source}” is turned away at once.",
                "A revoked key cannot be used again; make a new one first.",
            ],
            back=reverse("admin:ops_apikey_changelist"),
        )
