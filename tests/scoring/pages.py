"""The pages on which score models are edited, as tests type into them."""

from django.urls import reverse

from scoring import defining
from scoring.document import Document, Group, Rule
from scoring.models import ScoreModel
from tests.factories import NOW

CLICKS = Rule(uid="c", kind="behavioural", name="Clicks", event="email.clicked", points=5, group="Mail")
BOSS = Rule(
    uid="b",
    kind="demographic",
    name="Boss",
    points=20,
    condition={"field": "contact.title", "op": "is", "value": "CEO"},
)
PRICING = {"field": "event.url", "op": "contains", "value": "pricing"}


def made() -> ScoreModel:
    """In force, and off."""
    document = Document(name="Lead", rules=[BOSS, CLICKS], groups=[Group(name="Mail", cap=30)])
    return defining.create("lead", document, None, NOW)


def url(model, name, *arguments, query=""):
    return reverse(f"admin:scoring_scoremodel_{name}", args=[model.pk, *arguments]) + query


def text(response, status=200):
    assert response.status_code == status, response.status_code
    return " ".join(response.content.decode().split())


def post(client, model, page, /, *arguments, query="", **typed):
    model.refresh_from_db()
    data = {"revision": model.draft_revision} | typed
    return client.post(url(model, page, *arguments, query=query), data, follow=True)


def draft(model) -> Document:
    model.refresh_from_db()
    return defining.opened(model)


def rows(*named: tuple, **more) -> dict:
    """A list of (name, points) as the form sends it; a third value takes the row out."""
    data = {"rows-TOTAL_FORMS": len(named), "rows-INITIAL_FORMS": 0}
    for number, (name, points, *rest) in enumerate(named):
        data |= {f"rows-{number}-name": name, f"rows-{number}-points": points, f"rows-{number}-was": name}
        data |= {f"rows-{number}-DELETE": "on"} if rest else {}
    return data | more


def behaviour(**changes) -> dict:
    return {
        "name": "", "event": "email.clicked", "where": "", "effect": "add", "points": "5", "at_most": "20",
        "fading_how": "never", "fading_amount": "30", "fading_unit": "days", "cap": "", "group": "", **changes,
    }  # fmt: skip
