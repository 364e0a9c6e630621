"""Lists narrowed down to one step of one campaign: where the numbers of the canvas lead."""

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import Q

from campaigns.canvas import words_of
from campaigns.models import Campaign
from campaigns.numbers import CLICKED, FAILED, OPENED, SENT, real
from campaigns.pages import number
from campaigns.sequence_words import readable


class StepFilter(SimpleListFilter):
    """One step of the campaign that is chosen, too; shown only while it narrows the list."""

    title, parameter_name = "step", "step"
    of_campaign = "campaign__id__exact"  # the parameter that chooses it

    def lookups(self, request, model_admin):
        uid = request.GET.get(self.parameter_name)
        return [(uid, step_in_words(request.GET.get(self.of_campaign), uid))] if uid else []

    def queryset(self, request, queryset):
        uid = self.value()
        return queryset.filter(self.asked(uid)) if uid and "\x00" not in uid else queryset

    def asked(self, uid: str) -> Q:
        return Q(step_uid=uid)


class StandsIn(StepFilter):
    """People who stand in a step now; test contacts are not counted there."""

    title = "stands in the step"

    def asked(self, uid):
        return Q(step_uid=uid, left_at__isnull=True, contact__is_test=False)


class CameOf(SimpleListFilter):
    """What came of the mails of one step, counted as the canvas counts."""

    title, parameter_name = "what came of it", "came"
    CHOICES: dict[str, tuple[str, Any]] = {
        "sent": ("Sent", SENT),
        "opened": ("Opened by a person", OPENED & SENT),
        "clicked": ("Clicked by a person", CLICKED & SENT),
        "failed": ("Not sent, or came back", FAILED),
    }

    def lookups(self, request, model_admin):
        if not request.GET.get(StepFilter.parameter_name):
            return []
        return [(key, label) for key, (label, _) in self.CHOICES.items()]

    def queryset(self, request, queryset):
        chosen = self.CHOICES.get(self.value() or "")
        return real(queryset.filter(chosen[1])) if chosen else queryset


def place_in_words(request, of_campaign: str) -> tuple[str, str]:
    """Campaign and step to which a list is narrowed down, in quotes; empty where it is not."""
    campaign = Campaign.objects.filter(pk=number(request.GET.get(of_campaign)) or 0).first()
    uid = request.GET.get(StepFilter.parameter_name)
    step = step_in_words(request.GET.get(of_campaign), uid) if campaign and uid else ""
    return f"“{campaign}”" if campaign else "", f"“{step}”" if step else ""


def step_in_words(campaign_id: str | None, uid: str) -> str:
    campaign = Campaign.objects.filter(pk=number(campaign_id) or 0).first()
    step = readable(campaign).step(uid) if campaign else None
    return (step.name or words_of(step)) if step else "a step that is no longer there"
