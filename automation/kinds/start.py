"""Start another campaign: they enter it, through the same door as everybody, and go on here."""

from automation.enrolling import Start, occasion
from automation.entering import enter_starts
from automation.forms.campaign import CampaignForm
from automation.in_hand import A_MOMENT
from automation.models import Enrollment
from campaigns.models import Campaign
from campaigns.step_kinds import Arm, Done, StepKind, Wait
from lib import once

BY = "campaign"  # the kind of trigger that the other one must have
CLOSED = (
    "no_trigger",
    "it is not one that other campaigns may start; add “Another campaign sends them” to its triggers",
)


def other_campaign(config) -> Campaign | None:
    pk = config.get("campaign") if isinstance(config, dict) else None
    if not isinstance(pk, int) or isinstance(pk, bool) or not 0 < pk < 2**63:
        return None
    return once.row(Campaign.objects.select_related("live"), pk)


def problems_of(config) -> list[str]:
    """What is wrong with the choice of another campaign."""
    other = other_campaign(config)
    if other is None:
        named = isinstance(config, dict) and config.get("campaign") not in (None, "")
        return ["There is no such campaign any more; choose another one." if named else "Choose the campaign."]
    return [f"“{other}” is archived; choose another campaign."] if other.state == Campaign.State.ARCHIVED else []


class StartKind(StepKind):
    key, label, icon = "start", "Start another campaign", "login"
    group, form = "People", CampaignForm
    saw = {"enrollment": ""}  # the page leads there
    help = "Lets them into another campaign; they go on here as well."
    outside = True

    def problems(self, config):
        if found := problems_of(config):
            return found
        other = other_campaign(config)
        document = (other.live.document if other.live else other.draft) if other else {}
        if not any(trigger.get("kind") == BY for trigger in document.get("triggers", [])):
            return [f"“{other}” cannot be started so: {CLOSED[1]}."]
        return []

    def references(self, config):
        return [("campaign", str(config["campaign"]))]

    def describe(self, config):
        other = other_campaign(config)
        return f"start the campaign “{other}”" if other else "start another campaign"

    def arms(self, config):
        return [Arm("refused", "They may not enter it"), Arm("done", "Started")]

    def run(self, visits, now):
        other = other_campaign(visits[0].step.config)
        if other is None:
            return [Done("The other campaign was deleted, so nothing was started.", arm="refused") for _ in visits]
        if other.pk == visits[0].enrollment.campaign_id:
            return [Done(f"“{other}” was not started: it does not start itself.", arm="refused") for _ in visits]
        busy = _busy(other, visits)
        going = [visit for visit in visits if visit.enrollment.contact_id not in busy]
        told = enter_starts(other.pk, [_start(visit, other, now) for visit in going], now, _open, missing=CLOSED)
        if told is None:
            return [Wait(f"“{other}” is being changed just now.", now + A_MOMENT) for _ in visits]
        return [
            Wait(f"They take a step in “{other}” just now.", now + A_MOMENT)
            if visit.enrollment.contact_id in busy
            else _outcome(other, visit.enrollment.contact_id, told)
            for visit in visits
        ]


def _busy(other: Campaign, visits) -> set[int]:
    """Who is inside it already, where a worker has them in hand: it may be waiting for one of ours."""
    contacts = {visit.enrollment.contact_id for visit in visits}
    inside = Enrollment.objects.active().filter(campaign=other, contact__in=contacts).order_by("pk")
    everybody = dict(inside.values_list("pk", "contact_id"))
    if not everybody:
        return set()
    free = set(inside.select_for_update(skip_locked=True).values_list("pk", flat=True))
    return {contact for pk, contact in everybody.items() if pk not in free}


def _open(document):
    return [trigger for trigger in document.triggers if trigger.kind == BY]


def _start(visit, other: Campaign, now) -> Start:
    """What they carry goes with them; the same visit starts nothing twice."""
    row = visit.enrollment
    name = occasion(BY, other.pk, row.pk, visit.step_uid, visit.occurrence)
    return Start(row.contact_id, now, name, properties=row.data, hops=row.hops + 1)


def _outcome(other: Campaign, contact_id: int, told):
    if contact_id in told.entered:
        return Done(f"Started “{other}”.", facts={"enrollment": told.entered[contact_id]})
    _, why = told.refused.get(contact_id, ("", "They are inside already."))
    return Done(f"“{other}” was not started: {why[:1].lower()}{why[1:].rstrip('.')}.", arm="refused")
