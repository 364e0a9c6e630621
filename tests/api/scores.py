"""What the tests of scores over the API share: a model with rules and stages, points given."""

import pytest

from scoring.document import Stage
from tests.scoring.building import half, on, whose

CHIEF = {"field": "contact.title", "op": "is", "value": "CEO"}
RULES = [on("button.clicked", 40, uid="clicks", name="Clicks", fading=half(30)), whose(CHIEF, 20, uid="chief")]
STAGES = [Stage(name="Lead", points=50), Stage(name="Customer")]


def near(number, wanted):
    return number == pytest.approx(wanted, abs=0.01)


def points(api, who, number, model="lead"):
    answer = api.post(f"/api/scores/{model}/contacts/{who}/", {"effect": "add", "points": number})
    assert answer.status_code == 200, answer.json()
