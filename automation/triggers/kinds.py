"""All kinds of triggers, in the order in which they are offered."""

from automation.triggers.attribute import AttributeTrigger
from automation.triggers.event import EventTrigger
from automation.triggers.segment import SegmentEnteredTrigger, SegmentLeftTrigger
from automation.triggers.sent import ApiTrigger, CampaignTrigger

KINDS = (
    EventTrigger(),
    SegmentEnteredTrigger(),
    SegmentLeftTrigger(),
    AttributeTrigger(),
    ApiTrigger(),
    CampaignTrigger(),
)
