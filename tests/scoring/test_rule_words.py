"""Rules read as a person says them."""

import pytest

from scoring.document import Fading, Rule
from scoring.rule_words import fading, sentence

pytestmark = pytest.mark.django_db
CHIEF = {"field": "contact.title", "op": "is", "value": "CEO"}
PRICING = {"field": "event.url", "op": "contains", "value": "pricing"}


def said(**given):
    return sentence(Rule(uid="a", **{"kind": "behavioural", "points": 5, "event": "email.clicked"} | given))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "5 points when somebody clicks a link in an e-mail, at most 10 times"),
        ({"at_most": 1, "points": 1}, "1 point when somebody clicks a link in an e-mail, once"),
        (
            {"where": PRICING, "machines": True, "at_most": 1000},
            "5 points when somebody clicks a link in an e-mail, where the event’s url contains “pricing”, also by "
            "machines, at most 1,000 times",
        ),
        (
            {"fading": Fading(how="half"), "cap": 40, "group": "Mail"},
            "5 points when somebody clicks a link in an e-mail, at most 10 times; fades by half every 30 days; "
            "40 points at most; in the group “Mail”",
        ),
        ({"effect": "set", "points": 10}, "engagement is 10 from when somebody clicks a link in an e-mail"),
        (
            {"effect": "reset", "event": "email.unsubscribed", "fading": Fading(how="half")},
            "engagement is 0 from when somebody unsubscribes",
        ),
        ({"kind": "demographic", "condition": CHIEF, "points": -20}, "−20 points while their title is “CEO”"),
        ({"kind": "firmographic", "effect": "set", "condition": CHIEF}, "fit is 5 while their title is “CEO”"),
        ({"kind": "demographic"}, "5 points while they are a contact"),
        (
            {"kind": "demographic", "condition": {"field": "x.y", "op": "is", "value": 1}},
            "5 points while something holds that cannot be read any more",
        ),
        ({"event": "shop.danced", "at_most": 2}, "5 points when somebody does “shop.danced”, at most 2 times"),
    ],
)
def test_a_rule_is_a_sentence(given, words):
    assert said(**given) == words


def test_what_becomes_of_points_is_told_in_days_and_weeks():
    assert fading(Fading()) == ""
    assert fading(Fading(how="half", amount=1)) == "fades by half every day"
    assert fading(Fading(how="expires", amount=2, unit="weeks")) == "expires after 2 weeks"
