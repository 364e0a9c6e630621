"""Steps that people took: the list to which the numbers of the canvas lead. Who, by which way, and why."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.shortcuts import redirect
from unfold.decorators import display
from unfold.views import ChangeList

from automation.documents import of_versions
from automation.models import Visit
from automation.step_titles import titles
from campaigns.document import Document
from campaigns.flow import arms_of, ways_by_arm
from campaigns.models import Campaign, Message
from campaigns.numbers import FAILED, MAIL_KINDS, NO_MAIL, NOT_DONE, WITHOUT, of_reason, reason_in_words
from campaigns.pages import found, number
from campaigns.sequence_words import readable
from campaigns.step_filters import StepFilter, place_in_words
from contacts.admin import ids_found
from lib.admin import BigTableAdmin, ReadOnlyAdmin, moment

OFFERED = 200
WORDS = {
    "done": "Went on",
    "exit": "Left the campaign",
    "moved": "Went on elsewhere",
    "sent": "Sent",
    "failed": "Failed",
}
REAL = Q(enrollment__contact__is_test=False)  # as the numbers count
WENT_ON = REAL & Q(left_at__isnull=False) & ~Q(arm="exit")
NOTHING_DONE = WENT_ON & (
    Q(message__isnull=True, kind__in=MAIL_KINDS, arm__in=NO_MAIL)
    | Q(message__isnull=True, arm__in=NOT_DONE) & ~Q(kind__in=MAIL_KINDS)
)


class OfCampaign(SimpleListFilter):
    """The steps of one campaign."""

    title, parameter_name = "campaign", "campaign"

    def lookups(self, request, model_admin):
        return [(str(pk), name) for pk, name in Campaign.objects.order_by("name").values_list("pk", "name")[:OFFERED]]

    def queryset(self, request, queryset):
        pk = number(self.value())
        return queryset.filter(enrollment__campaign=pk) if pk else queryset


class OfStep(StepFilter):
    """One step of it."""

    of_campaign = OfCampaign.parameter_name


class Took(SimpleListFilter):
    """Which way they took, as the canvas counts it."""

    title, parameter_name = "what came of it", "way"

    def lookups(self, request, model_admin):
        uid = request.GET.get(OfStep.parameter_name)
        if not uid:
            return []
        ways = [(f"by:{key}", f"Way “{words}”") for key, words in ways_in_words(_document(request), uid).items()]
        asked = self.value() or ""
        how, _, which = asked.partition(":")
        words = {"by": _spoken, "not": lambda reason: f"Not done: {reason_in_words(reason)}"}.get(how)
        named = [(asked, words(which))] if words and which and asked not in dict(ways) else []
        return [("on", "Went on"), ("not", "Not done, or came back"), *ways, *named]

    def queryset(self, request, queryset):
        how, _, which = (self.value() or "").partition(":")
        if "\x00" in which:
            return queryset.none()
        if how == "on":
            return queryset.filter(WENT_ON)
        if how == "by":
            return queryset.filter(WENT_ON, arm__in=_arms(request, which))
        return _not_done(queryset, which) if how == "not" else queryset


def _not_done(visits: QuerySet[Visit], reason: str) -> QuerySet[Visit]:
    """Those with whom nothing was done, for whatever reason or for one."""
    mails = Message.objects.filter(FAILED, pk=OuterRef("message")).exclude(purpose__in=Message.UNCOUNTED)
    if reason.startswith(WITHOUT):
        return visits.filter(NOTHING_DONE, arm=reason.removeprefix(WITHOUT))
    if reason:
        return visits.filter(REAL, Exists(mails.filter(of_reason(reason))))
    return visits.filter(NOTHING_DONE | REAL & Exists(mails))


def _arms(request, way: str) -> list[str]:
    """The arms for which the way stands in the picture."""
    step = _document(request).step(request.GET.get(OfStep.parameter_name) or "")
    return [arm for arm, key in ways_by_arm(step).items() if key == way] or [way] if step else [way]


def _document(request) -> Document:
    campaign = Campaign.objects.filter(pk=number(request.GET.get(OfCampaign.parameter_name)) or 0).first()
    return readable(campaign) if campaign else Document()


def ways_in_words(document: Document, uid: str) -> dict[str, str]:
    """Arm → what the canvas calls it; of a step with one way none."""
    step = document.step(uid)
    return {arm.key: arm.label for arm in arms_of(step) if arm.label} if step else {}


def _spoken(arm: str) -> str:
    labels: dict[str, Any] = {**dict(Message.Outcome.choices), **NO_MAIL, **WORDS}
    return str(labels.get(arm) or arm.replace("_", " ").capitalize())


class StepsTaken(ChangeList):
    """The list, with what the version that they were on calls the steps and their ways."""

    result_list: list[Any]

    def get_results(self, request):
        super().get_results(request)
        self.result_list = list(self.result_list)
        documents = of_versions(visit.version_id for visit in self.result_list)
        called = titles((visit.version_id, visit.step_uid) for visit in self.result_list)
        for visit in self.result_list:
            visit.called = called.get((visit.version_id, visit.step_uid), "")
            ways = ways_in_words(documents[visit.version_id], visit.step_uid)
            visit.took = ways.get(visit.arm) or _spoken(visit.arm)


@admin.register(Visit)
class VisitAdmin(BigTableAdmin, ReadOnlyAdmin):
    list_display = ["who", "step", "went", "why", "entered", "left"]
    list_display_links = ["who"]
    list_select_related = ["enrollment__contact__address", "enrollment__campaign"]
    list_filter = [OfCampaign, OfStep, Took]
    search_fields = ["enrollment__contact__name"]
    search_help_text = "Name, e-mail or id begins with…"
    counted_as = "step taken", "steps taken"
    ordering = ["-id"]
    empty_icon = "directions_walk"
    empty_title = "Nobody here"
    empty_sentence = "Nobody has taken this step in this way yet."
    entered = moment("entered_at", "came")
    left = moment("left_at", "went on", empty="is here now")

    def get_search_results(self, request, queryset, search_term):
        term = search_term.strip()
        return (queryset.filter(enrollment__contact__in=ids_found(term)) if term else queryset), False

    @display(description="Who")
    def who(self, visit):
        return visit.enrollment.contact

    @display(description="Step", header=True)
    def step(self, visit):
        return visit.called, visit.enrollment.campaign

    @display(description="What came of it")
    def went(self, visit):
        return visit.took if visit.left_at else ""

    @display(description="Why")
    def why(self, visit):
        return visit.explanation

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("enrollment__contact__address", "enrollment__campaign")

    def get_changelist(self, request, **kwargs):
        return StepsTaken

    def changelist_view(self, request, extra_context=None):
        campaign, step = place_in_words(request, OfCampaign.parameter_name)
        title = f"Steps taken in {campaign}" if campaign else "Steps taken"
        title = f"Who went through {step} in {campaign}" if step else title
        return super().changelist_view(request, {"title": title, "listed": title, **(extra_context or {})})

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """What there is to say of it stands on the page of the whole way."""
        return redirect("admin:automation_enrollment_change", found(self, request, object_id).enrollment_id)
