"""Event: somebody does something that the product tells us of."""

from automation.forms.triggers import EventForm
from campaigns.document import Trigger
from campaigns.trigger_kinds import TriggerKind
from events import types as event_types


class EventTrigger(TriggerKind):
    key, label, icon = "event", "Somebody does something", "bolt"
    help = "Lets people in at the moment when they do it."
    form = EventForm
    looks_back = True

    def problems(self, trigger):
        if not trigger.event:
            return ["Choose the event that lets people in."]
        if trigger.event not in dict(event_types.choices()):
            return [f"There is no event type “{trigger.event}”; choose one of the list."]
        return []

    def references(self, trigger):
        return [("event_type", trigger.event)]

    def describe(self, trigger: Trigger) -> str:
        deed = (event_types.find(trigger.event).triggers or f"does “{trigger.event}”") if trigger.event else "…"
        return f"When somebody {deed}"

    def event_type(self, trigger):
        return trigger.event or None
