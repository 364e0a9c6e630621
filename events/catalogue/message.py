"""What became of our messages, written by the engine itself."""

from events.types import EventType, register

MESSAGE = {"campaign": "number", "step": "text", "template": "number", "template_name": "text", "message": "text"}
SEEN = {**MESSAGE, "machine": "boolean", "verdict": "text"}

register(
    EventType(
        "email.sent", "E-mail sent", triggers="is sent an e-mail", filters="was sent an e-mail",
        aliases=["Email Sent"], properties=MESSAGE,
    ),
    EventType(
        "email.delivered", "E-mail delivered", triggers="receives an e-mail", filters="received an e-mail",
        aliases=["Email Delivered"], properties=MESSAGE,
    ),
    EventType(
        "email.opened", "E-mail opened", triggers="opens an e-mail", filters="opened an e-mail",
        aliases=["Email Opened"], properties=SEEN,
    ),
    EventType(
        "email.clicked", "E-mail link clicked", triggers="clicks a link in an e-mail",
        filters="clicked a link in an e-mail", aliases=["Email Clicked", "Email Link Clicked"],
        properties={**SEEN, "url": "text"},
    ),
    EventType(
        "email.bounced", "E-mail bounced", triggers="cannot be reached by e-mail",
        filters="could not be reached by e-mail", aliases=["Email Bounced"],
        properties={**MESSAGE, "reason": "text", "code": "text"},
    ),
    EventType(
        "email.complained", "E-mail marked as spam", triggers="marks an e-mail as spam",
        filters="marked an e-mail as spam", aliases=["Email Complained", "Email Marked as Spam"],
        properties=MESSAGE,
    ),
    EventType(
        "email.unsubscribed", "Unsubscribed", triggers="unsubscribes", filters="unsubscribed",
        aliases=["Unsubscribed", "Email Unsubscribed"], properties={**MESSAGE, "topic": "text"},
    ),
    EventType(
        "push.opened", "Push message opened", triggers="opens a push message",
        filters="opened a push message",
        aliases=["Push Opened", "Push Notification Tapped", "Push Notification Opened"], properties=MESSAGE,
    ),
)  # fmt: skip
