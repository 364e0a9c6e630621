"""The team in the admin: people, roles, and who did what."""

from collections import defaultdict
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from lib.admin import BigTableAdmin, ReadOnlyAdmin, moment
from ops.models import User

admin.site.unregister(Group)
WORDS = {
    "username": ("Username", "What they log in with: letters, digits and @ . + - _, at most 150."),
    "email": ("E-mail", "Test mails can be sent to it."),
    "groups": (
        "Roles",
        "Marketer: drafts. Publisher: may also activate. Analyst: reads. Engineer: keys and event types.",
    ),
    "is_active": ("Active", "Switch it off for somebody who left: what they did keeps their name."),
    "is_staff": ("May log in here", "Without it this log-in opens nothing."),
    "is_superuser": ("May do everything", "Whatever the roles say; also change the team itself."),
}


class ForSuperusers:
    """Who may change people and roles could give themselves everything: superusers only."""

    def has_add_permission(self, request):
        return request.user.is_superuser

    def has_change_permission(self, request, obj=None):
        return request.user.is_superuser

    has_delete_permission = has_change_permission


class NoPassword(forms.Widget):
    """Says where to set a new password, not how the old one is kept."""

    read_only = True

    def render(self, name, value, attrs=None, renderer=None):
        return format_html('<p class="py-2"><a class="text-link" href="{}">Set a new password</a></p>', "../password/")


class PersonForm(UserChangeForm):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.fields["password"].widget = NoPassword()
        self.fields["password"].help_text = "Nobody can read it, here neither."


@admin.register(User)
class UserAdmin(ForSuperusers, DjangoUserAdmin, ModelAdmin):
    form = PersonForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "full_name", "email", "roles", "standing", "seen"]
    list_filter = ["groups", "is_active"]
    actions = None
    counted_as = "person on the team", "people on the team"
    filter_horizontal = []
    readonly_fields = ["seen", "joined"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Who it is", {"fields": [("first_name", "last_name"), "email"]}),
        ("What they may do", {"fields": ["groups", "is_active", "is_staff", "is_superuser"]}),
        ("Seen", {"fields": [("seen", "joined")]}),
    ]
    add_fieldsets = [(None, {"classes": ["wide"], "fields": ["username", "password1", "password2"]})]
    seen = moment("last_login", "last logged in")
    joined = moment("date_joined", "on the team since")

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("groups")

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        formfield: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if formfield and db_field.name in WORDS:
            formfield.label, formfield.help_text = WORDS[db_field.name]
        if formfield and db_field.name == "groups":
            formfield.widget = UnfoldAdminCheckboxSelectMultipleWidget(choices=formfield.choices)
        return formfield

    def save_model(self, request, obj, form, change):
        if not change:
            obj.is_staff = True  # everybody on the team works here
        super().save_model(request, obj, form, change)

    @display(description="name")
    def full_name(self, user):
        return user.get_full_name()

    @display(description="roles", label=True)
    def roles(self, user):
        return [group.name for group in user.groups.all()] or ["Superuser" if user.is_superuser else "No role"]

    @display(description="state", label={"May log in": "success", "Locked": "danger"})
    def standing(self, user):
        return "May log in" if user.is_active and user.is_staff else "Locked"


@admin.register(Group)
class GroupAdmin(ForSuperusers, DjangoGroupAdmin, ModelAdmin):
    list_display = ["name", "people"]
    actions = None
    counted_as = "role", "roles"

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("user_set")

    @display(description="people")
    def people(self, group):
        return ", ".join(str(user) for user in group.user_set.all()[:10]) or "nobody"


class LogEntryList(ChangeList):
    """The entries of a page with the names that their rows have today: one query for each kind of row."""

    result_list: list[Any]

    def get_results(self, request):
        super().get_results(request)
        self.result_list = list(self.result_list)
        keys = defaultdict(set)
        for entry in self.result_list:
            keys[entry.content_type].add(entry.object_id)
        named = {kind: _names(kind, of_kind, request.user) for kind, of_kind in keys.items()}
        for entry in self.result_list:
            entry.today = named[entry.content_type].get(entry.object_id, "")


def _names(kind: ContentType | None, keys: set[str], user: User) -> dict[str, str]:
    model = kind.model_class() if kind else None
    if model is None or not user.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}"):
        return {}
    return {str(row.pk): str(row) for row in model._base_manager.filter(pk__in=keys)}


@admin.register(LogEntry)
class LogEntryAdmin(BigTableAdmin, ReadOnlyAdmin):
    """The audit log: nobody changes it here, superusers neither."""

    list_display = ["deed", "thing", "user", "when"]
    list_display_links = None
    list_select_related = ["user", "content_type"]
    ordering = ["-id"]
    fields = ["deed", "thing", "user", "when"]
    readonly_fields = fields
    counted_as = "entry", "entries"

    def get_changelist(self, request, **kwargs):
        return LogEntryList

    empty_icon = "history"
    empty_title = "Nobody did anything yet"
    empty_sentence = "What people change here is noted with their name and the time."
    when = moment("action_time", "when")

    @display(description="what was done")
    def deed(self, entry):
        return entry.get_change_message() or entry.get_action_flag_display()

    @display(description="to what")
    def thing(self, entry):
        kind = entry.content_type.name if entry.content_type else ""
        if name := getattr(entry, "today", ""):
            link, words = entry.get_admin_url(), f"{kind} “{name}”"
            return format_html('<a class="text-link" href="{}">{}</a>', link, words) if link else words
        return entry.object_repr if entry.object_repr.startswith(kind) else f"{kind} “{entry.object_repr}”"
