"""Score models for tests, in force at once: `lead = made(rules=[clicks(5)])`."""

from datetime import datetime
from typing import Any

from scoring import ruling
from scoring.document import Document, Fading, Rule
from scoring.models import ScoreModel
from tests.factories import NOW


def on(event: str, points: int, at_most: int = 10, **more: Any) -> Rule:
    """A behavioural rule; its uid is its name."""
    uid = more.pop("uid", event)
    return Rule(
        uid=uid, name=more.pop("name", uid), kind="behavioural", event=event, points=points, at_most=at_most, **more
    )


def whose(condition: Any, points: int, **more: Any) -> Rule:
    """A demographic rule."""
    uid = more.pop("uid", "fits")
    return Rule(uid=uid, name=uid, kind="demographic", condition=condition, points=points, **more)


def half(days: int) -> Fading:
    return Fading(how="half", amount=days)


def lasting(days: int) -> Fading:
    return Fading(how="expires", amount=days)


def made(key: str = "lead", now: datetime = NOW, **document: Any) -> ScoreModel:
    model = ScoreModel(key=key, name=key.capitalize(), is_active=True, created_at=now)
    return enact(model, Document(name=model.name, **document), now)


def enact(model: ScoreModel, document: Document, now: datetime) -> ScoreModel:
    """As putting in force does it, without the recomputing."""
    model.edition = model.filled_edition = model.edition + 1
    model.save()
    ruling.write(model, document, now)
    ScoreModel.objects.filter(pk=model.pk, kept_stages=[]).update(kept_stages=model.definition["stages"])
    return model
