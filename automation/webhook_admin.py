"""Webhooks in the admin: what was called, what came of each attempt, and the secrets by which receivers know us."""

from collections.abc import Iterable
from datetime import datetime

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import RelatedOnlyFieldListFilter
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.decorators import display

from automation.call_models import Call, Receiver
from automation.models import Enrollment, Visit
from automation.webhooks import config as settings_of
from automation.webhooks import deciding, receivers
from campaigns.message_admin import link_to
from campaigns.models import Campaign
from campaigns.pages import found, page
from contacts.admin import ids_found
from lib import clock
from lib.admin import BigTableAdmin, ReadOnlyAdmin, ask, moment
from lib.words import due_time, spoken_time

COLOURS = {
    "Waiting for its turn": "info",
    "Being made": "info",
    "Answered": "success",
    "Failed": "danger",
    "Cancelled": "",
    "Parked": "danger",
}
ATTEMPTS_SHOWN = 100


@admin.register(Call)
class CallAdmin(BigTableAdmin, ReadOnlyAdmin):
    list_display = ["who", "receiver", "campaign", "state_badge", "answered", "tries", "made", "next_try"]
    list_display_links = ["who"]
    list_select_related = ["enrollment__contact__address", "receiver", "campaign"]
    list_filter = ["state", "receiver", ("campaign", RelatedOnlyFieldListFilter)]
    search_fields = ["receiver__origin"]
    search_help_text = "Name, e-mail or id begins with…"
    counted_as = "call", "calls"
    ordering = ["-id"]  # time-ordered, and the primary key
    empty_icon = "webhook"
    empty_title = "No webhooks have been called yet"
    empty_sentence = "Calls appear here as soon as somebody reaches a step “Call a webhook”."
    made = moment("created_at", "asked for")

    def get_search_results(self, request, queryset, search_term):
        term = search_term.strip()
        return (queryset.filter(enrollment__contact__in=ids_found(term)) if term else queryset), False

    @display(description="About")
    def who(self, call):
        return call.enrollment.contact

    @display(description="State", label=COLOURS)
    def state_badge(self, call):
        return call.get_state_display()

    @display(description="Last answer")
    def answered(self, call):
        return call.status or ""

    @display(description="next try", ordering="due_at")
    def next_try(self, call):
        return due_time(call.due_at, clock.now(), rests=call.campaign.state == Campaign.State.PAUSED)

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("enrollment__contact__address", "receiver", "campaign")

    def change_view(self, request, object_id, form_url="", extra_context=None):
        call = found(self, request, object_id)
        return page(
            self,
            request,
            "automation/call.html",
            str(call),
            call,
            call=call,
            attempts=call.attempts.all()[:ATTEMPTS_SHOWN],
            headers=_headers(call),
            now=clock.now(),
            contact_link=link_to(call.enrollment.contact, request.user),
            campaign_link=link_to(call.campaign, request.user),
            repeatable=call.state in ("queued", "parked", "failed"),
        )

    def get_urls(self):
        view = self.admin_site.admin_view(self.again_view)
        return [path("<uuid:object_id>/again/", view, name="automation_call_again"), *super().get_urls()]

    def again_view(self, request, object_id):
        """Make the call now, whatever it was waiting for."""
        call = found(self, request, str(object_id))
        if not request.user.has_perm("campaigns.publish_campaign"):
            raise PermissionDenied

        def act() -> str:
            if not deciding.again(Call.objects.filter(pk=call.pk), request.user, clock.now()):
                raise ValueError("The call is over, or just being made, so nothing was done.")
            return f"{call.receiver} is called again now."

        return ask(
            request,
            self,
            title=f"Call {call.receiver} again?",
            lines=_about_again(call),
            button="Call again",
            act=act,
            back=reverse("admin:automation_call_change", args=[call.pk]),
        )


def _about_again(call: Call) -> list[str]:
    lines = ["The same is sent under the same id, so the receiver can tell that it is a repetition."]
    if call.state == Call.State.FAILED:
        lines.append(f"{call.enrollment.contact} has gone on by “failed” and stays where they are now.")
    return lines


def _headers(call: Call) -> list[tuple[str, str]]:
    """Those that the step adds; of secret ones only that they are there."""
    hook = settings_of.read(call.config) or settings_of.Hook()
    return [(one.name, "kept secret" if one.secret or not one.value else one.value) for one in hook.headers]


def attach(visits: Iterable[Visit], enrollment: Enrollment) -> None:
    """`visit.call` of each visit that made one."""
    calls = {(call.step_uid, call.occurrence): call for call in enrollment.calls.all()}
    for visit in visits:
        visit.call = calls.get((visit.step_uid, visit.occurrence))  # type: ignore[attr-defined]


@admin.register(Receiver)
class ReceiverAdmin(ReadOnlyAdmin):
    list_display = ["origin", "signing", "health", "first_called"]
    counted_as = "receiver", "receivers"
    empty_icon = "dns"
    empty_title = "No server is called yet"
    empty_sentence = "A server appears here as soon as a step “Call a webhook” with its address is saved."
    first_called = moment("created_at", "known")

    @display(description="signing secret")
    def signing(self, receiver):
        return spoken_time(receiver.renewed_at, clock.now(), empty="nobody has it yet")

    @display(description="state", label={"Answers": "success", "Does not answer": "danger"})
    def health(self, receiver):
        return "Does not answer" if receiver.failing else "Answers"

    def change_view(self, request, object_id, form_url="", extra_context=None):
        receiver = found(self, request, object_id)
        return page(
            self,
            request,
            "automation/receiver.html",
            str(receiver),
            receiver,
            receiver=receiver,
            both_sign=_both_sign(receiver, clock.now()),
        )

    def get_urls(self):
        view = self.admin_site.admin_view(self.renew_view)
        return [path("<int:object_id>/renew/", view, name="automation_receiver_renew"), *super().get_urls()]

    def renew_view(self, request, object_id):
        """Make a signing secret; the answer to the POST is the only page that ever shows it."""
        receiver = found(self, request, str(object_id))
        if not request.user.has_perm("automation.change_receiver"):
            raise PermissionDenied
        back = reverse("admin:automation_receiver_change", args=[receiver.pk])
        if request.method != "POST":
            lines = ["It is shown once, on the next page: have somebody ready who enters it at the receiver."]
            if receiver.renewed_at:
                lines.append("For a day calls are signed with both the old secret and the new one.")
            title, button = f"Make a new signing secret for {receiver}?", "Make it"
            form = SeenForm(initial={"seen": receivers.since(receiver)})
            return ask(request, self, title=title, lines=lines, button=button, act=lambda: None, back=back, form=form)
        try:
            secret = receivers.renew(receiver, request.user, clock.now(), request.POST.get("seen"))
        except receivers.Renewed as refused:
            messages.warning(request, str(refused))
            return HttpResponseRedirect(back)
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Your new signing secret"}
        context |= {"receiver": receiver, "secret": secret, "back": back}
        response = TemplateResponse(request, "automation/secret_made.html", context)
        response["Cache-Control"] = "no-store"
        return response


class SeenForm(forms.Form):
    """Which secret was in force when the page was opened."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)


def _both_sign(receiver: Receiver, now: datetime) -> bool:
    return bool(receiver.before and receiver.renewed_at and now - receiver.renewed_at < receivers.BOTH_SIGN)
