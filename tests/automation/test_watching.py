"""Exits act at once, goals are noted within their days, and whoever stops matching is not mailed any more."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from automation.advancing import advance
from automation.models import Enrollment, GoalReached, Refusal
from campaigns import lifecycle
from campaigns.checking import problems
from campaigns.document import Document, Goal, Reentry, StepDoc, Trigger, Watch
from campaigns.linear import Row
from campaigns.models import Message
from campaigns.resuming import Resumption
from events import pipeline, recording
from events.items import Item
from ops.models import Source
from tests import engine
from tests.automation.flows import happens
from tests.factories import NOW, CampaignFactory, TemplateFactory

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BOUGHT = {"uid": "bought", "event": "order.completed"}
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}


def campaign(**more):
    """A mail after a day, and another one after the next."""
    rows = [Row(uid=f"s{n}", wait_amount=1, template=TemplateFactory(subject=f"Mail {n}").pk) for n in (1, 2)]
    return CampaignFactory(rows=rows, **more)


def signs_up(track, user="ann", at=NOW, **traits):
    track(at, user, "users.signed_up", traits={"email": f"{user}@example.com", **traits})


def mails(inbox):
    return [(mail.recipient.partition("@")[0], mail.message["Subject"]) for mail in inbox.accepted]


def test_an_exit_acts_in_the_middle_of_a_wait(inbox, track):
    campaign(exits=[Watch(**BOUGHT)])
    signs_up(track)
    track(NOW + HOUR, "ann", "order.completed")
    row = Enrollment.objects.get()
    assert (row.state, row.reason, row.left_at) == ("exited", "exit", NOW + HOUR)
    assert row.explanation == "A reason to leave: somebody completes an order."
    engine.run(NOW + 3 * DAY)
    assert mails(inbox) == []


def test_what_they_did_after_the_trigger_counts_also_where_the_engine_reads_both_at_once(inbox, track):
    """As after an outage: the campaign lets nobody in twice over, and what came before the trigger is no reason."""
    campaign(exits=[Watch(**BOUGHT)], goals=[Goal(uid="g", event="trial.started")], exit_on_goal=False)
    for user in ("ann", "ben", "cleo"):
        track(NOW - HOUR, user, "order.completed" if user == "ben" else "page.viewed", run=False)
        track(NOW - HOUR, user, "users.signed_up", traits={"email": f"{user}@example.com"}, run=False)
    track(NOW - HOUR, "ann", "order.completed", run=False)
    track(NOW - HOUR / 2, "cleo", "trial.started", run=False)
    engine.run(NOW)
    assert dict(Enrollment.objects.values_list("contact__address__email", "reason")) == {
        "ann@example.com": "exit", "ben@example.com": "", "cleo@example.com": "",
    }  # fmt: skip
    assert GoalReached.objects.get().enrollment.contact.address.email == "cleo@example.com"
    engine.run(NOW + DAY)
    assert sorted(mails(inbox)) == [("ben", "Mail 1"), ("cleo", "Mail 1")]


def test_who_came_during_a_pause_and_gave_a_reason_to_leave_meanwhile_is_not_let_in(inbox, track):
    paused = lifecycle.pause(campaign(exits=[Watch(**BOUGHT)]), None, NOW)
    for user in ("ann", "ben"):
        signs_up(track, user)
    track(NOW + HOUR, "ann", "order.completed")
    lifecycle.resume(paused, None, NOW + 2 * DAY, Resumption(enter=True))
    engine.run(NOW + 2 * DAY)
    assert Enrollment.objects.get().contact.address.email == "ben@example.com"
    engine.run(NOW + 3 * DAY)
    assert mails(inbox) == [("ben", "Mail 1")]


def test_an_exit_by_a_condition_acts_when_it_comes_true(inbox, track):
    campaign(exits=[Watch(uid="pro", name="Became a customer", condition=PRO)])
    signs_up(track)
    track(NOW + HOUR, "ann", "page.viewed", traits={"plan": "free"})
    assert Enrollment.objects.get().state == "active"
    track(NOW + 2 * HOUR, "ann", "page.viewed", traits={"plan": "pro"})
    row = Enrollment.objects.get()
    assert (row.state, row.explanation) == ("exited", "A reason to leave: “Became a customer”.")


def test_an_exit_that_is_true_at_entry_lets_nobody_in(inbox, track):
    campaign(exits=[Watch(uid="pro", condition=PRO)])
    signs_up(track, plan="pro")
    assert not Enrollment.objects.exists()
    refusal = Refusal.objects.get()
    assert refusal.reason == "exit" and "plan" in refusal.explanation


SMALL = {"op": "<", "value": 10, "type": "number"}


@pytest.mark.parametrize(
    "condition",
    [
        {"field": "event.total", **SMALL},
        {"field": "data.total", **SMALL},
        {"all": [{"field": "data.total", **SMALL}, {"field": "contact.email", "op": "starts with", "value": "small"}]},
        {"all": [
            {"field": "event.total", **SMALL},
            {"not": {"event": "order.completed", "measure": "count", "op": "≥", "value": 1,
                     "when": {"since": "entry"}}},
        ]},
        {"all": [{"field": "event.total", **SMALL}, {"field": "step.s1", "op": "is not", "value": "opened"}]},
    ],
)  # fmt: skip
def test_an_exit_is_also_asked_at_the_door_of_what_lets_them_in(inbox, condition):
    """Of several campaigns and people at once, each by its own reasons and data; one of them twice, for two carts."""
    again = {"triggers": [Trigger(event="cart.abandoned")], "reentry": Reentry(mode="every_time")}
    campaign(exits=[Watch(uid="none", condition=PRO), Watch(uid="small", condition=condition)], entry_key="cart",
             name="Large", **again)  # fmt: skip
    campaign(exits=[Watch(uid="large", condition={"not": condition})], entry_key="cart", name="Small", **again)
    campaign(name="All", **again)
    for user, cart, total in (("small", "a", 5), ("large", "b", 50), ("small", "c", 50), ("small", "d", None)):
        happens([user], "cart.abandoned", total=total, cart=cart)
    with CaptureQueriesContext(connection) as captured:
        engine.run(NOW)
    assert sum("jsonb_populate_recordset" in query["sql"] for query in captured) == 1
    rows = Enrollment.objects.order_by("entry_key").values_list("campaign__name", "entry_key", "state")
    inside = {name: "".join(key for whose, key, _ in rows if whose == name) for name, _, _ in rows}
    assert inside == {"Large": "bcd", "Small": "a", "All": ""} and {state for *_, state in rows} == {"active"}
    assert set(Refusal.objects.exclude(campaign__name="All").values_list("campaign__name", "reason")) == {
        ("Large", "exit"), ("Small", "exit"),
    }  # fmt: skip
    assert (
        Refusal.objects.filter(campaign__name="Large").get().explanation.startswith("A reason to leave held already: ")
    )


def test_data_by_which_they_would_have_to_leave_end_what_they_would_begin_anew(inbox):
    exits = [Watch(uid="small", condition={"field": "event.total", **SMALL})]
    for mode in ("ignore", "refresh", "restart"):
        campaign(exits=exits, on_repeat=mode, name=mode, reentry=Reentry(mode="every_time"),
                 triggers=[Trigger(event="cart.abandoned")])  # fmt: skip
    for hours, total in ((0, 50), (1, 5)):
        happens(["ann"], "cart.abandoned", NOW + hours * HOUR, total=total)
        engine.run(NOW + hours * HOUR)
    engine.run(NOW + 2 * DAY)
    rows = Enrollment.objects.values_list("campaign__name", "reason", "left_at")
    assert set(rows) == {("ignore", "", None), ("refresh", "exit", NOW + HOUR), ("restart", "exit", NOW + HOUR)}
    assert mails(inbox) == [("ann", "Mail 1")]


def test_an_exit_cancels_the_mail_that_is_queued(inbox, track):
    campaign(exits=[Watch(**BOUGHT)])
    signs_up(track)
    advance(NOW + DAY)  # its mail is queued, and not yet handed over
    track(NOW + DAY, "ann", "order.completed", run=False)
    pipeline.drain(NOW + DAY)
    engine.run(NOW + DAY)
    assert mails(inbox) == []
    assert Message.objects.get().outcome == "cancelled"


def test_others_stay(inbox, track):
    campaign(exits=[Watch(**BOUGHT)])
    signs_up(track)
    signs_up(track, "ben")
    track(NOW + HOUR, "ben", "order.completed")
    engine.run(NOW + DAY)
    assert mails(inbox) == [("ann", "Mail 1")]


def test_a_goal_is_noted_and_ends_the_campaign_for_them(inbox, track):
    campaign(goals=[Goal(uid="g", name="First order", event="order.completed")])
    signs_up(track)
    track(NOW + 2 * HOUR, "ann", "order.completed")
    reached = GoalReached.objects.get()
    assert (reached.goal_uid, reached.at) == ("g", NOW + 2 * HOUR)
    row = Enrollment.objects.get()
    assert (row.state, row.reason, row.explanation) == ("exited", "goal", "Reached the goal: “First order”.")


def test_a_goal_may_leave_them_inside(inbox, track):
    campaign(goals=[Goal(uid="g", event="order.completed")], exit_on_goal=False)
    signs_up(track)
    track(NOW + HOUR, "ann", "order.completed")
    track(NOW + 2 * HOUR, "ann", "order.completed")
    assert GoalReached.objects.count() == 1
    engine.run(NOW + DAY)
    assert mails(inbox) == [("ann", "Mail 1")]


def test_a_goal_counts_within_its_days_also_for_who_is_through_or_held_out(inbox, track):
    campaign(goals=[Goal(uid="g", event="order.completed", days=5)])
    signs_up(track)
    engine.run(NOW + DAY)
    engine.run(NOW + 2 * DAY)
    assert Enrollment.objects.get().state == "finished"
    track(NOW + 4 * DAY, "ann", "order.completed")
    assert GoalReached.objects.count() == 1
    assert Enrollment.objects.get().state == "finished"


def test_a_goal_does_not_count_after_its_days(inbox, track):
    campaign(goals=[Goal(uid="g", event="order.completed", days=1)])
    signs_up(track)
    track(NOW + DAY + HOUR, "ann", "order.completed")
    assert not GoalReached.objects.exists()


def test_who_stops_matching_leaves_before_the_next_action(inbox, track):
    campaign(audience=PRO, keep_matching=True)
    signs_up(track, plan="pro")
    signs_up(track, "ben", plan="pro")
    track(NOW + HOUR, "ann", "page.viewed", traits={"plan": "free"})
    engine.run(NOW + DAY)
    assert mails(inbox) == [("ben", "Mail 1")]
    left = Enrollment.objects.get(contact__name="", state="exited")
    assert left.reason == "stopped_matching" and "plan" in left.explanation


def test_without_keep_matching_they_stay(inbox, track):
    campaign(audience=PRO)
    signs_up(track, plan="pro")
    track(NOW + HOUR, "ann", "page.viewed", traits={"plan": "free"})
    engine.run(NOW + DAY)
    assert mails(inbox) == [("ann", "Mail 1")]


def test_the_number_of_queries_does_not_grow_with_the_people(inbox, track):
    campaign(exits=[Watch(**BOUGHT), Watch(uid="pro", condition=PRO)], goals=[Goal(uid="g", event="page.viewed")])
    source = Source.objects.create(name="Other")

    def queries(count, first):
        people = [f"u{n}" for n in range(first, first + count)]
        for event in ("users.signed_up", "page.viewed", "order.completed"):
            recording.record(source, [Item(kind="track", user_id=user, event=event) for user in people], NOW + HOUR)
            if event == "users.signed_up":
                engine.run(NOW + HOUR)
        with CaptureQueriesContext(
            connection,
        ) as caught:
            while pipeline.drain(NOW + HOUR):
                pass
        return len(caught)

    queries(1, 0)
    one, many = queries(1, 1), queries(120, 2)
    assert Enrollment.objects.filter(state="exited").count() == 122
    # Lanes are taken in halves, so that many may need a batch more.
    assert many <= 3 * one


def test_what_is_wrong_with_exits_and_goals_is_said_at_its_place():
    document = Document(
        name="x", steps=[StepDoc(uid="a", kind="leave")], exits=[Watch(uid="a"), Watch(uid="a", event="no.such")],
        goals=[Goal(uid=str(n), event="page.viewed", days=0 if n == 0 else 3) for n in range(5)],
    )  # fmt: skip
    found = {(problem.place, problem.sentence) for problem in problems(document)}
    assert ("exits[0]", "Choose what is looked out for: something that happens, or a condition.") in found
    assert ("exits[1]", "There is no event type “no.such”; choose one of the list.") in found
    assert ("exits[1]", "It needs a uid of its own; remove it and add it again.") in found
    assert ("goals", "A campaign has at most 4 goals; remove some.") in found
    assert ("goals[0].days", "A goal counts for 1 to 90 days after entering.") in found
