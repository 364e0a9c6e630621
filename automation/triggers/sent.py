"""Sent by others: the API, or a step of another campaign, lets people in."""

from automation.forms.triggers import PeopleForm
from campaigns.trigger_kinds import TriggerKind


class ApiTrigger(TriggerKind):
    key, label, icon = "api", "Your own software sends them", "api"
    help = "Your own programs let people in, one by one or in lists, with data that the mails may show."
    form = PeopleForm
    by_event = False

    def describe(self, trigger):
        return "When your own software sends somebody here"


class CampaignTrigger(TriggerKind):
    key, label, icon = "campaign", "Another campaign sends them", "alt_route"
    help = "A step “start another campaign” lets people in."
    form = PeopleForm
    by_event = False

    def describe(self, trigger):
        return "When another campaign sends somebody here"
