"""Ready-made campaigns in the admin: the gallery, a page for each with its flow and its mails, and “Use this”."""

import re
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

from campaigns.compiling import compile_email
from campaigns.files import NotReadable
from campaigns.flow_svg import drawing
from campaigns.head_words import head_in_words
from campaigns.pages import number, page, sandboxed, tell
from campaigns.previews import CONFIRM, UNSUBSCRIBE, Preview, rendered
from campaigns.publishing import describe
from campaigns.rendering import context
from campaigns.starters.install import MAY_USE, AlreadyThere, made_of, next_number, use
from campaigns.starters.mails import BASE, StarterMail, html_of
from campaigns.starters.shelf import Starter, starters
from contacts.models import Contact
from lib import clock
from lib.words import capital
from ops.models import SiteSettings

MOST_OF_AN_ADDRESS = 200
WEBSITE = re.compile(r"https?://[\w.-]+(:\d{1,5})?(/[\w./~%-]*)?\Z")  # nothing that means something in HTML or Liquid


class WhereForm(forms.Form):
    """Where the buttons of the mails lead."""

    base = forms.CharField(
        label="Your website",
        required=False,
        max_length=MOST_OF_AN_ADDRESS,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "https://www.example.org", "inputmode": "url"}),
        help_text="The buttons of the mails will lead to pages of it. You can change each of them later.",
        error_messages={"max_length": f"Your website: write an address of at most {MOST_OF_AN_ADDRESS} characters."},
    )

    def clean_base(self) -> str:
        """With https:// before it and no slash behind."""
        base = self.cleaned_data["base"].strip().rstrip("/")
        if base and "://" not in base:
            base = f"https://{base}"
        if base and not WEBSITE.match(base):
            raise forms.ValidationError("Your website: write an address such as https://www.example.org.")
        return base


def gallery_page(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """All of them, by type."""
    _check(request)
    return page(
        model_admin,
        request,
        "campaigns/ready.html",
        "Ready-made campaigns",
        cards=[_card(starter) for starter in starters().values()],
    )


def starter_page(model_admin: ModelAdmin, request: HttpRequest, key: str) -> HttpResponse:
    """One of them; a POST makes its templates and its campaign, once for each press of the button."""
    _check(request)
    starter = _found(key)
    form = WhereForm(request.POST if request.method == "POST" else {"base": _website()})
    pressed = request.method == "POST" and form.is_valid()
    if pressed and (answer := _use(request, starter, form.cleaned_data["base"] or BASE)):
        return answer
    return page(
        model_admin,
        request,
        "campaigns/ready_one.html",
        starter.title,
        starter=starter,
        form=form,
        drawing=drawing(starter.outline),
        head=list(_about(starter)),
        steps=list(_steps_in_words(starter)),
        mails=[(place, _preview(starter, mail), mail) for place, mail in enumerate(starter.mails, 1)],
        there=made_of(starter),
        number=next_number(starter),
        needed=starter.needed(),
    )


def mail_page(model_admin: ModelAdmin, request: HttpRequest, key: str, place: int) -> HttpResponse:
    """The HTML of one mail alone, for its sandboxed frame."""
    _check(request)
    starter = _found(key)
    if not 1 <= place <= len(starter.mails):
        raise Http404("There is no such mail.")
    return sandboxed(_preview(starter, starter.mails[place - 1]).html)


def _check(request: HttpRequest) -> None:
    """Who may make campaigns and templates, and segments where one is needed."""
    if not request.user.has_perms(MAY_USE):
        raise PermissionDenied


def _found(key: str) -> Starter:
    starter = starters().get(key)
    if starter is None:
        raise Http404("There is no such ready-made campaign.")
    return starter


def _use(request: HttpRequest, starter: Starter, base: str) -> HttpResponse | None:
    """Onto the new campaign; None where there is something to say on the same page."""
    try:
        campaign = use(starter, number(request.POST.get("number")) or 1, request.user, clock.now(), base)
    except AlreadyThere:
        return None
    except NotReadable as refused:
        for fault in refused.faults:
            tell(request, f"This could not be made. {fault}", messages.ERROR)
        return None
    tell(
        request,
        f"“{campaign}” is yours now, as a draft with {starter.mails_in_words}. Nobody is mailed until it is activated. "
        "Read the mails first, and see where their buttons lead.",
    )
    return redirect("admin:campaigns_campaign_change", campaign.pk)


def _website() -> str:
    """As the domain of the sender's address says; empty where nothing is known."""
    domain = SiteSettings.get().sender_email.rpartition("@")[2]
    return f"https://{domain}" if domain else ""


def _card(starter: Starter) -> dict[str, Any]:
    return {
        "starter": starter,
        "url": reverse("admin:campaigns_campaign_ready_one", args=[starter.key]),
        "drawing": drawing(starter.outline),
    }


def _preview(starter: Starter, mail: StarterMail) -> Preview:
    """As Ada would get it, who did what the example says."""
    compiled = compile_email(subject=mail.subject, preheader=mail.preheader, html=html_of(mail), known_links=[])
    now = clock.now()
    ada = Contact(attributes={"first_name": "Ada", "last_name": "Lovelace"})
    values = context(
        ada,
        [],
        SiteSettings.get(),
        event={**starter.example, "at": now},
        campaign=starter.outline.name,
        unsubscribe_url=UNSUBSCRIBE,
        confirm_url=CONFIRM,
        now=now,
    )
    return rendered(compiled, ada, values, "fail")


def _about(starter: Starter) -> Iterator[tuple[str, str]]:
    """Everything but the steps, in words."""
    yield from ((label, words) for label, words in head_in_words(starter.outline) if label != "Topic")


def _steps_in_words(starter: Starter) -> Iterator[str]:
    for step in starter.outline.steps:
        yield f"Send “{step.name}”" if step.kind == "email" else capital(describe(step))
