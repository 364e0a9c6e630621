"""Computed attributes in the admin: defined in a sentence, with what they give for ten contacts and their uses."""

from django.contrib import admin, messages
from django.http import HttpResponseRedirect
from unfold.admin import ModelAdmin
from unfold.decorators import display

from contacts.models import Contact
from lib import clock
from lib.admin import moment
from lib.words import in_plain_words
from ops import audit
from segments import computed_field, computed_form, computed_sql, computed_writing
from segments.computed_form import ComputedForm, sentence
from segments.computed_models import ComputedAttribute

PREVIEW = 10
LOOKED_AT = 1_000  # of the newest events: whose values are shown


@admin.register(ComputedAttribute)
class ComputedAttributeAdmin(ModelAdmin):
    form = ComputedForm
    list_display = ["label", "says", "called", "state"]
    list_select_related = ["job"]
    list_after_template = "segments/computed_starters.html"
    change_form_outer_before_template = "segments/computed.html"
    search_fields = ["label", "key"]
    actions = None
    prepopulated_fields = {"key": ["label"]}
    empty_icon = "functions"
    empty_title = "No computed attributes yet"
    empty_sentence = "Total spent, last log-in, favourite category: made of what people do, and kept up by itself."
    filled = moment("filled_at", "worked out", empty="not yet")

    @display(description="what it is")
    def says(self, attribute):
        return sentence(attribute)

    @display(description="called")
    def called(self, attribute):
        return f"computed.{attribute.key}"

    @display(description="state", label={"Up to date": "success", "Being worked out": "info", "Stopped": "danger"})
    def state(self, attribute):
        if attribute.is_filled:
            return "Up to date"
        return "Being worked out" if attribute.job and attribute.job.due_at else "Stopped"

    def get_prepopulated_fields(self, request, obj=None):
        return {} if obj else self.prepopulated_fields

    def get_readonly_fields(self, request, obj=None):
        return ["key", "measure", "type"] if obj else []  # conditions and templates rely on them

    def get_changeform_initial_data(self, request):
        starter = computed_form.STARTERS.get(request.GET.get("start", ""))
        if starter is None:
            return super().get_changeform_initial_data(request)
        return {"key": request.GET["start"], "type": "number", **starter}

    def changelist_view(self, request, extra_context=None):
        cards = computed_form.starters() if self.has_add_permission(request) else []
        return super().changelist_view(request, {**(extra_context or {}), "cards": cards})

    def change_view(self, request, object_id, form_url="", extra_context=None):
        attribute, more = self.get_object(request, object_id), dict(extra_context or {})
        if attribute:
            more |= {
                "says": sentence(attribute), "uses": computed_field.uses(attribute), "job": attribute.job,
                "people": preview(attribute), "attribute": attribute,
            }  # fmt: skip
        return super().change_view(request, object_id, form_url, more)

    def save_model(self, request, obj, form, change):
        redefined = not change or any(name in form.changed_data for name in computed_form.DEFINING)
        obj.revision += change and redefined
        obj.created_by = obj.created_by if change else request.user
        super().save_model(request, obj, form, change)
        if redefined:
            computed_writing.start(obj, request.user, clock.now())
            messages.info(request, "The past is worked out in the background; what happens from now on counts at once.")

    def delete_view(self, request, object_id, extra_context=None):
        attribute = self.get_object(request, object_id)
        if attribute and self.has_delete_permission(request, attribute) and (used := computed_field.uses(attribute)):
            places = ", ".join(what for what, _ in used)
            messages.error(request, f"“{attribute}” is used by {places}; remove it there first.")
            return HttpResponseRedirect(attribute.get_absolute_url())
        return super().delete_view(request, object_id, extra_context)

    def delete_model(self, request, obj):
        audit.note(request.user, obj, "Deleted the computed attribute.")
        super().delete_model(request, obj)


def preview(attribute: ComputedAttribute) -> list[tuple[Contact, str]]:
    """Ten of those who did it lately, with their values from all their events, before anything is kept."""
    newest = computed_sql.rows(attribute).order_by("-occurred_at").values_list("contact_id", flat=True)[:LOOKED_AT]
    ids = list(dict.fromkeys(newest))[:PREVIEW]
    found = computed_sql.values_now(attribute, ids)
    people = Contact.objects.current().select_related("address").in_bulk(ids)
    return [(people[pk], in_plain_words(_plain(found.get(pk)))) for pk in ids if pk in people]


def _plain(value):
    return value.isoformat() if hasattr(value, "isoformat") else computed_writing.plain(value)
