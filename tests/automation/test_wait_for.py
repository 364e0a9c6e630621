"""Wait for: what somebody does, or what comes true, opens a way; else the time is up."""

import json
from datetime import datetime, timedelta

import pytest

from automation import advancing, met, releasing
from automation.forms.wait_for import WaitForForm
from automation.kinds.wait_for import WaitForKind
from automation.models import Enrollment, Visit
from campaigns import lifecycle
from campaigns.document import Document, StepDoc, Trigger
from campaigns.impact import impact
from campaigns.models import Campaign
from events import recording
from events.items import Item
from ops.models import Source
from tests import engine
from tests.automation.publishing_again import edit, publish
from tests.factories import NOW, TemplateFactory, site

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BOUGHT = {"uid": "bought", "event": "order.completed"}


def abandoned(arms=(BOUGHT,), entry_key="", trigger_filter=None, **config):
    """Somebody abandons a cart; who buys within a day gets thanks, who does not is reminded."""
    thanks, reminder = (TemplateFactory(subject=subject).pk for subject in ("Thanks", "Your cart"))
    config = {"arms": list(arms), "timeout": {"amount": 1, "unit": "days"}, **config}
    ways = {arm["uid"]: "thanks" for arm in arms}
    steps = [
        StepDoc(uid="wait", kind="wait_for", config=config, next={**ways, "timeout": "remind"}),
        StepDoc(uid="thanks", kind="email", config={"template": thanks}, next={"done": None}),
        StepDoc(uid="remind", kind="email", config={"template": reminder}, next={"done": None}),
    ]
    site()
    trigger = Trigger(event="cart.abandoned", filter=trigger_filter)
    document = Document(
        name="Cart", triggers=[trigger], steps=steps, entry_key=entry_key, reentry={"mode": "every_time"}
    )
    document.reentry = type(Document().reentry)(mode="every_time")
    return lifecycle.activate(lifecycle.create(document, None, NOW), None, NOW)


def mails(inbox):
    return [(mail.recipient.partition("@")[0], mail.message["Subject"]) for mail in inbox.accepted]


def abandons(track, user="ann", at=NOW, **properties):
    track(at, user, "cart.abandoned", traits={"email": f"{user}@example.com"}, **properties)


def test_who_does_it_goes_on_at_once(inbox, track):
    abandoned()
    abandons(track)
    assert mails(inbox) == []
    track(NOW + HOUR, "ann", "order.completed")
    assert mails(inbox) == [("ann", "Thanks")]
    visit = Visit.objects.get(kind="wait_for")
    assert (visit.arm, visit.left_at) == ("bought", NOW + HOUR)
    assert "completes an order" in visit.explanation and "Mon 2 Mar 2026, 10:00" in visit.explanation


def test_who_does_not_is_reminded_when_the_time_is_up(inbox, track):
    abandoned()
    abandons(track)
    engine.run(NOW + DAY - timedelta(seconds=1))
    assert mails(inbox) == []
    engine.run(NOW + DAY)
    assert mails(inbox) == [("ann", "Your cart")]
    assert Visit.objects.get(kind="wait_for").explanation == "Nothing of it happened within 1 day."


def test_once_the_time_is_up_it_does_not_count_any_more(inbox, track):
    abandoned()
    abandons(track)
    engine.run(NOW + DAY)
    track(NOW + DAY + HOUR, "ann", "order.completed")
    assert mails(inbox) == [("ann", "Your cart")]


def test_what_others_do_wakes_nobody(inbox, track):
    abandoned()
    abandons(track)
    track(NOW + HOUR, "ben", "order.completed")
    track(NOW + HOUR, "ann", "page.viewed")
    assert mails(inbox) == []


def test_what_happened_before_the_step_counts_only_by_choice(inbox, track):
    abandoned()
    track(NOW - HOUR, "ann", "order.completed")
    abandons(track)
    assert mails(inbox) == []
    abandoned(since="ever")
    abandons(track, at=NOW + HOUR)
    assert mails(inbox) == [("ann", "Thanks")]


def test_a_filter_chooses_what_counts(inbox, track):
    large = {"field": "event.total", "op": "≥", "value": 50, "type": "number"}
    abandoned(arms=[{**BOUGHT, "filter": large}])
    abandons(track)
    track(NOW + HOUR, "ann", "order.completed", total=20)
    assert mails(inbox) == []
    track(NOW + 2 * HOUR, "ann", "order.completed", total=80)
    assert mails(inbox) == [("ann", "Thanks")]


def test_the_first_of_several_ways_wins_and_both_at_once_take_the_earlier(inbox, track):
    abandoned(arms=[BOUGHT, {"uid": "viewed", "event": "page.viewed"}])
    abandons(track)
    track(NOW + HOUR, "ann", "page.viewed", run=False)
    track(NOW + 2 * HOUR, "ann", "order.completed", run=False)
    engine.run(NOW + 2 * HOUR)
    assert Visit.objects.get(kind="wait_for").arm == "viewed"


def test_a_condition_that_is_true_already_passes_at_once(inbox, track):
    abandoned(arms=[{"uid": "pro", "condition": {"field": "contact.plan", "op": "is", "value": "pro"}}])
    track(NOW, "ann", "cart.abandoned", traits={"email": "ann@example.com", "plan": "pro"})
    assert mails(inbox) == [("ann", "Thanks")]


def test_a_condition_that_comes_true_wakes(inbox, track):
    abandoned(arms=[{"uid": "pro", "condition": {"field": "contact.plan", "op": "is", "value": "pro"}}])
    abandons(track)
    track(NOW + HOUR, "ann", "page.viewed", traits={"plan": "free"})
    assert mails(inbox) == []
    track(NOW + 2 * HOUR, "ann", "page.viewed", traits={"plan": "pro"})
    assert mails(inbox) == [("ann", "Thanks")]


def test_each_cart_has_its_own_wait(inbox, track):
    abandoned(entry_key="cart_id")
    abandons(track, cart_id="a")
    abandons(track, cart_id="b")
    track(NOW + HOUR, "ann", "order.completed", cart_id="b")
    assert mails(inbox) == [("ann", "Thanks")]
    engine.run(NOW + DAY)
    assert mails(inbox) == [("ann", "Thanks"), ("ann", "Your cart")]
    assert set(Enrollment.objects.values_list("entry_key", "state")) == {("a", "finished"), ("b", "finished")}


def test_the_time_begins_anew_when_the_trigger_happens_again(inbox, track):
    abandoned(again=True)
    abandons(track, cart="first")
    abandons(track, at=NOW + 20 * HOUR, cart="second")
    engine.run(NOW + DAY)
    assert mails(inbox) == []
    row = Enrollment.objects.get()
    assert row.data["cart"] == "second" and row.due_at == NOW + 44 * HOUR
    engine.run(NOW + 44 * HOUR)
    assert mails(inbox) == [("ann", "Your cart")]


def test_the_time_begins_anew_so_often_at_most_and_then_it_ends(inbox, track, monkeypatch):
    assert met.MAX_AGAIN == 100
    monkeypatch.setattr(met, "MAX_AGAIN", 2)
    abandoned(again=True)
    for half_day in range(5):
        abandons(track, at=NOW + half_day * 12 * HOUR)
    assert mails(inbox) == [("ann", "Your cart")], "a day after the second repeat, whatever came then"
    assert Visit.objects.get(step_uid="wait").facts["again"] == 2


@pytest.mark.parametrize(("hours", "due"), [(30, 30), (6, 12)])
@pytest.mark.parametrize("again", [False, True])
def test_another_time_is_worked_out_anew_where_that_is_chosen(inbox, track, hours, due, again):
    """From when it began, or began anew; and when it ends by itself, it ends then."""
    campaign = abandoned(again=again)
    abandons(track)
    begun = 3 if again else 0
    if again:
        abandons(track, at=NOW + 3 * HOUR)
    steps = lifecycle.parse(campaign.draft).steps
    steps[0].config["timeout"] = {"amount": hours, "unit": "hours"}
    edit(campaign, steps)
    publish(campaign, NOW + 12 * HOUR, waits={"wait": "recompute"})
    ends = NOW + max(due, begun + hours) * HOUR
    row = Enrollment.objects.get()
    assert row.due_at == ends and f"{ends:%H:%M}" in row.visits.get(left_at=None).explanation
    assert datetime.fromisoformat(row.visits.get(left_at=None).facts["until"]) == ends
    engine.run(ends - MINUTE)
    assert mails(inbox) == []
    engine.run(ends)
    assert mails(inbox) == [("ann", "Your cart")]


def test_other_ways_out_are_no_other_time(track):
    campaign = abandoned()
    abandons(track)
    steps = lifecycle.parse(campaign.draft).steps
    steps[0].config["arms"][0]["name"] = "They buy it"
    edit(campaign, steps)
    asked = {step.uid: step.asks for step in impact(Campaign.objects.get(pk=campaign.pk)).steps}
    assert asked == {"wait": "", "thanks": "", "remind": ""}


def test_while_the_campaign_is_paused_what_happens_is_not_lost(inbox, track):
    campaign = abandoned()
    abandons(track)
    lifecycle.pause(campaign, None, NOW + HOUR)
    track(NOW + 2 * HOUR, "ann", "order.completed")
    assert mails(inbox) == []
    lifecycle.resume(campaign, None, NOW + 3 * HOUR)
    engine.run(NOW + 3 * HOUR)
    assert mails(inbox) == [("ann", "Thanks")]


def test_what_they_did_while_a_fault_had_stopped_them_counts(inbox, track):
    abandoned(timeout={"amount": 9, "unit": "days"})
    abandons(track)
    advancing.park(Enrollment.objects.get(), ValueError("boom"), NOW)
    track(NOW + HOUR, "ann", "order.completed")
    track(NOW + HOUR, "ben", "order.completed")
    abandons(track, "ben", NOW + 3 * DAY)
    releasing.release(Enrollment.objects.all(), None, NOW + 3 * DAY)
    engine.run(NOW + 3 * DAY)
    assert mails(inbox) == [("ann", "Thanks")], "ben bought before he came here"


@pytest.mark.parametrize("since", ["step", "entry"])
def test_who_bought_before_the_engine_got_round_to_it_is_not_reminded(inbox, track, since):
    """It was away for an hour; the cart was abandoned and the order completed meanwhile, by ben in the other order."""
    abandoned(since=since)
    track(NOW, "ben", "order.completed", run=False)
    for user in ("ann", "ben"):
        track(NOW + MINUTE, user, "cart.abandoned", traits={"email": f"{user}@example.com"}, run=False)
    track(NOW + 9 * MINUTE, "ann", "order.completed", run=False)
    engine.run(NOW + HOUR)
    assert mails(inbox) == [("ann", "Thanks")]
    engine.run(NOW + 2 * DAY)
    assert mails(inbox) == [("ann", "Thanks"), ("ben", "Your cart")]


def test_what_names_no_cart_is_about_all_of_them_also_where_it_was_done_before_they_listened(inbox, track):
    abandoned(entry_key="cart_id")
    abandons(track, cart_id="a")
    track(NOW, "ann", "cart.abandoned", run=False, cart_id="b")
    track(NOW + MINUTE, "ann", "order.completed", run=False)
    engine.run(NOW + HOUR)
    assert mails(inbox) == [("ann", "Thanks")] * 2


def test_late_events_do_not_wake(inbox, track):
    abandoned(timeout={"amount": 10, "unit": "days"})
    abandons(track)
    old = Item(kind="track", user_id="ann", event="order.completed", timestamp=NOW + HOUR)
    recording.record(Source.objects.get(), [old], NOW + 4 * DAY)
    engine.run(NOW + 4 * DAY)
    assert mails(inbox) == []


@pytest.mark.parametrize("config", [
    {}, {"arms": 1}, {"arms": [{}], "timeout": {}}, {"arms": [{"uid": "a"}], "timeout": {"amount": "x"}},
    {"arms": [BOUGHT], "timeout": {"amount": float("nan"), "unit": "days"}},
    {"arms": [BOUGHT, BOUGHT], "timeout": {"amount": 1, "unit": "days"}},
    {"arms": [{"uid": "\x00", "event": "\x00"}], "timeout": {"amount": 1, "unit": "days"}},
    {"arms": [BOUGHT], "timeout": {"amount": 3, "unit": "years"}},
    {"arms": [BOUGHT], "timeout": {"amount": 900, "unit": "days"}},
    {"arms": [BOUGHT], "timeout": {"amount": 1, "unit": "days"}, "since": "yesterday"},
    {"arms": [{"uid": str(n), "event": "page.viewed"} for n in range(30)], "timeout": {"amount": 1, "unit": "days"}},
])  # fmt: skip
def test_it_says_what_is_wrong_whatever_it_is_given(config):
    kind = WaitForKind()
    assert kind.problems(config)
    assert kind.describe(config) and kind.arms(config)


def test_it_is_told_in_words():
    kind = WaitForKind()
    config = {"arms": [BOUGHT], "timeout": {"amount": 2, "unit": "days"}, "again": True}
    assert kind.problems(config) == []
    assert kind.describe(config) == (
        "wait until somebody completes an order, at most 2 days, from the last time the trigger happened"
    )
    assert [arm.label for arm in kind.arms(config)] == ["Somebody completes an order", "Not within 2 days"]


def posted(*rows, **more):
    data = {
        "s-amount": "2",
        "s-unit": "days",
        "s-since": "step",
        **{f"s-{name}": value for name, value in more.items()},
    }
    data |= {"s-arms-TOTAL_FORMS": len(rows), "s-arms-INITIAL_FORMS": 0}
    data |= {f"s-arms-{n}-{name}": value for n, row in enumerate(rows) for name, value in row.items()}
    return WaitForForm(data, prefix="s", event_type="cart.abandoned")


def test_the_form_gives_what_was_chosen():
    pro = {"field": "contact.plan", "op": "is", "value": "pro"}
    form = posted(
        {"event": "order.completed", "uid": "bought", "filter": "", "condition": "nonsense that nobody sees"},
        {"event": "-", "condition": json.dumps(pro), "name": "Became pro"},
        again="on",
    )
    assert form.is_valid(), (form.errors, form.rows.errors)
    config = form.config()
    assert config["timeout"] == {"amount": 2, "unit": "days"} and config["again"] is True
    assert config["arms"][0] == BOUGHT
    assert config["arms"][1]["uid"] == "became-pro" and "event" not in config["arms"][1]
    assert WaitForKind().problems(config) == []
    shown = WaitForForm(initial=WaitForForm.initial_from(config), prefix="s")
    assert [row["event"].value() for row in shown.rows] == ["order.completed", "-"]
    assert (shown["amount"].value(), shown["unit"].value()) == (2, "days")


@pytest.mark.parametrize("rows, more, sentence", [
    ([], {}, "Choose what to wait for."),
    ([{"event": ""}], {}, "Choose what to wait for."),
    ([{"event": "-"}], {}, "Say what must come true."),
    ([{"event": "no.such"}], {}, "There is no such event type; choose one of the list."),
    ([{"event": "order.completed"}], {"amount": "-1"}, "At most: write a number above 0."),
    ([{"event": "order.completed"}], {"amount": "nan"}, "At most: write a number above 0."),
])  # fmt: skip
def test_the_form_says_what_is_wrong(rows, more, sentence):
    form = posted(*rows, **more)
    assert not form.is_valid()
    said = [*(text for its in form.errors.values() for text in its)]
    said += [text for row in form.rows.errors for its in row.values() for text in its]
    assert sentence in said


@pytest.mark.parametrize("config", [{}, {"arms": 3}, {"arms": [1, {}]}, {"timeout": "x"}, {"arms": [{"condition": 5}]}])
def test_the_form_shows_whatever_it_is_given(config):
    assert str(WaitForForm(initial=WaitForForm.initial_from(config), prefix="s")["amount"])
