"""*Why?*, an event that did happen: what became of it, and where nothing did, why not."""

from datetime import timedelta

import pytest

from automation import requesting, whying
from automation.models import Refusal
from campaigns import lifecycle
from campaigns.document import Reentry, Trigger
from campaigns.publishing import publish
from contacts.models import Change, Contact
from events import recording
from events.items import Item
from ops.models import Source
from segments import defining
from segments.models import Segment
from tests import engine
from tests.automation.flows import flow, happens, segment_of, wait
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}
BIG = {"field": "event.total", "op": "≥", "value": 100}
AGAIN = Reentry(mode="every_time")


def entering(campaign, now=NOW + HOUR):
    """The one check on the ways in, of the one contact there is, and whether anything would keep them out."""
    found = whying.about(campaign, Contact.objects.get(), now)
    (check,) = [check for check in found.checks if check.what == "Who enters"]
    return check, found


def signs_up(now=NOW, run=True, **properties):
    happens(["ann"], now=now, **properties)
    if run:
        engine.run(now)


def test_what_was_imported_started_nothing_and_says_so():
    campaign = flow(wait("a", 1))
    source = Source.objects.create(name="Shop")
    recording.record(source, [Item(kind="track", user_id="ann", event="users.signed_up")], NOW, triggers=False)
    engine.run(NOW)
    check, found = entering(campaign)
    assert check.holds is False and "It started nothing, as whatever is imported" in check.sentence
    assert not found.would_enter and not found.enrollments


def test_what_let_them_in_and_what_was_refused_is_told_with_the_event():
    campaign = flow(wait("a", 1))
    signs_up()
    assert "It let them in" in entering(campaign)[0].sentence
    signs_up(NOW + HOUR)
    check, _ = entering(campaign, NOW + 2 * HOUR)
    assert "They were refused then: They were already inside, so the repeat was ignored." in check.sentence


def test_what_waits_to_be_worked_off_or_was_stopped_by_a_fault_is_told():
    campaign = flow(wait("a", 1))
    signs_up(run=False)
    check, _ = entering(campaign)
    assert check.waits and "What follows from it is still being worked off" in check.sentence
    Change.objects.update(due_at=None, parked_because="KeyError: x")
    check, found = entering(campaign)
    assert check.holds is False and "on Operations" in check.sentence and not found.would_enter


def republished(campaign, now, **changes):
    campaign.refresh_from_db()
    document = lifecycle.parse(campaign.draft)
    for name, value in changes.items():
        setattr(document, name, value)
    publish(lifecycle.save_draft(campaign, document, campaign.revision, None, now), None, now)
    campaign.refresh_from_db()
    return campaign


def test_what_the_version_of_then_did_not_ask_for_lets_nobody_in_by_what_is_live_now():
    campaign = flow(wait("a", 1), event="order.completed")
    signs_up(total=20)
    republished(campaign, NOW + HOUR, triggers=[Trigger(event="users.signed_up", filter=BIG)])
    signs_up(NOW + 2 * HOUR, total=20)
    republished(campaign, NOW + 3 * HOUR, triggers=[Trigger(event="users.signed_up")])
    check, _ = entering(campaign, NOW + 4 * HOUR)
    assert check.holds is False and "version 2, which was live then, asked for something else" in check.sentence


def test_a_way_in_that_came_with_a_later_version_says_so():
    campaign = flow(wait("a", 1), event="order.completed")
    signs_up()
    republished(campaign, NOW + HOUR, triggers=[Trigger(event="users.signed_up")])
    check, _ = entering(campaign, NOW + 2 * HOUR)
    assert check.holds is False and "version 1, which was live then, did not let anybody in by that" in check.sentence


def test_a_campaign_that_took_nobody_in_then_has_written_down_why():
    campaign = flow(wait("a", 1))
    lifecycle.drain(campaign, UserFactory(), NOW)
    signs_up(NOW + HOUR)
    campaign.refresh_from_db()
    check, found = entering(lifecycle.reopen(campaign, UserFactory(), NOW + 2 * HOUR), NOW + 3 * HOUR)
    assert "nobody entered it" in check.sentence and Refusal.objects.get().reason == "not_active"
    assert found.would_enter, "as things stand now"


def test_the_segment_that_is_meant_counts_not_another_one():
    pros = segment_of("Pros", PRO)
    campaign = flow(wait("a", 1), triggers=[Trigger(kind="segment_entered", config={"segment": pros.pk})])
    happens(["ann"], "page.viewed")
    engine.run(NOW)
    assert entering(campaign)[0].sentence.endswith("they are not in it.")
    Contact.objects.update(attributes={"plan": "pro", "vip": "yes"})
    Change.objects.create(contact=Contact.objects.get(), kind="attributes", names=["plan"], due_at=NOW)
    engine.run(NOW)
    segment_of("Others", {"field": "contact.vip", "op": "is", "value": "yes"})
    Change.objects.create(contact=Contact.objects.get(), kind="attributes", names=["vip"], due_at=NOW)
    engine.run(NOW)
    assert "It let them in" in entering(campaign)[0].sentence


def test_who_is_in_a_segment_by_an_edit_of_its_rules_is_told_that_this_lets_nobody_in():
    segment = segment_of("Pros", {"field": "contact.plan", "op": "is", "value": "basic"})
    campaign = flow(wait("a", 1), triggers=[Trigger(kind="segment_entered", config={"segment": segment.pk})])
    happens(["ann"], "page.viewed")
    Contact.objects.update(attributes={"plan": "pro"})
    engine.run(NOW)
    segment.refresh_from_db()
    segment.condition = PRO
    defining.save(segment, None, NOW)
    engine.run(NOW)
    assert Segment.objects.get().memberships.filter(left_at=None).exists()
    check, _ = entering(campaign)
    assert check.holds is False and "by an edit of its rules, which lets nobody in" in check.sentence


def test_whom_the_audience_did_not_hold_is_told_what_it_saw_then():
    asked = {"all": [PRO, {"field": "contact.age", "op": "≥", "value": 18}]}
    flow(wait("a", 1), audience=asked)
    flow(wait("a", 1), audience=PRO, name="Other")
    happens(["ann"], "page.viewed")
    Contact.objects.update(attributes={"plan": "free", "age": 17})
    signs_up(NOW + HOUR)
    Contact.objects.update(attributes={"plan": "pro", "age": 18})
    told = dict(Refusal.objects.values_list("campaign__name", "explanation"))
    begins = "They did not match the campaign's audience filter. It saw their plan: free"
    assert told == {"Flow": f"{begins}; their age: 17.", "Other": f"{begins}."}


def test_what_your_software_has_planned_or_cancelled_is_told():
    campaign = flow(wait("a", 1), triggers=[Trigger(kind="api")])
    happens(["ann"], "page.viewed")
    source, ann = Source.objects.get(), Contact.objects.get()
    assert "it has not asked for them" in entering(campaign)[0].sentence
    requesting.ask(campaign, ann.pk, source, NOW, at=NOW + 2 * DAY)
    other, _ = requesting.ask(campaign, ann.pk, source, NOW, at=NOW + DAY)
    requesting.cancel(other.pk, NOW)
    check, found = entering(campaign)
    assert check.holds and "it planned that for Wed 4 Mar 2026" in check.sentence
    assert [what for _, what, _ in found.story] == ["asked", "asked"]
