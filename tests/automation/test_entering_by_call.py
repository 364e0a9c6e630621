"""Sent by the API or by another campaign: the same gates as for events, each refusal with its sentence."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from automation.admitting import AT_THE_DOOR
from automation.entering import enter_contacts
from automation.models import Enrollment, Refusal
from campaigns import lifecycle
from campaigns.document import Reentry, Trigger
from campaigns.linear import Row
from contacts.models import Contact
from tests import engine
from tests.factories import NOW, CampaignFactory, ContactFactory, TemplateFactory

pytestmark = pytest.mark.django_db
API = [Trigger(kind="api")]
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}


def send(campaign, *contacts, now=NOW, cause="api", what="call 1", **more):
    return enter_contacts(campaign.pk, [contact.pk for contact in contacts], now, cause, what=what, **more)


def test_who_is_sent_gets_the_mail_with_the_data_that_came_along(inbox):
    html = '<p>{{ event.item }}</p><a href="{{ unsubscribe_url }}">no more</a>'
    campaign = CampaignFactory(triggers=API, rows=[Row(template=TemplateFactory(html=html).pk)])
    ann, bob = ContactFactory(email="ann@example.com"), ContactFactory(email="bob@example.com")
    told = send(campaign, ann, bob, data={"item": "lamp"}, data_of={bob.pk: {"item": "chair"}})
    assert sorted(told.entered) == [ann.pk, bob.pk] and told.refused == {}
    engine.run(NOW)
    bodies = {mail.recipient: str(mail.data) for mail in inbox.accepted}
    assert "lamp" in bodies["ann@example.com"] and "chair" in bodies["bob@example.com"]


def test_the_same_call_twice_lets_nobody_in_twice_even_where_everybody_may_enter_again(inbox):
    campaign = CampaignFactory(triggers=API, reentry=Reentry(mode="every_time"))
    ann = ContactFactory()
    assert send(campaign, ann).entered
    engine.run(NOW)
    assert send(campaign, ann).entered == {} and Enrollment.objects.count() == 1
    assert send(campaign, ann, what="call 2").entered and Enrollment.objects.count() == 2


def test_each_refusal_says_why():
    ann = ContactFactory(attributes={"plan": "free"})
    by_event, draft = CampaignFactory(), CampaignFactory(triggers=API, active=False)
    paused = lifecycle.pause(CampaignFactory(triggers=API), None, NOW)
    archived = lifecycle.archive(CampaignFactory(triggers=API), None, NOW)
    draining = lifecycle.drain(CampaignFactory(triggers=API), None, NOW)
    choosy = CampaignFactory(triggers=[Trigger(kind="api", filter=PRO)])
    narrow = CampaignFactory(triggers=API, audience=PRO)
    taken = CampaignFactory(triggers=API)
    send(taken, ann)
    circle = CampaignFactory(triggers=API)
    expected = [
        (by_event, {}, "no_trigger"), (draft, {}, "not_active"), (paused, {}, "paused"), (archived, {}, "not_active"),
        (draining, {}, "not_active"), (choosy, {}, "filter"), (narrow, {}, "audience"),
        (taken, {"what": "call 2"}, "inside"), (circle, {"hops": {ann.pk: 11}}, "circle"),
        (circle, {"at": NOW - timedelta(days=4), "what": "call 2"}, "late"),
    ]  # fmt: skip
    for campaign, more, reason in expected:
        told = send(campaign, ann, **more)
        assert told.entered == {} and told.refused[ann.pk][0] == reason
        assert told.refused[ann.pk][1].endswith(".")
        written = Refusal.objects.filter(campaign=campaign, contact=ann).values_list("reason", flat=True)
        assert reason in written or campaign == draft


def test_what_is_asked_at_the_door_keeps_people_out(monkeypatch):
    """Such as an exit that is true already."""
    campaign, (ann, bob) = CampaignFactory(triggers=API), ContactFactory.create_batch(2)

    def gate(matches, now):
        return {match.name: ("exit", "They had ordered already.") for match in matches if match.place[1] == ann.pk}

    monkeypatch.setitem(AT_THE_DOOR._items, "test", gate)
    told = send(campaign, ann, bob)
    assert list(told.entered) == [bob.pk] and told.refused == {ann.pk: ("exit", "They had ordered already.")}
    assert Refusal.objects.get().explanation == "They had ordered already."


def test_who_was_merged_away_or_erased_does_not_enter():
    campaign, gone = CampaignFactory(triggers=API), ContactFactory(merged_into=ContactFactory())
    told = enter_contacts(campaign.pk, [gone.pk, 10**9], NOW, "api", what="call")
    assert told and told.entered == {} and not Enrollment.objects.exists()


def test_the_entry_key_is_read_from_the_data():
    campaign = CampaignFactory(
        triggers=API, entry_key="order_id", rows=[Row(wait_amount=1, template=TemplateFactory().pk)]
    )
    ann = ContactFactory()
    for order in ("A1", "A2"):
        assert send(campaign, ann, what=order, data={"order_id": order}).entered
    assert sorted(Enrollment.objects.values_list("entry_key", flat=True)) == ["A1", "A2"]


def test_two_hundred_take_as_many_queries_as_one():
    campaign = CampaignFactory(triggers=[Trigger(kind="api", filter=PRO)], audience=PRO, holdout=10)
    people = ContactFactory.create_batch(201, attributes={"plan": "pro"})
    send(campaign, people[0])
    counts = []
    for lot in (people[1:2], people[2:]):
        with CaptureQueriesContext(connection) as captured:
            assert len(send(campaign, *lot).entered) == len(lot)
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 13


def test_the_sites_holdout_holds_the_same_people_out_of_every_campaign_but_transactional_ones(inbox):
    from tests.factories import site

    first, second = CampaignFactory.create_batch(2, triggers=API)
    receipt = TemplateFactory(transactional=True, html="<p>Your receipt</p>")
    receipts = CampaignFactory(triggers=API, rows=[Row(template=receipt.pk)])
    site(holdout=15)
    people = ContactFactory.create_batch(120)
    for campaign in (first, second, receipts):
        send(campaign, *people)
    held = [
        set(Enrollment.objects.filter(campaign=one, arm="holdout").values_list("contact", flat=True))
        for one in (first, second)
    ]
    assert 4 <= len(held[0]) <= 36 and held[0] == held[1]
    assert "all campaigns of the site" in Enrollment.objects.filter(arm="holdout")[0].explanation
    assert not Enrollment.objects.filter(campaign=receipts, arm="holdout").exists()
    site(holdout=1)
    third = CampaignFactory(triggers=API)
    send(third, *people)
    assert set(Enrollment.objects.filter(campaign=third, arm="holdout").values_list("contact", flat=True)) == held[0]
    engine.run(NOW)
    assert Contact.objects.filter(pk__in=held[0], messages__campaign=first).count() == 0
