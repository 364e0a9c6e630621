"""API keys in the admin: made, shown once, revoked."""

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextInputWidget,
)

from lib import clock
from lib.admin import ask, moment
from ops import audit
from ops.models import ApiKey, Source


class ApiKeyForm(forms.ModelForm):
    class Meta:
        model = ApiKey
        fields = ["kind", "source", "scopes"]

    kind = forms.ChoiceField(
        choices=ApiKey.Kind.choices,
        initial=ApiKey.Kind.WRITE,
        widget=UnfoldAdminRadioSelectWidget(),
        help_text="It cannot be changed later; make another key instead.",
    )
    new_source = forms.CharField(
        label="or a new source",
        required=False,
        max_length=80,
        widget=UnfoldAdminTextInputWidget,
        help_text="What will send with this key, such as “Web shop” or “iOS app”.",
    )
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        choices=ApiKey.Scope.choices,
        required=False,
        initial=ApiKey.Scope.values,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        if "source" in self.fields:
            self.fields["source"].required = False

    def clean_new_source(self) -> str:
        name = self.cleaned_data["new_source"].strip()
        if bool(name) == bool(self.cleaned_data.get("source")):
            raise forms.ValidationError("Choose a source or write the name of a new one: one of the two.")
        return name

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
            return [(None, {"fields": ["kind", ("source", "new_source"), "scopes"]})]
        scopes = ["scopes"] if obj.kind == ApiKey.Kind.SERVER else []
        return [(None, {"fields": ["begins", "sort", "source", *scopes, "made", "created_by", "used", "revoked"]})]

    def get_readonly_fields(self, request, obj=None):
        return ["begins", "sort", "source", "made", "created_by", "used", "revoked"] if obj else []

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is not None:
            for name in ("kind", "new_source"):
                form.base_fields.pop(name, None)
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
        source = data["source"] or Source.objects.get_or_create(name=data["new_source"])[0]
        row, text = ApiKey.objects.create_key(data["kind"], source, data["scopes"] or None, request.user)
        obj.pk, obj.prefix, obj.source, obj.text = row.pk, row.prefix, source, text
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

    def add_view(self, request, form_url="", extra_context=None):
        only_save = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, {**(extra_context or {}), **only_save})

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
