"""What those inside take over from a version that they follow: what is looked out for, keys, importance, conditions."""

from datetime import timedelta

import pytest

from automation import by_hand, capped
from automation.models import Enrollment, Visit
from automation.returning import overdue
from campaigns import lifecycle
from campaigns.document import Reentry, Watch, parse
from campaigns.models import Campaign
from campaigns.resuming import Resumption
from campaigns.step_numbers import of_steps
from tests import engine
from tests.automation.flows import flow, mail, step
from tests.automation.publishing_again import DAY, HOUR, edit, publish, subjects
from tests.automation.test_capped import cap
from tests.factories import NOW

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
BUYS = {"uid": "buys", "event": "order.completed"}
CANCELS = {"uid": "cancels", "event": "page.viewed"}
PRO = {"uid": "pro", "condition": {"field": "contact.plan", "op": "is", "value": "pro"}}
AGED = {"field": "contact.created_at", "op": "more than ago", "value": {"amount": 90, "unit": "days"}}
LATE = {"uid": "old", "condition": AGED}
NO_PRO = {"field": "contact.plan", "op": "is not", "value": "pro"}


def comes(track, at=NOW, event="users.signed_up", **traits):
    track(at, "ann", event, traits={"email": "ann@example.com", **traits})


def steps_of(campaign):
    return parse(Campaign.objects.get(pk=campaign.pk).draft).steps


def waits_for(*arms, **more):
    config = {"arms": list(arms), "timeout": {"amount": 5, "unit": "days"}, **more}
    return step("wait", "wait_for", config, {arm["uid"]: "thanks" for arm in arms} | {"timeout": "remind"})


@pytest.mark.parametrize("added", [BUYS, PRO])
def test_what_a_step_looks_out_for_only_now_may_have_happened_already(inbox, track, added):
    """It is looked at when that goes live, not when the time is up."""
    campaign = flow(waits_for(CANCELS), mail("thanks"), mail("remind"))
    comes(track, plan="pro")
    track(NOW + HOUR, "ann", "order.completed")
    edit(campaign, [waits_for(CANCELS, added), *steps_of(campaign)[1:]])
    publish(campaign, NOW + DAY)
    engine.run(NOW + DAY)
    assert subjects(inbox) == ["thanks"]


def test_who_looks_in_vain_waits_on_as_long_as_before(inbox, track):
    campaign = flow(waits_for(CANCELS), mail("thanks"), mail("remind"))
    comes(track)
    edit(campaign, [waits_for(CANCELS, BUYS, PRO), *steps_of(campaign)[1:]])
    publish(campaign, NOW + DAY)
    engine.run(NOW + DAY)
    row = Enrollment.objects.get()
    assert (row.due_at, row.listens) == (NOW + 5 * DAY, True)
    track(NOW + 2 * DAY, "ann", "order.completed")
    assert subjects(inbox) == ["thanks"]


def test_the_key_by_which_people_are_known_goes_with_them(inbox, track):
    """Without it nobody would know that it is ann’s cart that was bought, and she would come in for it once more."""
    campaign = flow(
        step("pause", "wait", {"amount": 5, "unit": "days"}, "remind"), mail("remind"), event="cart.abandoned",
        exits=[Watch(uid="buys", event="order.completed")], reentry=Reentry(mode="every_time"),
    )  # fmt: skip
    track(NOW, "ann", "cart.abandoned", traits={"email": "ann@example.com"}, cart_id="a")
    edit(campaign, steps_of(campaign), entry_key="cart_id")
    publish(campaign, NOW + HOUR)
    assert Enrollment.objects.get().entry_key == "a"
    track(NOW + 2 * HOUR, "ann", "cart.abandoned", cart_id="a")
    assert Enrollment.objects.count() == 1
    track(NOW + 2 * HOUR, "ann", "cart.abandoned", cart_id="b")
    track(NOW + 3 * HOUR, "ann", "order.completed", cart_id="a")
    assert list(Enrollment.objects.active().values_list("entry_key", flat=True)) == ["b"]
    track(NOW + 4 * HOUR, "ann", "cart.abandoned", cart_id="c")
    edit(campaign, steps_of(campaign), entry_key="")
    publish(campaign, NOW + 5 * HOUR)
    keys = Enrollment.objects.active().order_by("pk").values_list("entry_key", flat=True)
    assert list(keys) == ["", "c"], "only one of them can be without"
    track(NOW + 6 * HOUR, "ann", "order.completed")
    assert not Enrollment.objects.active().exists()


def test_a_held_mail_is_as_important_as_its_campaign_is_now(inbox, track):
    cap(1, 6)
    flow(mail("first"), name="First")
    campaign = flow(mail("second"), event="cart.abandoned", name="Second")
    comes(track)
    comes(track, NOW + MINUTE, "cart.abandoned")
    held = Visit.objects.get(left_at=None)
    assert held.facts["capped"]["priority"] == capped.PRIORITIES["normal"]
    edit(campaign, steps_of(campaign), priority="high")
    publish(campaign, NOW + HOUR)
    third = flow(mail("third"), event="order.completed", name="Third")
    track(NOW + 6 * HOUR, "ann", "order.completed", run=False)
    Enrollment.objects.filter(campaign=campaign).update(due_at=NOW + 6 * HOUR + MINUTE)
    engine.run(NOW + 6 * HOUR)
    waiting = Visit.objects.get(enrollment__campaign=third)
    assert "a more important campaign goes first" in waiting.explanation
    engine.run(NOW + 6 * HOUR + MINUTE)
    assert subjects(inbox) == ["first", "second"]


@pytest.mark.parametrize("written", ["from the beginning", "under those who wait"])
def test_only_if_is_asked_once_more_when_a_mail_was_held(inbox, track, written):
    """What was true in the evening need not be in the morning."""
    held = mail("offer")
    held.config["window"] = {"from": "20:00", "to": "21:00"}
    held.only_if = NO_PRO if written == "from the beginning" else None
    campaign = flow(held)
    comes(track)
    assert "Held until" in Visit.objects.get().explanation
    if not held.only_if:
        [now_held] = steps_of(campaign)
        now_held.only_if = NO_PRO
        edit(campaign, [now_held])
        publish(campaign, NOW + HOUR)
    comes(track, NOW + 2 * HOUR, "page.viewed", plan="pro")
    engine.run(NOW + DAY)
    visit = Visit.objects.get()
    assert (subjects(inbox), visit.arm) == ([], "skipped") and "done only if" in visit.explanation


@pytest.mark.parametrize("late", ["send", "exit"])
def test_who_only_looks_now_and_then_is_not_overdue_after_a_pause(inbox, track, late):
    """A condition that time may turn is looked at each quarter of an hour; their time is up in five days."""
    campaign = flow(waits_for(LATE), mail("thanks"), mail("remind"))
    comes(track)
    assert Enrollment.objects.get().due_at == NOW + 15 * MINUTE
    lifecycle.pause(campaign, None, NOW + MINUTE)
    campaign.refresh_from_db()
    assert overdue(campaign, NOW + DAY).count == 0
    lifecycle.resume(campaign, None, NOW + DAY, Resumption(late, None))
    engine.run(NOW + DAY)
    assert Enrollment.objects.get().state == "active"
    engine.run(NOW + 5 * DAY - MINUTE)
    engine.run(NOW + 5 * DAY)
    assert subjects(inbox) == ["remind"]


def test_who_took_a_way_that_is_no_longer_there_is_told_by_the_name_that_it_had(inbox, track):
    named = {**BUYS, "name": "Bought it"}
    campaign = flow(waits_for(named), mail("thanks"), mail("remind"))
    comes(track)
    track(NOW + HOUR, "ann", "order.completed")
    track(NOW, "ben", "users.signed_up", traits={"email": "ben@example.com"})
    by_hand.move(Enrollment.objects.active().get(), "remind", None, NOW + HOUR)
    assert of_steps(campaign)["wait"]["ways"]["buys"] == 1
    edit(campaign, [waits_for(CANCELS), *steps_of(campaign)[1:]])
    publish(campaign, NOW + 2 * HOUR)
    told = of_steps(Campaign.objects.get(pk=campaign.pk))["wait"]
    assert told["passed"] == 2 and [(one["key"], one["count"], one["words"]) for one in told["gone"]] == [
        ("buys", 1, "by a way that is no longer there: “Bought it”"),
        ("moved", 1, "taken elsewhere, by a person or when a version was published"),
    ]
