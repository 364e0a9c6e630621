"""The mails of a sequence as any contact would get them, and a test of one sent to a person on the team."""

from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from unfold.widgets import UnfoldAdminSelectWidget

from campaigns import previews, queueing
from campaigns.models import EmailTemplate
from campaigns.pages import found, number, page, sandboxed, tell
from campaigns.sequence_words import readable
from contacts.addresses import NotAnAddress
from contacts.models import Contact
from lib import clock


def preview_page(model_admin, request, object_id):
    """Every mail of the draft, in order, as one contact would get it."""
    campaign = found(model_admin, request, str(object_id))
    document = readable(campaign)
    form = SeenBy(model_admin, request.GET)
    contact = form.contact or previews.some_contact(document)
    mails = [_mail(campaign, template, contact, document) for template in _templates(document)] if contact else []
    return page(
        model_admin,
        request,
        "campaigns/preview.html",
        f"Preview: {campaign}",
        campaign,
        campaign=campaign,
        form=form.showing(contact),
        contact=contact,
        mails=mails,
        media=model_admin.media + form.media,
        may_test=request.user.has_perm("campaigns.send_test"),
    )


def said(model_admin, request, object_id, template_id):
    """The HTML of one mail alone, for its sandboxed frame."""
    campaign = found(model_admin, request, str(object_id))
    template, contact = _pair(model_admin, request, template_id)
    return sandboxed(previews.preview(template, contact, clock.now(), readable(campaign)).html)


def test_page(model_admin, request, object_id, template_id):
    """Ask for an address of the team, then queue the mail for it."""
    campaign = found(model_admin, request, str(object_id))
    template, contact = _pair(model_admin, request, template_id)
    back = reverse("admin:campaigns_campaign_preview", args=[campaign.pk]) + _query(contact)
    return send_test(model_admin, request, campaign, template, contact, back)


def send_test(model_admin, request, original, template: EmailTemplate, contact: Contact, back: str):
    """The page that sends a test, from a sequence's preview or from a template."""
    if not request.user.has_perm("campaigns.send_test"):
        raise PermissionDenied
    form = TeamAddress(request.POST or None, initial={"to": request.user.email})
    if request.method == "POST" and form.is_valid():
        try:
            queueing.queue_test(template, contact, form.cleaned_data["to"], request.user, clock.now())
        except NotAnAddress as fault:
            form.add_error("to", str(fault))
        else:
            tell(request, f"A test of “{template}” is on its way to {form.cleaned_data['to']}.")
            return redirect(back)
    return page(
        model_admin,
        request,
        "campaigns/send_test.html",
        f"Send a test: {template}",
        original,
        form=form,
        contact=contact,
        back=back,
        shown=previews.preview(template, contact, clock.now()),
    )


class SeenBy(forms.Form):
    """Whose eyes a preview is seen with: the contact that was asked for, if there is one of that number."""

    def __init__(self, model_admin, asked):
        super().__init__()
        self.fields["contact"] = previews.contact_field(model_admin.admin_site)
        self.contact = previews.contacts().filter(pk=number(asked.get("contact")) or 0).first()

    def showing(self, contact: Contact | None) -> "SeenBy":
        self.initial["contact"] = contact.pk if contact else None
        return self


class TeamAddress(forms.Form):
    """Tests go to the team only: whoever else gets mail must be a contact."""

    to = forms.ChoiceField(
        label="Send it to",
        widget=UnfoldAdminSelectWidget(),
        error_messages={
            "required": "Choose an address.",
            "invalid_choice": "Choose an address of your team.",
        },
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        users = get_user_model().objects.filter(is_active=True).exclude(email="").order_by("username")
        to: Any = self.fields["to"]
        to.choices = [(user.email, f"{user.get_full_name() or user} · {user.email}") for user in users]


def _templates(document) -> list[EmailTemplate]:
    ids = [step.template for step in document.steps if step.kind == "email" and step.template]
    by_id = EmailTemplate.objects.in_bulk(ids)
    return list({pk: by_id[pk] for pk in ids if pk in by_id}.values())


def _mail(campaign, template, contact, document) -> dict:
    query = _query(contact)
    return {
        "template": template,
        "shown": previews.preview(template, contact, clock.now(), document),
        "frame": reverse("admin:campaigns_campaign_said", args=[campaign.pk, template.pk]) + query,
        "test": reverse("admin:campaigns_campaign_test", args=[campaign.pk, template.pk]) + query,
    }


def _query(contact) -> str:
    return "?" + urlencode({"contact": contact.pk})


def _pair(model_admin, request, template_id) -> tuple[EmailTemplate, Contact]:
    template = EmailTemplate.objects.filter(pk=template_id).first()
    contact = SeenBy(model_admin, request.GET).contact or previews.some_contact()
    if template is None or contact is None:
        raise Http404("There is no such mail, or no contact to show it as.")
    return template, contact
