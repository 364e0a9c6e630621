"""E-mail templates in the admin: the list, the form with its live preview, and what uses each of them."""

from functools import partial
from typing import cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, JsonResponse
from django.urls import path, reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import display

from campaigns import previews
from campaigns.liquid import OnMissing, TemplateError
from campaigns.models import Campaign, EmailTemplate, Message
from campaigns.pages import found, page, sandboxed, tell
from campaigns.preview_pages import SeenBy, send_test
from campaigns.template_form import TemplateForm, compiled_from, starter_html, unknown_attributes
from lib import clock
from lib.admin import moment


class EmailTemplateAdmin(ModelAdmin):
    form = TemplateForm
    list_display = ["name", "subject", "kind", "edited"]
    list_filter = ["transactional"]
    search_fields = ["name", "subject"]
    counted_as = "template", "templates"
    search_help_text = "Name or subject"
    actions = None
    save_as = True
    change_form_template = "campaigns/template_form.html"
    fieldsets = [
        (None, {"fields": ["name", "subject", "preheader", "html"]}),
        (
            "Plain text, missing values, kind of mail",
            {
                "fields": ["text", "on_missing", "transactional"],
                "classes": ["collapse"],
            },
        ),
    ]
    edited = moment("edited_at", "last edited")
    empty_icon = "draft"
    empty_title = "No templates yet"
    empty_sentence = "A template is what a mail says. Write one, then send it with a campaign."

    @display(description="Kind", label={"Marketing": "", "Transactional": "info"})
    def kind(self, template):
        return "Transactional" if template.transactional else "Marketing"

    def get_changeform_initial_data(self, request):
        return {"html": starter_html(), **super().get_changeform_initial_data(request)}

    def get_readonly_fields(self, request, obj=None):
        """To whom a running campaign writes, the unsubscribed too or not, is a publisher's decision."""
        live = obj is not None and any(campaign.live_id for campaign in used_in(obj))
        return ["transactional"] if live and not request.user.has_perm("campaigns.publish_campaign") else []

    def save_model(self, request, obj, form, change):
        obj.compiled = form.compiled.to_json()
        obj.edited_at = clock.now()
        super().save_model(request, obj, form, change)
        for sentence in [*form.compiled.warnings, *unknown_attributes(form.compiled)][:10]:
            tell(request, sentence, messages.WARNING)

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        seen_by = SeenBy(self, request.GET)
        seen_by.showing(seen_by.contact or previews.some_contact())
        context |= {
            "seen_by": seen_by,
            "media": context["media"] + seen_by.media,
            "used_in": used_in(obj) if obj else [],
            "may_test": obj is not None and request.user.has_perm("campaigns.send_test"),
        }
        return super().render_change_form(request, context, add, change, form_url, obj)

    def delete_view(self, request, object_id, extra_context=None):
        """What a campaign uses, or was ever sent, stays."""
        template = found(self, request, object_id)
        users, sent = used_in(template), Message.objects.filter(template=template).exists()
        if (users or sent) and self.has_delete_permission(request, template):
            return page(
                self,
                request,
                "campaigns/template_used.html",
                f"{template} cannot be deleted",
                template,
                used_in=users,
                sent=sent,
                back=reverse("admin:campaigns_emailtemplate_change", args=[template.pk]),
            )
        return super().delete_view(request, object_id, extra_context)

    def get_urls(self):
        def way(route, view, name):
            view = self.admin_site.admin_view(view)
            return path(route, view, name=f"campaigns_emailtemplate_{name}")

        return [
            way("check/", require_POST(partial(check, self)), "check"),
            way("said/", require_POST(partial(said, self)), "said"),
            way("<int:object_id>/test/", partial(test_page, self), "test"),
            *super().get_urls(),
        ]


NO_SUBJECT = "(no subject yet)"


def used_in(template: EmailTemplate) -> list[Campaign]:
    """Campaigns that are not archived whose draft or any version sends the template."""
    in_draft = Q(draft__steps__contains=[{"config": {"template": template.pk}}])
    in_version = Q(versions__references__kind="template", versions__references__key=str(template.pk))
    campaigns = Campaign.objects.exclude(state=Campaign.State.ARCHIVED)
    return list(campaigns.filter(in_draft | in_version).distinct().order_by("name"))


def check(model_admin, request):
    """What the template being typed would be for a contact, as JSON: subject, text, faults, warnings."""
    preview, warnings = _typed_preview(model_admin, request)
    return JsonResponse(
        {"subject": preview.subject, "text": preview.text, "problem": preview.problem, "warnings": warnings}
    )


def said(model_admin, request):
    """The HTML of the same, for the sandboxed frame."""
    return sandboxed(_typed_preview(model_admin, request)[0].html)


def test_page(model_admin, request, object_id):
    template = found(model_admin, request, str(object_id))
    contact = SeenBy(model_admin, request.GET).contact or previews.some_contact()
    if contact is None:
        raise Http404("There is no contact to write the mail for.")
    back = reverse("admin:campaigns_emailtemplate_change", args=[template.pk])
    return send_test(model_admin, request, template, template, contact, f"{back}?{urlencode({'contact': contact.pk})}")


def _typed_preview(model_admin, request) -> tuple[previews.Preview, list[str]]:
    if not (model_admin.has_view_permission(request) or model_admin.has_add_permission(request)):
        raise PermissionDenied
    try:
        compiled = compiled_from(
            {**request.POST.dict(), "subject": request.POST.get("subject", "").strip() or NO_SUBJECT}, []
        )
    except TemplateError as fault:
        return previews.Preview(problem=str(fault)), []
    contact = SeenBy(model_admin, request.POST).contact or previews.some_contact()
    if contact is None:
        return previews.Preview(problem="There is no contact yet to show the mail as."), []
    wanted = {"blank": "blank", "skip": "skip"}.get(request.POST.get("on_missing", ""), "fail")
    paths = frozenset(variable.path for variable in compiled.variables)
    context = previews.values(contact, None, clock.now(), paths)
    shown = previews.rendered(compiled, contact, context, cast(OnMissing, wanted))
    return shown, [*compiled.warnings, *unknown_attributes(compiled)][:10]
