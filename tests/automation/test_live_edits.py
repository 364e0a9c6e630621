"""Whoever can be held anywhere × what a marketer does to the steps that hold them: nobody is lost or mailed twice.

One campaign, and one person in each kind of step that holds people: a wait in each of its modes, a wait for something,
a digest, a gate, a webhook, a mail in the queue, a mail held by its window, a limit or the fuse, a fault.
"""

from collections import Counter

import pytest

from automation import advancing, by_hand, fuse_releasing, fuses, gates, releasing
from automation.fuse_models import Fuse
from automation.models import Enrollment, Visit
from campaigns import publishing
from campaigns.document import parse
from campaigns.models import Campaign, FrequencyCap, Message
from contacts.models import Contact
from tests import engine
from tests.automation.flows import flow, happens, mail, step
from tests.automation.publishing_again import DAY, HOUR, edit, everybody_stands_in_their_version, publish
from tests.factories import NOW, TemplateFactory

pytestmark = pytest.mark.django_db
BUYS = {"uid": "buys", "event": "order.completed"}
PRO = {"uid": "pro", "condition": {"field": "contact.plan", "op": "is", "value": "pro"}}
THREE, FIVE = {"amount": 3, "unit": "days"}, {"amount": 5, "unit": "days"}
EVENING = 11.5 * HOUR
DAYS = (1, 3, 4, 5, 6)  # on which it is looked: often enough that no mail is too late


def holders(shop) -> dict[str, tuple[str, dict, dict]]:
    """By the name of who stands there: the kind, its settings, and what of them is changed."""
    here = {"template": TemplateFactory(subject="Here").pk}
    return {
        "length": ("wait", THREE, FIVE),
        "at": ("wait", {**THREE, "at": "02:30"}, {"at": "03:30"}),
        "weekday": ("wait", {"mode": "weekday", "days": ["fri"], "at": "02:30"}, {"days": ["sat"]}),
        "date": ("wait", {"mode": "date", "date": "2026-03-06"}, {"date": "2026-03-08"}),
        "field": ("wait", {"mode": "field", "field": "contact.trial_ends_at"}, {"field": "contact.renews_at"}),
        "random": ("wait", {"mode": "random", **THREE, "to_amount": 4, "to_unit": "days"}, {"to_amount": 9}),
        "event": ("wait_for", {"arms": [BUYS], "timeout": THREE}, {"arms": [PRO], "timeout": FIVE}),
        "condition": ("wait_for", {"arms": [PRO], "timeout": THREE}, {"arms": [BUYS], "timeout": FIVE}),
        "digest": ("digest", {**here, "event": "users.signed_up", **THREE}, FIVE),
        "gate": ("gate", {"places": 1, "until": "after"}, {"places": 2}),
        "hook": ("webhook", {"url": shop.url}, {"url": f"{shop.url}/other"}),
        "queued": ("email", here, {"template": TemplateFactory(subject="Another").pk}),
        "window": ("email", {**here, "window": {"from": "20:00", "to": "21:00"}}, {"window": {}}),
        "capped": ("email", here, {"lateness_hours": 48}),
        "fused": ("email", here, {"lateness_hours": 48}),
        "parked": ("wait", THREE, FIVE),
    }


@pytest.fixture
def held(inbox, track, shop) -> Campaign:
    """Each stands in the step of their name."""
    names = holders(shop)
    steps = [step(name, kind, config, "after") for name, (kind, config, _) in names.items()]
    steps[list(names).index("gate")].next = {"done": "inside"}
    campaign = flow(
        step("start", "wait", THREE, "after"), *steps, step("inside", "wait", THREE, "after"), mail("after")
    )
    FrequencyCap.objects.create(most=1, amount=6, unit="hours")
    flow(mail("before"), event="cart.abandoned", name="Before")
    happens(["capped"], "cart.abandoned", NOW)
    happens(["first", *names], "users.signed_up", NOW)
    Contact.objects.update(attributes={"trial_ends_at": "2026-03-06", "renews_at": "2026-03-09"})
    engine.run(NOW)
    fuses.blow(campaign, "fused", NOW, Contact.objects.first().pk, Fuse.Cause.MANY)
    for name in ("first", *names):
        by_hand.move(row(name), "gate" if name == "first" else name, None, NOW + HOUR / 2)
    while advancing.advance(NOW + HOUR / 2) or gates.admit(NOW + HOUR / 2):
        pass
    advancing.park(row("parked"), ValueError("boom"), NOW)
    stand = dict(Enrollment.objects.filter(campaign=campaign).values_list("contact__identities__value", "step_uid"))
    assert stand == {name: name for name in names} | {"first": "inside"}
    return campaign


def row(name: str) -> Enrollment:
    return Enrollment.objects.get(contact__identities__value=name, campaign__name="Flow")


def ends() -> dict:
    """By name: until when their step holds them, as it says."""
    visits = Visit.objects.filter(left_at=None, enrollment__campaign__name="Flow").select_related("enrollment")
    named = visits.values_list("enrollment__contact__identities__value", "pk")
    by_pk = {visit.pk: visit.until or visit.enrollment.due_at for visit in visits}
    return {name: by_pk[pk] for name, pk in named}


def edited(campaign: Campaign, change) -> None:
    """What holds people is another step, in the draft; None: none any more."""
    kept = {"start", "inside", "after"}
    steps = parse(Campaign.objects.get(pk=campaign.pk).draft).steps
    edit(campaign, [new for one in steps if (new := one if one.uid in kept else change(one))])


def goes_on(campaign: Campaign, expected: dict[str, int], inbox, days=DAYS) -> None:
    """Time passes, a person decides where one must; in the end everybody is through, mailed as often as they should."""
    for after in (HOUR, EVENING, *(day * DAY + EVENING for day in days)):
        now = NOW + after
        if after == EVENING:
            releasing.release(Enrollment.objects.all(), None, now)
            for fuse in fuse_releasing.all_blown():
                fuse_releasing.release(fuse, fuse_releasing.Terms(people=10), None, now)
        engine.run(now)
        everybody_stands_in_their_version()
    inside = Enrollment.objects.active().values_list("contact__identities__value", "step_uid", "state")
    assert not inside.exists(), list(inside)
    assert not Visit.objects.filter(left_at=None).exists() and not Message.objects.filter(settled_at=None).exists()
    got = Counter((one.recipient.partition("@")[0], one.message["Subject"]) for one in inbox.accepted)
    assert set(got.values()) == {1}, [pair for pair, times in got.items() if times > 1]
    assert Counter(subject for _, subject in got) - Counter(before=1) == Counter(expected)


SENT_HERE = {"Here": 5}  # digest, queued, window, capped, fused


@pytest.mark.parametrize(
    ("then", "expected"),
    [(("next", "step"), {"after": 17}), (("due",), {"after": 17, "Here": 1}), (("exit",), {"after": 1})],
)
def test_what_holds_people_is_removed(held, inbox, then, expected):
    """*When due*: the mail in the queue still goes out, what is held before a mail exists does not."""
    edited(held, lambda _: None)
    with pytest.raises(publishing.Refused) as refused:
        publish(held, NOW + HOUR)
    assert len(refused.value.sentences) == 16
    names = [one.uid for one in parse(held.live.document).steps if one.uid not in ("start", "inside", "after")]
    publish(held, NOW + HOUR, removed={name: (then[at % len(then)], "after") for at, name in enumerate(names)})
    goes_on(held, expected, inbox)
    if then == ("exit",):
        assert Enrollment.objects.filter(reason="step_removed").count() == 16


@pytest.mark.parametrize("waits", ["keep", "recompute", "drain", "go back"])
def test_what_holds_people_is_set_otherwise(held, inbox, shop, waits):
    names = holders(shop)

    def change(one):
        one.config = {**one.config, **names[one.uid][2]}
        return one

    before = ends()
    edited(held, change)
    chosen = dict.fromkeys(names, "recompute") if waits in ("recompute", "go back") else {}
    publish(held, NOW + HOUR, people="drain" if waits == "drain" else "follow", waits=chosen)
    if waits == "go back":
        steps = parse(held.versions.get(number=1).document).steps
        edit(held, steps)
        publish(held, NOW + HOUR, waits=chosen)
    moved = {name for name, end in ends().items() if end != before[name]}
    timed = {"length", "at", "weekday", "date", "field", "random", "event", "condition", "digest"}
    assert moved == {"keep": set(), "recompute": timed, "drain": set(), "go back": set()}[waits]
    goes_on(held, {"after": 17, **SENT_HERE}, inbox, range(1, 11) if waits == "recompute" else DAYS)


def test_what_holds_people_is_only_for_some_from_now_on(held, inbox):
    """Who waits, waits on; a mail that was held back and is not for them any more is left out."""

    def change(one):
        one.only_if = PRO["condition"]
        return one

    edited(held, change)
    publish(held, NOW + HOUR)
    goes_on(held, {"after": 17, "Here": 2}, inbox)
    assert set(Visit.objects.filter(arm="skipped").values_list("step_uid", flat=True)) == {"window", "capped", "fused"}
