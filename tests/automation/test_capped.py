"""Frequency limits: people wait for a place, a day at most; the strictest decides, the more important goes first."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from automation import whying
from automation.advancing import advance
from automation.models import Enrollment, Visit
from campaigns.document import Reentry
from campaigns.linear import Row
from campaigns.models import FrequencyCap, Message
from contacts.models import Contact, Suppression
from events import pipeline, recording
from events.items import Item
from ops.models import Source
from tests import engine
from tests.factories import NOW, CampaignFactory, TemplateFactory, TopicFactory

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def cap(most, amount, unit="hours", topic=None):
    return FrequencyCap.objects.create(most=most, amount=amount, unit=unit, topic=topic)


def campaign(subject, event="users.signed_up", transactional=False, wait=0, **more):
    template = TemplateFactory(subject=subject, transactional=transactional)
    row = Row(uid="mail", template=template.pk, wait_amount=wait, wait_unit="hours")
    return CampaignFactory(event=event, rows=[row], reentry=Reentry(mode="every_time"), **more)


def does(track, event="users.signed_up", user="ann", at=NOW):
    track(at, user, event, traits={"email": f"{user}@example.com"})


def mails(inbox):
    return [(mail.recipient.partition("@")[0], mail.message["Subject"]) for mail in inbox.accepted]


def test_who_has_had_as_many_waits_until_a_place_is_free(inbox, track):
    cap(1, 6)
    campaign("First")
    campaign("Second", event="cart.abandoned")
    does(track)
    does(track, "cart.abandoned", at=NOW + HOUR)
    assert mails(inbox) == [("ann", "First")]
    visit = Visit.objects.get(left_at=None)
    assert visit.explanation.startswith(
        "Held back: 1 mail in 6 hours is the most that an address gets. A place is free"
    )
    assert Enrollment.objects.get(due_at__isnull=False).due_at == NOW + 6 * HOUR
    engine.run(NOW + 6 * HOUR)
    assert mails(inbox) == [("ann", "First"), ("ann", "Second")]


def test_who_was_held_by_a_window_is_counted_anew_when_it_opens(inbox, track):
    cap(1, 6)
    campaign("Held", window={"days": [], "from": "12:00", "to": "22:00"})
    campaign("First", event="cart.abandoned")
    does(track)
    does(track, "cart.abandoned", at=NOW + 2 * HOUR)
    engine.run(NOW + 4 * HOUR)
    assert mails(inbox) == [("ann", "First")]
    assert Visit.objects.get(left_at=None).explanation.startswith("Held back: 1 mail in 6 hours")
    engine.run(NOW + 8 * HOUR)
    assert mails(inbox) == [("ann", "First"), ("ann", "Held")]


def test_others_are_not_concerned(inbox, track):
    cap(1, 6)
    campaign("First")
    does(track)
    does(track, user="ben")
    assert mails(inbox) == [("ann", "First"), ("ben", "First")]


def test_nothing_waits_longer_than_a_day(inbox, track):
    cap(1, 7, "days")
    campaign("First")
    campaign("Second", event="cart.abandoned")
    does(track)
    does(track, "cart.abandoned", at=NOW + HOUR)
    visit = Visit.objects.get(arm="capped")
    assert "nothing waits longer than 1 day" in visit.explanation and "Mon 9 Mar" in visit.explanation
    assert not Message.objects.filter(template__subject="Second").exists()
    assert not Enrollment.objects.active().exists()


def test_the_strictest_of_several_limits_decides(inbox, track):
    cap(5, 1)
    cap(1, 12)
    campaign("First")
    campaign("Second", event="cart.abandoned")
    does(track)
    does(track, "cart.abandoned", at=NOW + HOUR)
    assert Enrollment.objects.get(due_at__isnull=False).due_at == NOW + 12 * HOUR


def test_a_limit_of_a_topic_counts_only_its_own(inbox, track):
    news = TopicFactory(key="news", name="News", basis="other")
    cap(1, 12, topic=news)
    campaign("Plain")
    campaign("News 1", event="cart.abandoned", topic="news")
    campaign("News 2", event="order.completed", topic="news")
    for event in ("users.signed_up", "cart.abandoned", "order.completed"):
        does(track, event)
    assert [subject for _, subject in mails(inbox)] == ["Plain", "News 1"]
    assert "1 mail of “News” in 12 hours" in Visit.objects.get(left_at=None).explanation


def test_transactional_mail_neither_counts_nor_waits(inbox, track):
    cap(1, 12)
    campaign("Receipt", event="order.completed", transactional=True)
    campaign("Offer")
    does(track, "order.completed")
    does(track)
    does(track, "order.completed", at=NOW + HOUR)
    assert [subject for _, subject in mails(inbox)] == ["Receipt", "Offer", "Receipt"]


def test_test_contacts_do_not_wait(inbox, track):
    cap(1, 12)
    campaign("First")
    campaign("Second", event="cart.abandoned")
    does(track)
    Contact.objects.update(is_test=True)
    does(track, "cart.abandoned")
    assert [subject for _, subject in mails(inbox)] == ["First", "Second"]


def test_the_more_important_takes_the_place_although_it_came_later(inbox, track):
    cap(1, 12)
    campaign("First")
    low = campaign("Low", event="cart.abandoned", priority="low")
    campaign("High", event="order.completed", priority="high")
    does(track)
    does(track, "cart.abandoned", at=NOW + HOUR)
    does(track, "order.completed", at=NOW + 2 * HOUR)
    (limit,) = [one for one in whying.about(low, Contact.objects.get(), NOW + 3 * HOUR).ahead if "limit" in one.what]
    assert "1 went out in that time, and 1 more important waits for a place" in limit.sentence
    engine.run(NOW + 12 * HOUR)
    words = Visit.objects.get(enrollment__campaign=low, left_at=None).explanation
    assert "is the most that an address gets, and a more important campaign goes first. A place is free" in words
    engine.run(NOW + 12 * HOUR + 2 * MINUTE)
    assert [subject for _, subject in mails(inbox)] == ["First", "High"]
    engine.run(NOW + 24 * HOUR + 2 * MINUTE)
    assert [subject for _, subject in mails(inbox)] == ["First", "High", "Low"]


def test_who_is_inside_twice_takes_two_places(inbox, track):
    cap(1, 3)
    campaign("Cart", event="cart.abandoned", entry_key="cart_id", wait=1)
    for cart in ("a", "b"):
        track(NOW, "ann", "cart.abandoned", traits={"email": "ann@example.com"}, cart_id=cart)
    engine.run(NOW + HOUR)
    assert len(inbox.accepted) == 1
    engine.run(NOW + 4 * HOUR)
    assert len(inbox.accepted) == 2


def test_mail_that_was_not_sent_takes_no_place(inbox, track):
    cap(1, 12)
    campaign("First")
    campaign("Second", event="cart.abandoned")
    inbox.on("RCPT", times=1, reply="550 5.1.1 no such user")
    does(track)
    Message.objects.update(address=None)  # the address is dead; another one of theirs is not
    Suppression.objects.all().delete()
    does(track, "cart.abandoned", at=NOW + HOUR)
    assert [subject for _, subject in mails(inbox)] == ["Second"]


def test_a_limit_that_is_lifted_lets_them_go_on(inbox, track):
    limit = cap(1, 12)
    campaign("First")
    campaign("Second", event="cart.abandoned")
    does(track)
    does(track, "cart.abandoned")
    limit.delete()
    engine.run(NOW + 12 * HOUR)
    assert [subject for _, subject in mails(inbox)] == ["First", "Second"]


@pytest.mark.parametrize("amount", [2161, 10**6, 10**20])
def test_a_limit_over_more_than_can_be_counted_is_refused_in_a_sentence(amount):
    with pytest.raises(ValidationError, match="90 days at most"):
        FrequencyCap(most=1, amount=amount, unit="hours").full_clean()


def test_the_number_of_queries_does_not_grow_with_the_people(inbox):
    cap(1, 12)
    campaign("First", wait=1)
    source = Source.objects.create(name="Many")

    def queries(count, first, at):
        for n in range(first, first + count):
            items = [
                Item(kind="identify", user_id=f"u{n}", traits={"email": f"u{n}@example.com"}),
                Item(kind="track", user_id=f"u{n}", event="users.signed_up"),
            ]
            recording.record(source, items, at)
        while pipeline.drain(at):
            pass
        advance(at)
        with CaptureQueriesContext(connection) as caught:
            advance(at + HOUR)
        return len(caught)

    queries(1, 0, NOW)
    one, many = queries(1, 1, NOW), queries(150, 2, NOW)
    assert Message.objects.count() == 152
    assert many == one
