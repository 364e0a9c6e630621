"""Segment entered, segment left: by what people do or by the passing of time, never by an edit of its rules."""

from typing import ClassVar

from automation.forms.triggers import SegmentForm
from campaigns.document import Trigger
from campaigns.trigger_kinds import TriggerKind
from segments.models import Segment


class _MoveTrigger(TriggerKind):
    """What both directions share."""

    verb: ClassVar[str]
    event: ClassVar[str]
    form = SegmentForm

    def problems(self, trigger):
        number = segment_of(trigger)
        if number is None:
            return ["Choose the segment."]
        if not Segment.objects.filter(pk=number).exists():
            return [f"There is no segment {number} any more; choose another one."]
        return []

    def references(self, trigger):
        return [("segment", str(trigger.config["segment"]))]

    def describe(self, trigger):
        return f"When somebody {self.verb} {named(segment_of(trigger))}"

    def event_type(self, trigger):
        return self.event

    def narrowed(self, trigger):
        return {"field": "event.segment", "op": "is", "value": trigger.config.get("segment"), "type": "number"}


class SegmentEnteredTrigger(_MoveTrigger):
    key, label, icon = "segment_entered", "Somebody enters a segment", "group_add"
    help = "Lets people in when they begin to match a segment; an edit of its rules lets nobody in."
    verb, event = "enters", "segment.entered"

    def state(self, trigger):
        return {"segment": trigger.config["segment"]}


class SegmentLeftTrigger(_MoveTrigger):
    key, label, icon = "segment_left", "Somebody leaves a segment", "group_remove"
    help = "Lets people in when they no longer match a segment; an edit of its rules lets nobody in."
    verb, event = "leaves", "segment.left"
    looks_back = True


def segment_of(trigger: Trigger) -> int | None:
    """The id of the segment that is chosen; None for whatever is none."""
    value = trigger.config.get("segment")
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63 else None


def named(number: int | None) -> str:
    """The segment in a sentence."""
    if number is None:
        return "a segment"
    name = Segment.objects.filter(pk=number).values_list("name", flat=True).first()
    return f"the segment “{name}”" if name else "a segment that was deleted"
