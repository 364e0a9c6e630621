"""Test runs: days in minutes, mails that go out, and nothing that anybody counts."""

from datetime import UTC, datetime, timedelta

import pytest

from automation import pace, running
from automation.models import Call, Enrollment, GoalReached, TestRun, Visit
from automation.running import Choices
from campaigns import lifecycle
from campaigns.compiling import DEFAULT_FOOTER_HTML
from campaigns.document import Document, Goal, Trigger, Watch
from campaigns.models import Campaign
from contacts.merging import merge
from contacts.models import Contact
from events import recording
from events.items import Item
from ops.models import Source
from tests import engine
from tests.automation.flows import flow, mail, step, wait, words
from tests.factories import NOW, ContactFactory, TemplateFactory, UserFactory, site

pytestmark = pytest.mark.django_db
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
SIGNED_UP = Trigger(event="users.signed_up")


def somebody(email="me@acme.example", **more):
    return ContactFactory(email=email, is_test=True, **more)


def drafted(*steps, **more) -> Campaign:
    site()
    more.setdefault("triggers", [SIGNED_UP])
    return lifecycle.create(Document(name="Flow", steps=list(steps), **more), None, NOW)


def begin(campaign, *people, now=NOW, **choices) -> TestRun:
    choices.setdefault("trigger", SIGNED_UP)
    run = running.start(campaign, people or [somebody()], UserFactory(), now, Choices(**choices))
    engine.run(now)
    return run


def play(now, most=timedelta(hours=1)) -> datetime:
    """Let the time pass until nobody waits any more; when that was."""
    end = now + most
    while due := Enrollment.objects.filter(due_at__lte=end).order_by("due_at").values_list("due_at", flat=True).first():
        now = max(now, due)
        engine.run(now)
    return now


def subjects(inbox):
    return [mail.message["Subject"] for mail in inbox.accepted]


def clicks(person, now, event="order.completed", **properties):
    source, _ = Source.objects.get_or_create(name="Shop")
    user = f"user-{person.pk}"
    recording.record(source, [Item(kind="track", user_id=user, event=event, properties=properties)], now)
    engine.run(now)


def known(person):
    person.identities.create(kind="user", value=f"user-{person.pk}")
    return person


WAIT_FOR = {
    "arms": [{"uid": "bought", "name": "Bought", "event": "order.completed"}],
    "timeout": {"amount": 2, "unit": "days"},
}


def test_days_take_minutes_and_hours_seconds(inbox):
    for speed, takes in ((1440, 3 * MINUTE), (3600, 72 * SECOND), (1, 3 * DAY)):
        Enrollment.objects.all().delete()
        begin(drafted(wait("pause", 3, "hello"), mail("hello")), speed=speed)
        assert play(NOW, 4 * DAY) - NOW == takes
        assert words("pause") == ["Waited 3 days."]
        assert Visit.objects.get(step_uid="pause").facts["until"] == (NOW + 3 * DAY).isoformat()
    assert subjects(inbox) == ["[Test] hello"] * 3


def test_a_draft_is_tried_and_stays_a_draft_with_nothing_in_its_numbers(inbox):
    from campaigns import numbers, step_numbers

    campaign = drafted(wait("pause", 1, "hello"), mail("hello"))
    run = begin(campaign)
    play(NOW)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.live, campaign.versions.count()) == ("draft", None, 0)
    assert not Campaign.objects.filter(pk=run.campaign_id).exists()
    assert step_numbers.of_steps(campaign) == {} and numbers.by_step(campaign) == {}
    row = Enrollment.objects.get()
    assert (row.campaign_id, row.state) == (run.campaign_id, "finished")


def test_windows_open_by_the_clock_of_the_run(inbox):
    window = {"days": ["mon"], "from": "09:00", "to": "12:00"}
    template = TemplateFactory(subject="Monday").pk
    begin(
        drafted(wait("pause", 1, "hello"), step("hello", "email", {"template": template, "window": window})),
        somebody(timezone="Europe/Paris"),
    )
    ended = play(NOW)
    assert subjects(inbox) == ["[Test] Monday"]
    assert ended - NOW < 8 * MINUTE
    shown = pace.clock_of(Enrollment.objects.get())(ended)
    assert datetime(2026, 3, 9, 8, tzinfo=UTC) <= shown <= datetime(2026, 3, 9, 8, 15, tzinfo=UTC)


def test_a_wait_after_a_mail_counts_from_it_by_the_clock_of_the_run(inbox):
    ask = {**WAIT_FOR, "timeout": {"amount": 1, "unit": "minutes"}}
    pause = step("pause", "wait", {"amount": 1, "unit": "minutes"}, "second")
    campaign = drafted(
        step("ask", "wait_for", ask, {"bought": None, "timeout": "first"}),
        mail("first", then="pause"), pause, mail("second"),
    )  # fmt: skip
    begin(campaign)
    play(NOW)
    waited = Visit.objects.get(step_uid="pause")
    assert waited.facts["since"] == (NOW + MINUTE).isoformat()
    assert waited.facts["until"] == (NOW + 2 * MINUTE).isoformat()


def test_what_they_do_meanwhile_is_noticed_and_the_time_is_up_in_minutes(inbox):
    ways = {"bought": "thanks", "timeout": "sorry"}
    campaign = drafted(step("ask", "wait_for", WAIT_FOR, ways), mail("thanks"), mail("sorry"))
    ann, bob = known(somebody("ann@acme.example")), known(somebody("bob@acme.example"))
    begin(campaign, ann, bob)
    clicks(ann, NOW + MINUTE, "order.completed")
    assert subjects(inbox) == ["[Test] thanks"]
    assert play(NOW + MINUTE) == NOW + 2 * MINUTE
    assert subjects(inbox) == ["[Test] thanks", "[Test] sorry"]


def test_a_repeat_of_the_trigger_begins_the_time_anew(inbox):
    settings = {**WAIT_FOR, "again": True}
    campaign = drafted(
        step("ask", "wait_for", settings, {"bought": None, "timeout": "sorry"}),
        mail("sorry"),
    )
    ann = known(somebody())
    begin(campaign, ann)
    clicks(ann, NOW + MINUTE, "users.signed_up")
    assert Enrollment.objects.get(campaign__test_of=campaign).due_at == NOW + 3 * MINUTE
    assert Visit.objects.get().facts["until"] == (NOW + 3 * DAY).isoformat()
    assert play(NOW + MINUTE) == NOW + 3 * MINUTE
    assert subjects(inbox) == ["[Test] sorry"]


def test_conditions_on_times_are_those_of_the_run(inbox):
    lately = {
        "event": "order.completed",
        "measure": "count",
        "op": "≥",
        "value": 1,
        "when": {"in the last": {"amount": 2, "unit": "days"}},
    }
    arms = [{"uid": "lately", "name": "Lately", "condition": lately}]
    ways = {"lately": "warm", "else": "cold"}
    campaign = drafted(
        wait("pause", 3, "ask"), step("ask", "branch", {"arms": arms}, ways), mail("warm"), mail("cold")
    )  # fmt: skip
    ann, bob = known(somebody("ann@acme.example")), known(somebody("bob@acme.example"))
    begin(campaign, ann, bob)
    clicks(ann, NOW + 30 * SECOND)  # half a day into the run: 2½ days before they are asked
    clicks(bob, NOW + 2 * MINUTE)
    play(NOW + 2 * MINUTE)
    assert sorted((mail.recipient, mail.message["Subject"]) for mail in inbox.accepted) == [
        ("ann@acme.example", "[Test] cold"),
        ("bob@acme.example", "[Test] warm"),
    ]


def test_a_whole_story_takes_minutes(inbox):
    """Wait 3 days, until Monday morning, wait for an order for 2 days, branch, and a second mail."""
    window = {"days": ["mon"], "from": "09:00", "to": "12:00"}
    first = {"template": TemplateFactory(subject="Come back").pk, "window": window}
    big = {"field": "data.total", "type": "number", "op": ">", "value": 50}
    campaign = drafted(
        wait("pause", 3, "back"),
        step("back", "email", first, "ask"),
        step("ask", "wait_for", WAIT_FOR, {"bought": "size", "timeout": "lost"}),
        step(
            "size", "branch", {"arms": [{"uid": "big", "name": "Big", "condition": big}]}, {"big": "vip", "else": None}
        ),
        mail("vip"),
        mail("lost"),
    )
    ann = known(somebody())
    begin(campaign, ann, properties={"total": 80})
    now = NOW
    while not inbox.accepted:
        now += 10 * SECOND
        engine.run(now)
    clicks(ann, now + 20 * SECOND, "order.completed")
    assert subjects(inbox) == ["[Test] Come back", "[Test] vip"]
    assert now - NOW < 8 * MINUTE
    assert Enrollment.objects.get().state == "finished"


def test_it_runs_while_the_campaign_is_paused_and_is_not_touched_by_what_is_published(inbox):
    campaign = flow(mail("old"))
    lifecycle.pause(campaign, None, NOW, "")
    begin(campaign, of_draft=False)
    assert subjects(inbox) == ["[Test] old"]
    begin(campaign, somebody("you@acme.example"), now=NOW + MINUTE)
    lifecycle.archive(campaign, None, NOW + MINUTE)
    assert subjects(inbox) == ["[Test] old"] * 2


def test_a_live_edit_during_a_run_does_not_reach_it(inbox):
    campaign = flow(wait("pause", 1, "old"), mail("old"))
    begin(campaign, of_draft=False)
    document = lifecycle.parse(campaign.draft)
    document.steps = [mail("new")]
    from campaigns.publishing import publish

    publish(lifecycle.save_draft(campaign, document, campaign.revision, None, NOW), None, NOW)
    play(NOW)
    assert subjects(inbox) == ["[Test] old"]


def test_one_person_may_be_in_many_runs_beside_being_inside(inbox, track):
    campaign = flow(wait("pause", 1, "hello"), mail("hello"))
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@acme.example"})
    ann = Contact.objects.get(identities__value="ann")
    Contact.objects.update(is_test=True)
    ann.refresh_from_db()
    begin(campaign, ann), begin(campaign, ann)
    assert Enrollment.objects.active().count() == 3
    play(NOW)
    assert subjects(inbox) == ["[Test] hello"] * 2
    assert Enrollment.objects.active().get().campaign == campaign


def test_nothing_outside_happens_unless_asked_for(inbox, shop):
    hook = {"url": f"{shop.url}/call", "method": "POST", "body": "{}"}
    campaign = drafted(step("call", "webhook", hook, "hello"), mail("hello"))
    begin(campaign)
    assert not Call.objects.exists() and words("call")[0].startswith("Left out in this test run: call the webhook of")
    begin(campaign, outside=True)
    assert Call.objects.count() == 1


def test_it_says_what_would_have_kept_them_out(inbox):
    customers = {"field": "contact.plan", "type": "text", "op": "is", "value": "pro"}
    large = {"field": "event.total", "type": "number", "op": ">", "value": 50}
    trigger = Trigger(event="order.completed", filter=large)
    campaign = drafted(mail("hello"), triggers=[trigger], audience=customers, keep_matching=True)
    me = somebody()
    run = begin(campaign, me, trigger=trigger, properties={"total": 20})
    assert subjects(inbox) == ["[Test] hello"]
    assert set(run.remarks[str(me.pk)]) == {"audience", "filter"}


def test_only_test_contacts_and_only_what_is_whole(inbox):
    with pytest.raises(running.Refused, match="no test contact"):
        begin(drafted(mail("hello")), ContactFactory())
    with pytest.raises(running.Refused):
        begin(drafted())
    assert not TestRun.objects.exists() and not Campaign.with_tests.exclude(test_of=None).exists()


def test_who_is_no_test_contact_any_more_gets_nothing(inbox):
    me = somebody()
    begin(drafted(wait("pause", 1, "hello"), mail("hello")), me)
    merge([(ContactFactory(email="real@example.com", created_at=NOW - DAY).pk, me.pk)], NOW)
    engine.run(NOW)
    play(NOW)
    assert subjects(inbox) == [] and Enrollment.objects.get().reason == "no_test_contact"


def test_two_test_contacts_that_are_one_go_on_once(inbox):
    one, two = somebody("one@acme.example", created_at=NOW - DAY), somebody("two@acme.example")
    begin(drafted(wait("pause", 1, "hello"), mail("hello")), one, two)
    merge([(one.pk, two.pk)], NOW)
    engine.run(NOW)
    play(NOW)
    assert subjects(inbox) == ["[Test] hello"]


def test_goals_and_reasons_to_leave_act_at_once(inbox):
    goal = Goal(uid="g", event="order.completed")
    leaves = Watch(uid="x", event="subscription.cancelled")
    campaign = drafted(wait("pause", 1, "hello"), mail("hello"), goals=[goal], exits=[leaves])
    ann, bob = known(somebody("ann@acme.example")), known(somebody("bob@acme.example"))
    run = begin(campaign, ann, bob)
    clicks(ann, NOW + SECOND, "order.completed")
    clicks(bob, NOW + SECOND, "subscription.cancelled")
    assert dict(Enrollment.objects.values_list("contact", "reason")) == {ann.pk: "goal", bob.pk: "exit"}
    assert not GoalReached.objects.filter(enrollment__campaign=campaign).exists()
    running.tidy(NOW + MINUTE)
    run.refresh_from_db()
    assert run.ended_at == NOW + MINUTE and run.campaign.state == "archived"


def test_the_days_of_a_goal_are_those_of_the_run(inbox):
    goal = Goal(uid="g", event="order.completed", days=3)
    campaign = drafted(wait("pause", 9, "hello"), mail("hello"), goals=[goal])
    ann, bob = known(somebody("ann@acme.example")), known(somebody("bob@acme.example"))
    begin(campaign, ann, bob)
    clicks(ann, NOW + 2 * MINUTE)  # on the second day of the run
    clicks(bob, NOW + 4 * MINUTE)  # on the fourth
    assert list(GoalReached.objects.values_list("enrollment__contact", flat=True)) == [ann.pk]
    assert dict(Enrollment.objects.values_list("contact", "state")) == {ann.pk: "exited", bob.pk: "active"}


def test_what_is_watched_for_within_days_means_days_of_the_run(inbox):
    lately = {"event": "order.completed", "measure": "count", "op": "≥", "value": 2}
    leaves = Watch(uid="x", condition={**lately, "when": {"in the last": {"amount": 2, "unit": "days"}}})
    campaign = drafted(wait("pause", 20, "hello"), mail("hello"), exits=[leaves])
    ann, bob = known(somebody("ann@acme.example")), known(somebody("bob@acme.example"))
    begin(campaign, ann, bob)
    for seconds, person in ((60, ann), (60, bob), (120, ann), (300, bob)):  # a day apart, and four
        clicks(person, NOW + seconds * SECOND)
    assert dict(Enrollment.objects.values_list("contact", "state")) == {ann.pk: "exited", bob.pk: "active"}


def test_what_is_written_tells_the_time_of_the_run(inbox, shop):
    html = "<p>{{ now | date: '%Y-%m-%d' }}</p>" + DEFAULT_FOOTER_HTML
    day = {"attribute": "seen_on", "value": "{{ now | date: '%Y-%m-%d' }}"}
    hook = {"url": f"{shop.url}/call", "method": "POST", "body": '{"day": "{{ now | date: \'%Y-%m-%d\' }}"}'}
    campaign = drafted(
        wait("pause", 3, "call"),
        step("call", "webhook", hook, {"done": "note", "failed": "note"}),
        step("note", "attribute", day, "hello"),
        step("hello", "email", {"template": TemplateFactory(html=html).pk}),
    )
    begin(campaign, outside=True)
    play(NOW)
    assert "2026-03-05" in inbox.accepted[0].message.get_body(("html",)).get_content()
    assert Contact.objects.get().attributes["seen_on"] == "2026-03-05"
    assert Call.objects.get().body == '{"day": "2026-03-05"}'
    assert inbox.accepted[0].message["Date"].startswith("Mon, 02 Mar 2026"), "what is real stays so"


def test_a_slow_mail_server_makes_nobody_miss_a_window(inbox):
    window = {"from": "09:00", "to": "09:30"}
    steps = [
        step(uid, "email", {"template": TemplateFactory(subject=uid).pk, "window": window}, then)
        for uid, then in (("one", "two"), ("two", None))
    ]
    run = running.start(drafted(*steps), [somebody()], UserFactory(), NOW, Choices(trigger=SIGNED_UP))
    from automation.advancing import advance

    advance(NOW)
    engine.run(NOW + 20 * SECOND)  # eight hours, by the clock of the run
    assert subjects(inbox) == ["[Test] one", "[Test] two"]
    assert running.stop(run, UserFactory(), NOW) == 0
