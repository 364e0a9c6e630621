"""All kinds of triggers, in the order in which they are offered."""

from automation.triggers.attribute import AttributeTrigger
from automation.triggers.date import DateTrigger
from automation.triggers.event import EventTrigger
from automation.triggers.segment import SegmentEnteredTrigger, SegmentLeftTrigger
from automation.triggers.sent import ApiTrigger, CampaignTrigger
from automation.triggers.timed import BroadcastTrigger, ScheduleTrigger

KINDS = (
    EventTrigger(),
    SegmentEnteredTrigger(),
    SegmentLeftTrigger(),
    AttributeTrigger(),
    DateTrigger(),
    ScheduleTrigger(),
    BroadcastTrigger(),
    ApiTrigger(),
    CampaignTrigger(),
)
