"""What happens between the trigger and the entry, or is told in another order, counts as it happened."""

from datetime import timedelta

import pytest

from automation.models import Enrollment, GoalReached, Refusal, Visit
from campaigns import lifecycle
from campaigns.document import Goal, Reentry, Watch
from campaigns.resuming import Resumption
from events import recording
from events.items import Item
from ops.models import Source
from tests import engine
from tests.automation.flows import flow, mail, step, wait
from tests.factories import NOW, TemplateFactory

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BOUGHT = {"uid": "bought", "event": "order.completed"}
LARGE = {"field": "event.total", "op": "≥", "value": 50, "type": "number"}


def tell(now, *told, user="ann"):
    """In one request, each (when it happened, what, properties)."""
    source = Source.objects.get_or_create(name="Shop")[0]
    items = [Item(kind="identify", user_id=user, traits={"email": f"{user}@example.com"})]
    items += [Item(kind="track", user_id=user, event=event, timestamp=at, properties=of) for at, event, of in told]
    assert not recording.record(source, items, now).rejected


def cart(at=NOW, **properties):
    return at, "cart.abandoned", properties


def order(at=NOW, **properties):
    return at, "order.completed", properties


def abandoned(**more):
    more.setdefault("reentry", Reentry(mode="every_time"))
    return flow(wait("day", 1, "mail"), mail("mail", "Your cart"), event="cart.abandoned", **more)


def subjects(inbox):
    return [one.message["Subject"] for one in inbox.accepted]


@pytest.mark.parametrize("more", [{"exits": [Watch(**BOUGHT)]}, {"goals": [Goal(**BOUGHT)]}])
@pytest.mark.parametrize(
    "requests",
    [
        [[cart(), order(NOW + MINUTE)]],
        [[cart()], [order(NOW + MINUTE)]],  # two requests, read together
        [[order(NOW + MINUTE)], None, [cart()]],  # the later one was told first
    ],
)
def test_who_has_met_a_reason_to_leave_since_the_trigger_does_not_enter(inbox, requests, more):
    abandoned(**more)
    for told in requests:
        if told:
            tell(NOW + 5 * MINUTE, *told)
        else:
            engine.run(NOW + 5 * MINUTE)
    engine.run(NOW + 5 * MINUTE)
    assert not Enrollment.objects.exists()
    assert Refusal.objects.get().explanation.endswith("before they entered: somebody completes an order.")


@pytest.mark.parametrize(
    ("more", "reason"), [({"exits": [Watch(**BOUGHT)]}, "exit"), ({"goals": [Goal(**BOUGHT)]}, "goal")]
)
def test_of_what_happened_in_one_moment_the_order_counts_in_which_it_was_told(inbox, more, reason):
    abandoned(**more)
    tell(NOW + 5 * MINUTE, cart(), order())
    engine.run(NOW + 5 * MINUTE)
    row = Enrollment.objects.get()
    assert (row.state, row.reason) == ("exited", reason)
    engine.run(NOW + 2 * DAY)
    assert subjects(inbox) == []


@pytest.mark.parametrize(
    ("requests", "more"),
    [
        ([[order(NOW - MINUTE), cart()]], {}),
        ([[order(), cart()]], {}),  # of one moment: as they were told
        ([[cart(), order(NOW + MINUTE, total=20)]], {"filter": LARGE}),
        ([[cart(id="a"), order(NOW + MINUTE, id="b")]], {"entry_key": "id"}),
    ],
)
def test_what_was_before_or_is_about_something_else_keeps_nobody_out(inbox, requests, more):
    abandoned(exits=[Watch(**BOUGHT, filter=more.pop("filter", None))], **more)
    for told in requests:
        tell(NOW + 5 * MINUTE, *told)
    engine.run(NOW + 5 * MINUTE)
    engine.run(NOW + 2 * DAY)
    assert subjects(inbox) == ["Your cart"]


def test_of_two_carts_in_one_request_the_one_that_was_bought_is_left_out(inbox):
    abandoned(exits=[Watch(**BOUGHT)], entry_key="id")
    tell(NOW + 5 * MINUTE, cart(id="a"), cart(id="b"), order(NOW + MINUTE, id="a"))
    engine.run(NOW + 5 * MINUTE)
    assert list(Enrollment.objects.values_list("entry_key", flat=True)) == ["b"]
    tell(NOW + 9 * MINUTE, cart(NOW + 6 * MINUTE, id="c"), order(NOW + 7 * MINUTE), cart(NOW + 8 * MINUTE, id="d"))
    engine.run(NOW + 9 * MINUTE)
    inside = Enrollment.objects.filter(state__in=Enrollment.INSIDE)
    assert list(inside.values_list("entry_key", flat=True)) == ["d"], "what names no cart is about all"


def test_a_purchase_before_the_trigger_was_read_takes_them_out_when_it_is_told(inbox):
    abandoned(exits=[Watch(**BOUGHT)])
    tell(NOW + 10 * MINUTE, cart())
    engine.run(NOW + 10 * MINUTE)
    assert Enrollment.objects.get().state == "active"
    tell(NOW + 11 * MINUTE, order(NOW + 5 * MINUTE))
    engine.run(NOW + 11 * MINUTE)
    row = Enrollment.objects.get()
    assert (row.state, row.reason) == ("exited", "exit")


def test_a_goal_that_keeps_nobody_from_staying_keeps_nobody_out(inbox):
    abandoned(goals=[Goal(**BOUGHT)], exit_on_goal=False)
    tell(NOW + 5 * MINUTE, cart())
    engine.run(NOW + 5 * MINUTE)
    tell(NOW + 6 * MINUTE, order(NOW + MINUTE))
    engine.run(NOW + 6 * MINUTE)
    assert Enrollment.objects.get().state == "active" and GoalReached.objects.get().at == NOW + MINUTE


def test_who_came_during_a_pause_and_bought_meanwhile_is_not_let_in(inbox):
    made = abandoned(exits=[Watch(**BOUGHT)])
    lifecycle.pause(made, None, NOW)
    for user, told in (("ann", [cart(NOW + HOUR)]), ("bob", [cart(NOW + HOUR), order(NOW + 2 * HOUR)])):
        tell(NOW + 3 * HOUR, *told, user=user)
    engine.run(NOW + 3 * HOUR)
    lifecycle.resume(made, None, NOW + 4 * HOUR, Resumption(enter=True))
    engine.run(NOW + 4 * HOUR)
    assert [row.contact.address.email for row in Enrollment.objects.all()] == ["ann@example.com"]


# --- waiting for something ---


def waits(then="thanks", **config):
    config = {"arms": [BOUGHT], "timeout": {"amount": 1, "unit": "days"}, **config}
    return step("wait", "wait_for", config, {"bought": then, "timeout": "remind"})


def waiting(*before, more=None, **config):
    ends = (mail("thanks", "Thanks"), mail("remind", "Your cart"))
    more = {"event": "cart.abandoned", "reentry": Reentry(mode="every_time"), **(more or {})}
    return flow(*before, waits(**config), *ends, **more)


def test_what_they_did_while_their_entry_was_read_counts_as_the_answer(inbox):
    waiting()
    tell(NOW + 5 * MINUTE, cart(), order(NOW + MINUTE))
    engine.run(NOW + 5 * MINUTE)
    assert subjects(inbox) == ["Thanks"]


def test_what_they_did_before_that_step_does_not_count_however_late_it_is_told(inbox):
    waiting(wait("first", 2, "wait"))
    tell(NOW, cart())
    engine.run(NOW)
    engine.run(NOW + 2 * DAY)
    tell(NOW + 2 * DAY + HOUR, order(NOW + DAY))
    engine.run(NOW + 2 * DAY + HOUR)
    assert subjects(inbox) == []
    tell(NOW + 2 * DAY + 2 * HOUR, order(NOW + 2 * DAY + HOUR))
    engine.run(NOW + 2 * DAY + 2 * HOUR)
    assert subjects(inbox) == ["Thanks"]


@pytest.mark.parametrize(("since", "at"), [("entry", NOW + DAY), ("ever", NOW - HOUR)])
def test_by_choice_it_does(inbox, since, at):
    waiting(wait("first", 2, "wait"), since=since)
    tell(NOW, cart())
    engine.run(NOW)
    engine.run(NOW + 2 * DAY)
    tell(NOW + 2 * DAY + HOUR, order(at))
    engine.run(NOW + 2 * DAY + HOUR)
    assert subjects(inbox) == ["Thanks"]


def test_nothing_is_the_answer_to_two_steps(inbox):
    second = step("again", "wait_for", {"arms": [BOUGHT], "timeout": {"amount": 1, "unit": "days"}},
                  {"bought": "thanks", "timeout": "remind"})  # fmt: skip
    flow(waits("again"), second, mail("thanks", "Thanks"), mail("remind", "Once only"), event="cart.abandoned")
    tell(NOW + 5 * MINUTE, cart(), order(NOW + MINUTE))
    engine.run(NOW + 5 * MINUTE)
    assert subjects(inbox) == [] and Visit.objects.get(left_at=None).step_uid == "again"


def test_what_let_them_in_is_no_answer(inbox):
    ends = (mail("thanks", "Thanks"), mail("remind", "Nothing more"))
    flow(waits(), *ends, event="order.completed", reentry=Reentry(mode="every_time"))
    tell(NOW, order(id="first"))
    engine.run(NOW + MINUTE)
    assert subjects(inbox) == []
    tell(NOW + HOUR, order(NOW + HOUR, id="second"))
    engine.run(NOW + HOUR)
    assert subjects(inbox) == ["Thanks"]


@pytest.mark.parametrize("stop", ["pause", "outage"])
def test_who_did_meanwhile_what_they_waited_for_goes_on_at_once_where_the_others_are_shifted(inbox, stop):
    campaign = waiting(more={"overdue": "shift"})
    for user in ("ann", "ben"):
        tell(NOW, cart(), user=user)
    engine.run(NOW)
    if stop == "pause":
        lifecycle.pause(campaign, None, NOW + HOUR)
    tell(NOW + 20 * HOUR, order(NOW + 20 * HOUR))
    if stop == "pause":
        for hours in (20, 30):
            engine.run(NOW + hours * HOUR)
        lifecycle.resume(campaign, None, NOW + 30 * HOUR)
    engine.run(NOW + 30 * HOUR)
    assert subjects(inbox) == ["Thanks"]
    assert Enrollment.objects.get(state="active").due_at == NOW + (53 if stop == "pause" else 54) * HOUR


# --- repeats ---


def test_of_repeats_that_are_read_together_the_last_counts_and_one_told_late_does_not(inbox):
    waiting(again=True)
    tell(NOW + MINUTE, cart(id="first"), cart(NOW + MINUTE, id="second"))
    engine.run(NOW + MINUTE)
    assert Enrollment.objects.get().data == {"id": "second"}
    tell(NOW + 3 * HOUR, cart(NOW + HOUR, id="third"), cart(NOW + 2 * HOUR, id="fourth"))
    engine.run(NOW + 3 * HOUR)
    row = Enrollment.objects.get()
    assert (row.data, row.due_at) == ({"id": "fourth"}, NOW + 26 * HOUR)
    tell(NOW + 4 * HOUR, cart(NOW + HOUR, id="late"))
    engine.run(NOW + 4 * HOUR)
    row.refresh_from_db()
    assert (row.data, row.due_at) == ({"id": "fourth"}, NOW + 26 * HOUR)


def test_a_repeat_and_then_the_purchase_read_together_are_a_purchase(inbox):
    waiting(again=True)
    tell(NOW, cart(id="first"))
    engine.run(NOW)
    tell(NOW + 3 * HOUR, cart(NOW + HOUR, id="second"), order(NOW + 2 * HOUR))
    engine.run(NOW + 3 * HOUR)
    assert subjects(inbox) == ["Thanks"] and Enrollment.objects.get().data == {"id": "second"}


@pytest.mark.parametrize("on_repeat", ["ignore", "refresh", "restart"])
def test_a_repeat_that_brings_a_reason_to_leave_ends_the_wait_that_would_begin_anew(inbox, on_repeat):
    more = {"on_repeat": on_repeat, "exits": [Watch(uid="small", condition={"not": LARGE})]}
    waiting(more=more, again=True)
    for hours, total in ((0, 90), (2, 5)):
        tell(NOW + hours * HOUR, cart(NOW + hours * HOUR, total=total))
        engine.run(NOW + hours * HOUR)
    row = Enrollment.objects.get()
    assert (row.state, row.reason, row.left_at) == ("exited", "exit", NOW + 2 * HOUR)


@pytest.mark.parametrize("on_repeat", ["refresh", "restart"])
def test_a_repeat_that_is_read_with_the_first_brings_its_data(inbox, on_repeat):
    abandoned(on_repeat=on_repeat)
    tell(NOW + 5 * MINUTE, cart(id="first"), cart(NOW + MINUTE, id="second"))
    engine.run(NOW + 5 * MINUTE)
    assert Enrollment.objects.get().data == {"id": "second"}
    tell(NOW + 9 * MINUTE, cart(NOW + MINUTE / 2, id="late"))
    engine.run(NOW + 9 * MINUTE)
    assert Enrollment.objects.get().data == {"id": "second"}, "what is told late does not replace what is newer"


def test_a_digest_tells_what_happened_while_the_entry_was_read(inbox):
    listed = TemplateFactory(subject="{{ digest.count }} orders")
    config = {"template": listed.pk, "event": "order.completed", "amount": 1, "unit": "hours"}
    flow(step("digest", "digest", config), event="order.completed")
    tell(NOW, order(), order())
    engine.run(NOW + MINUTE)
    engine.run(NOW + 2 * HOUR)
    assert subjects(inbox) == ["2 orders"]
