"""Getting to know the product: stages reached, colleagues invited."""

from events.types import EventType, register

register(
    EventType(
        "stage.activated", "Stage activated", triggers="reaches a stage of the product",
        filters="reached a stage of the product", aliases=["Stage Activated"],
        # the stages are the product's own words, such as create, plan, verify or release
        properties={"stage": "text", "project_id": "text"},
    ),
    EventType(
        "teammate.invited", "Teammate invited", triggers="invites a teammate", filters="invited a teammate",
        aliases=["Teammate Invited", "Invite Sent", "User Invited", "Account Added User"],
        properties={"invitee_email": "text", "role": "text"},
    ),
)  # fmt: skip
