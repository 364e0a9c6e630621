"""Connections and campaigns that push to them."""

from datetime import datetime
from typing import Any

from campaigns import lifecycle
from campaigns.document import Document, StepDoc, Trigger
from campaigns.models import Campaign
from integrations.models import Connection, Push
from lib.sealed import seal
from tests.factories import NOW, TemplateFactory, site
from tests.integrations.hubspot import TOKEN

NAMES = [
    {"field": "contact.first_name", "property": "firstname"},
    {"field": "contact.last_name", "property": "lastname"},
]


def connection(name: str = "HubSpot", **more: Any) -> Connection:
    facts = {"portal": "77", "domain": "app-eu1.hubspot.com"}
    defaults = {"kind": "hubspot", "secret": seal(TOKEN), "mapping": NAMES, "account": facts, "created_at": NOW}
    return Connection.objects.create(name=name, **{**defaults, **more})


def pushing(
    to: Connection,
    values: dict[str, str] | None = None,
    *,
    now: datetime = NOW,
    name: str = "Sales",
    mails: bool = True,
) -> Campaign:
    """Active: whoever signs up is pushed, and gets a mail that says whether it worked."""
    site()
    config: dict[str, Any] = {"connection": to.pk}
    if values:
        config["values"] = [{"property": key, "value": value} for key, value in values.items()]
    ways = {"done": "We know you", "failed": "We do not know you"} if mails else {}
    next_: dict[str, str | None] = {way: way for way in ways} or {"done": None}
    steps = [StepDoc(uid="crm", kind="crm", config=config, next=next_)]
    for way, subject in ways.items():
        mail = {"template": TemplateFactory(subject=subject).pk}
        steps.append(StepDoc(uid=way, kind="email", config=mail, next={"done": None}))
    document = Document(name=name, triggers=[Trigger(event="users.signed_up")], steps=steps)
    return lifecycle.activate(lifecycle.create(document, None, now), None, now)


def push() -> Push:
    """The one that there is."""
    return Push.objects.get()
