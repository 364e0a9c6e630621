"""Campaigns drawn by hand for the tests of step kinds: steps with arms, activated."""

from datetime import datetime
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from automation.advancing import advance
from automation.models import Enrollment, Visit
from campaigns import lifecycle
from campaigns.document import Document, StepDoc, Trigger
from campaigns.models import Campaign
from campaigns.publishing import publish
from events import pipeline, recording
from events.items import Item
from ops.models import Source
from segments import defining
from segments.models import Segment
from tests import engine
from tests.factories import NOW, TemplateFactory, site


def step(uid: str, kind: str, config: dict | None = None, then: Any = None, **more: Any) -> StepDoc:
    """One step; `then` is where it leads: a uid, None (the end), or one for each arm."""
    return StepDoc(
        uid=uid, kind=kind, config=config or {}, next=then if isinstance(then, dict) else {"done": then}, **more
    )


def mail(uid: str, subject: str = "", then: str | None = None) -> StepDoc:
    return step(uid, "email", {"template": TemplateFactory(subject=subject or uid).pk}, then)


def wait(uid: str, days: float, then: str | None = None) -> StepDoc:
    return step(uid, "wait", {"amount": days, "unit": "days"}, then)


def flow(*steps: StepDoc, event: str = "users.signed_up", name: str = "Flow", **more: Any) -> Campaign:
    """An active campaign of these steps."""
    site()
    more.setdefault("triggers", [Trigger(event=event)])
    document = Document(name=name, steps=list(steps), **more)
    return lifecycle.activate(lifecycle.create(document, None, NOW), None, NOW)


def changed(campaign: Campaign, *steps: StepDoc) -> None:
    """The campaign published with other steps."""
    campaign.refresh_from_db()
    document = lifecycle.parse(campaign.draft)
    document.steps = list(steps)
    publish(lifecycle.save_draft(campaign, document, campaign.revision, None, NOW), None, NOW)


def ways(uid: str) -> dict[str, str]:
    """Who left a step by which arm, by their user id."""
    rows = Visit.objects.filter(step_uid=uid, enrollment__contact__identities__kind="user")
    return dict(rows.values_list("enrollment__contact__identities__value", "arm"))


def words(uid: str) -> list[str]:
    return list(Visit.objects.filter(step_uid=uid).order_by("id").values_list("explanation", flat=True))


def segment_of(name: str, condition: dict) -> Segment:
    """A segment that follows a condition, with everybody in it who fits."""
    segment = defining.save(Segment(name=name, condition=condition, created_at=NOW), None, NOW)
    engine.run(NOW)
    return segment


def happens(users: list[str], event: str = "users.signed_up", now: datetime = NOW, **properties: Any) -> None:
    """The same happens to many, told in one request; what follows from it is left to the engine."""
    source = Source.objects.get_or_create(name="Shop")[0]
    told = [Item(kind="identify", user_id=user, traits={"email": f"{user}@example.com"}) for user in users]
    told += [Item(kind="track", user_id=user, event=event, properties=properties) for user in users]
    assert not recording.record(source, told, now).rejected


def queries_to_advance(people: list[str], event: str = "users.signed_up", now: datetime = NOW) -> int:
    """What it costs that these people enter, less the entering."""
    happens(people, event, now)
    while pipeline.drain(now):
        pass
    with CaptureQueriesContext(connection) as captured:
        handled = advance(now)
    assert handled == len(people)
    assert not Enrollment.objects.filter(state=Enrollment.State.PARKED).exists()
    return len(captured)
