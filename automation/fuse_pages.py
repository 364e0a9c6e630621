"""The pages on which a person decides about a step that the fuse holds: how many go on, or all leave."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import VERTICAL
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminRadioSelectWidget

from automation import fuse_releasing, fuses
from automation.fuse_models import Fuse
from automation.fuse_notices import PUBLISH, step_words
from automation.fuse_releasing import Terms
from campaigns.models import Campaign
from lib import clock
from lib.admin import ask
from lib.words import people

LOOKED = "Look first why so many came: a wrong import, an event sent twice, or a success."
DECIDED = "Nothing was done: the fuse holds nobody there any more; somebody has decided about it meanwhile."
ASK, AGAIN, FREE = "ask", "again", "free"


class ReleaseForm(forms.Form):
    """How many of those who wait, and what becomes of whoever comes after them."""

    people = forms.IntegerField(
        label="How many of them go on", min_value=1, widget=UnfoldAdminIntegerFieldWidget(),
        help_text="Those who wait longest go first; the others go on waiting.",
    )  # fmt: skip
    today = forms.ChoiceField(
        label="Whoever else comes today", required=False, initial=ASK,
        widget=UnfoldAdminRadioSelectWidget(radio_style=VERTICAL),
        error_messages={"invalid_choice": "Choose what becomes of whoever else comes today."},
    )  # fmt: skip

    first = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, waiting: int, first: int | None):
        super().__init__(data, initial={"people": waiting, "first": first})
        self.waiting = waiting
        words = f"Write how many go on: a number from 1 to {waiting:,}."
        people: Any = self.fields["people"]
        people.error_messages |= {"required": words, "invalid": words, "min_value": words}
        today: Any = self.fields["today"]
        today.choices = [
            (ASK, "Waits: ask me again"),
            (AGAIN, f"Goes on: up to {fuses.LEAST:,} more today"),
            (FREE, "Goes on: no limit today"),
        ]
        if not waiting:
            del self.fields["people"]

    def clean_people(self) -> int:
        if self.cleaned_data["people"] > self.waiting:
            raise forms.ValidationError(f"Only {self.waiting:,} wait; write a number from 1 to {self.waiting:,}.")
        return self.cleaned_data["people"]

    def terms(self) -> Terms:
        more = {AGAIN: fuses.LEAST, FREE: None}.get(self.cleaned_data.get("today") or ASK, 0)
        return Terms(self.cleaned_data.get("people") or 0, more, self.cleaned_data["first"])


def _of_one_that_waits(page: Callable[[Any, HttpRequest, Any], HttpResponse]) -> Callable[..., HttpResponse]:
    """Asked of a fuse that waits for a person; about another one somebody has decided, so it leads to the campaign."""

    @wraps(page)
    def asked(model_admin, request: HttpRequest, fuse_id: int) -> HttpResponse:
        if not request.user.has_perm(PUBLISH):
            raise PermissionDenied
        fuse = fuse_releasing.with_waiting(fuse_releasing.all_blown()).filter(pk=fuse_id).first()
        if fuse is not None:
            return page(model_admin, request, fuse)
        messages.warning(request, DECIDED)
        return HttpResponseRedirect(_campaign_page(get_object_or_404(Fuse, pk=fuse_id)))

    return asked


@_of_one_that_waits
def release_page(model_admin, request: HttpRequest, fuse: Any) -> HttpResponse:
    """Ask how many go on; then let them."""

    def act(form: ReleaseForm) -> str:
        count = fuse_releasing.release(fuse, form.terms(), request.user, clock.now())
        return f"{_people(count, 'goes', 'go')} on." if count else "It mails again."

    return ask(
        request,
        model_admin,
        title=f"Let {_people(fuse.waiting)} go on?" if fuse.waiting else "Let it mail again?",
        lines=[_why(fuse), LOOKED, "Each of them gets the mail once; many are spread over 15 minutes.", *_rests(fuse)],
        button="Let them go on",
        act=act,
        form=ReleaseForm(
            request.POST if request.method == "POST" else None,
            waiting=fuse.waiting,
            first=fuse_releasing.first_waiting(fuse),
        ),
        back=_campaign_page(fuse),
    )


@_of_one_that_waits
def take_out_page(model_admin, request: HttpRequest, fuse: Any) -> HttpResponse:
    """Ask, with how many; then they leave."""

    def act() -> str:
        return f"{_people(fuse_releasing.take_out(fuse, request.user, clock.now()), 'has', 'have')} left."

    leave = _people(fuse.waiting, "leaves", "leave")
    return ask(
        request,
        model_admin,
        title=f"Take {_people(fuse.waiting)} out of “{fuse.campaign}”?",
        lines=[_why(fuse), f"{leave} “{fuse.campaign}” and get no more of it. This cannot be undone."],
        button="Take them out",
        act=act,
        back=_campaign_page(fuse),
        danger=True,
    )


def _why(fuse: Fuse) -> str:
    said = fuses.sentence(fuse, fuses.today(clock.now()))
    return f"{step_words(fuse)}: {said}"


def _rests(fuse: Fuse) -> list[str]:
    paused = fuse.campaign.state == Campaign.State.PAUSED
    return ["The campaign is paused: nothing moves until it is resumed."] if paused else []


def _campaign_page(fuse: Fuse) -> str:
    return reverse("admin:campaigns_campaign_change", args=[fuse.campaign_id])


def _people(count: int, one: str = "", many: str = "") -> str:
    return f"{people(count)} {one if count == 1 else many}".strip()
