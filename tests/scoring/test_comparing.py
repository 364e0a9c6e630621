"""What is different between two definitions, as the marketer reads it."""

import pytest
from msgspec.structs import replace

from scoring import starters
from scoring.comparing import differences
from scoring.document import Band, Document, Fading, Group, Rule, Stage

pytestmark = pytest.mark.django_db
CLICKS = Rule(uid="c", kind="behavioural", name="Clicks a link", event="email.clicked", points=5, at_most=20)
BOSS = Rule(
    uid="b",
    kind="demographic",
    name="Boss",
    points=20,
    condition={"field": "contact.title", "op": "is", "value": "CEO"},
)
OLD = Document(name="Lead", rules=[CLICKS, BOSS], groups=[Group(name="Mail", cap=50)], stages=[Stage(name="Customer")])


def rules(*changed: Rule) -> Document:
    return replace(OLD, rules=list(changed))


def clicks(**changes) -> Document:
    return rules(replace(CLICKS, **changes), BOSS)


CASES = [
    (clicks(points=10), ["“Clicks a link”: 10 points instead of 5."]),
    (clicks(name="Clicks"), ["“Clicks”: it was called “Clicks a link”."]),
    (clicks(at_most=1000), ["“Clicks a link”: at most 1,000 times instead of 20."]),
    (clicks(cap=40), ["“Clicks a link”: 40 points in all at most."]),
    (clicks(group="Mail"), ["“Clicks a link”: in the group “Mail”."]),
    (
        clicks(fading=Fading(how="half", amount=30)),
        ["“Clicks a link”: it fades by half every 30 days; before, it did not fade."],
    ),
    (
        clicks(event="email.opened"),
        [
            "“Clicks a link”: now 5 points when somebody opens an e-mail, at most 20 times; before, 5 points when "
            "somebody clicks a link in an e-mail, at most 20 times."
        ],
    ),
    (
        rules(CLICKS, replace(BOSS, condition={"field": "contact.title", "op": "is", "value": "CTO"})),
        ["“Boss”: it counts for others: 20 points while their title is “CTO”."],
    ),
    (rules(BOSS, CLICKS), ["The rules stand in another order."]),
    (rules(BOSS), ["The rule “Clicks a link” is removed."]),
    (
        rules(CLICKS, BOSS, replace(CLICKS, uid="n", name="Opens", event="email.opened", points=1)),
        ["New rule “Opens”: 1 point when somebody opens an e-mail, at most 20 times."],
    ),
    (replace(OLD, name="Score"), ["It is called “Score” instead of “Lead”."]),
    (replace(OLD, ceiling=100), ["The highest score is 100."]),
    (replace(OLD, floor=None), ["The lowest score has no limit any more; it was 0."]),
    (replace(OLD, floor=-50), ["The lowest score is −50 instead of 0."]),
    (replace(OLD, margin=5), ["A band is left 5 points below its threshold instead of 2."]),
    (
        replace(OLD, bands=[Band(name="Cold", points=0), Band(name="Hot", points=90), Band(name="Best", points=120)]),
        ["“Hot” begins at 90 instead of 80.", "New band “Best”, from 120 on.", "The band “Warm” is removed."],
    ),
    (replace(OLD, fit_grades=(10, 40)), ["Grade B of fit begins at 10 instead of 20."]),
    (replace(OLD, engagement_grades=(25, 60)), ["Grade 1 of engagement begins at 60 instead of 50."]),
    (
        replace(OLD, stages=[Stage(name="Customer", points=90)]),
        ["“Customer” is reached at 90 points instead of only by hand."],
    ),
    (replace(OLD, groups=[Group(name="Mail", cap=60)]), ["The group “Mail” gives 60 points instead of 50."]),
]  # fmt: skip


@pytest.mark.parametrize(("new", "said"), CASES)
def test_a_change_is_one_sentence(new, said):
    assert differences(OLD, new) == said


def test_the_same_is_no_difference():
    assert differences(OLD, rules(replace(CLICKS), replace(BOSS))) == []
    assert differences(starters.document(), starters.document()) == []
