"""End another campaign: whoever is inside leaves it early, and goes on here."""

from automation.enrolling import leave
from automation.forms.campaign import CampaignForm
from automation.in_hand import A_MOMENT
from automation.kinds.start import other_campaign, problems_of
from automation.models import Enrollment
from campaigns.step_kinds import Done, StepKind, Wait


class EndKind(StepKind):
    key, label, icon = "end", "End another campaign", "logout"
    group, form = "People", CampaignForm
    help = "Takes them out of another campaign, such as the trial mails of somebody who bought."
    outside = True

    def problems(self, config):
        return problems_of(config)

    def references(self, config):
        return [("campaign", str(config["campaign"]))]

    def describe(self, config):
        other = other_campaign(config)
        return f"end the campaign “{other}” for them" if other else "end another campaign"

    def run(self, visits, now):
        other = other_campaign(visits[0].step.config)
        if other is None:
            return [Done("The other campaign was deleted, so there was nothing to end.") for _ in visits]
        own = [visit.enrollment.pk for visit in visits]
        contacts = {visit.enrollment.contact_id for visit in visits}
        inside = Enrollment.objects.active().filter(campaign=other, contact__in=contacts).exclude(pk__in=own)
        everybody = dict(inside.values_list("pk", "contact_id"))
        # Those that a worker has in hand are come back to: it may be waiting for one of ours.
        free = set(inside.order_by("pk").select_for_update(skip_locked=True).values_list("pk", flat=True))
        leave(sorted(free), "ended", f"The campaign “{visits[0].enrollment.campaign}” ended it for them."[:400], now)
        gone = {contact for pk, contact in everybody.items() if pk in free}
        busy = {contact for pk, contact in everybody.items() if pk not in free}
        return [_outcome(other, visit, gone, busy, now) for visit in visits]


def _outcome(other, visit, gone: set[int], busy: set[int], now):
    contact_id = visit.enrollment.contact_id
    if contact_id in busy:
        return Wait(f"They take a step in “{other}” just now.", now + A_MOMENT)
    ended = contact_id in gone or visit.pk is not None
    return Done(f"“{other}” was ended for them." if ended else f"They were not in “{other}”.")
