"""The ways out of a step that mails: one for everybody, and those that a marketer sets apart."""

from typing import Any

from campaigns.models import Message
from campaigns.numbers import NO_MAIL
from campaigns.step_kinds import DONE, Arm

NOT_SENT = "not_sent"
Outcome = Message.Outcome
# What may be set apart, in the order in which it is drawn. The rest of what keeps a mail from being sent is rare, and
# part of “not sent”.
APART = {
    Outcome.UNSUBSCRIBED.value: "Unsubscribed",
    Outcome.NOT_SUBSCRIBED.value: "Did not agree to the topic",
    Outcome.SUPPRESSED.value: "Suppressed",
    Outcome.NO_ADDRESS.value: "No address",
    Outcome.BOUNCED.value: "Bounced",
    "capped": NO_MAIL["capped"],
    "outside_window": NO_MAIL["outside_window"],
    Outcome.STALE.value: "Too late",
    Outcome.RENDER_FAILED.value: "Could not be written",
    NOT_SENT: "Not sent, for whatever (other) reason",
}
# Who skips a step, and who is left out on purpose, goes on like those who got the mail.
GOES_ON = (Outcome.SENT, Outcome.SKIPPED)
UNREADABLE = "What goes a way of its own cannot be read: choose it anew."


def apart(config: dict[str, Any]) -> list[str]:
    """What is set apart, as the form writes it."""
    chosen = config.get("ways")
    return [key for key in APART if key in chosen] if isinstance(chosen, list) else []


def faults(config: dict[str, Any]) -> list[str]:
    chosen = config.get("ways", [])
    known = isinstance(chosen, list) and all(isinstance(key, str) and key in APART for key in chosen)
    return [] if known else [UNREADABLE]


def arms(config: dict[str, Any]) -> list[Arm]:
    found = apart(config)
    if not found:
        return [DONE]
    others = "Not sent" if found == [NOT_SENT] else "Not sent otherwise"
    labels = APART | {NOT_SENT: others}
    usual = "Sent" if NOT_SENT in found else "Everybody else"
    return [*(Arm(key, labels[key]) for key in found), Arm("done", usual)]


def wider(arm: str) -> str:
    """The way that stands for this one where it leads nowhere of its own."""
    outcomes = set(Outcome.values) - set(GOES_ON) | {"capped", "outside_window"}
    return NOT_SENT if arm in outcomes else "done"


def outcomes() -> list[Arm]:
    """All that may come of it, for later conditions."""
    labels = {str(key): str(label) for key, label in Outcome.choices} | NO_MAIL
    return [Arm(key, label) for key, label in labels.items()]
