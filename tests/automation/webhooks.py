"""Campaigns that call a webhook, and what became of the calls."""

from datetime import datetime
from ipaddress import ip_network
from typing import Any

from automation.call_models import Call
from campaigns import lifecycle
from campaigns.document import Document, StepDoc, Trigger
from campaigns.models import Campaign
from tests.factories import NOW, TemplateFactory, site

LOOPBACK = [ip_network("127.0.0.0/8")]


def hooked(
    url: str, *, name: str = "Provision", now: datetime = NOW, event="users.signed_up", **config: Any
) -> Campaign:
    """Active: whoever signs up has the webhook called, and gets a mail that says what came of it."""
    site()
    done, failed = (TemplateFactory(subject=subject).pk for subject in ("It is ready", "It takes longer"))
    steps = [
        StepDoc(
            uid="hook", kind="webhook", name=name, config={"url": url, **config}, next={"done": "yes", "failed": "no"}
        ),
        StepDoc(uid="yes", kind="email", config={"template": done}, next={"done": None}),
        StepDoc(uid="no", kind="email", config={"template": failed}, next={"done": None}),
    ]
    document = Document(name="Trial", triggers=[Trigger(event=event)], steps=steps)
    return lifecycle.activate(lifecycle.create(document, None, now), None, now)


def call() -> Call:
    """The one that there is."""
    return Call.objects.get()


def said() -> list[str]:
    """What came of each attempt, in order."""
    return list(call().attempts.values_list("outcome", flat=True))
