"""What became of people's attributes: recorded by the product itself, of those that a campaign follows."""

from events.types import EventType, register

register(
    EventType(
        "attribute.changed", "Attribute changed", triggers="gets another value of an attribute",
        filters="got another value of an attribute",
        # the values as they were sent: any kind, so that none is told
        properties={"attribute": "text"},
    ),
)  # fmt: skip
