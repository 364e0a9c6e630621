"""What segments do to people: recorded by the product itself."""

from events.types import EventType, register

MOVE = {"segment": "number", "segment_name": "text", "cause": "text"}

register(
    EventType(
        "segment.entered", "Segment entered", triggers="enters a segment", filters="entered a segment", properties=MOVE
    ),
    EventType("segment.left", "Segment left", triggers="leaves a segment", filters="left a segment", properties=MOVE),
)
