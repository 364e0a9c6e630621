"""The fuse by bounces, by its real numbers, by its cost and with two workers."""

from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from automation import fuse_releasing, fuses
from automation.advancing import advance
from automation.fuse_models import Fuse, Mailed
from automation.fuse_releasing import Terms
from automation.models import Enrollment, Visit
from events import pipeline
from tests import engine
from tests.automation.flows import happens
from tests.automation.fused import DAY, MINUTE, comes, few, names, notes, old, readers, waiting, welcome  # noqa: F401
from tests.factories import NOW, CampaignFactory, MessageFactory, UserFactory, site

pytestmark = pytest.mark.django_db


def test_a_step_whose_mails_bounce_waits_for_a_person(inbox, monkeypatch):
    user = UserFactory()
    monkeypatch.setattr(fuses, "BOUNCED_OF", 5)
    monkeypatch.setattr(fuses, "LEAST", 100)
    welcome()
    inbox.on("RCPT", times=1, reply="550 5.1.1 no such user")
    comes(names(0, 4), NOW)
    comes(names(4, 2), NOW)
    assert Fuse.objects.count() == 0, "one bounced, and no more come to light"
    inbox.on("RCPT", times=1, reply="550 5.1.1 no such user")
    comes(names(10, 3), NOW)
    fuse = Fuse.objects.get()
    assert (fuse.cause, fuse.bounced, fuse.delivered) == ("bounces", 2, 7)
    comes(names(20, 2), NOW)
    assert waiting() == 2
    assert Visit.objects.get(left_at=None, enrollment__contact__identities__value="u0020").explanation == (
        "Held by the fuse: 2 of its 9 mails went to addresses that do not exist today."
    )
    fuse_releasing.release(fuse, Terms(2), user, NOW)
    engine.run(NOW)
    comes(names(30, 9), NOW)
    assert waiting() == 0, "what had bounced before counts no more"


# --- the real numbers, cost, workers ---


@pytest.mark.parametrize(("best", "room"), [(12, 1000), (50, 1000), (60, 1200), (0, 1000)])
def test_far_more_is_twenty_times_as_many_and_over_a_thousand(best, room, monkeypatch):
    monkeypatch.undo()
    campaign = old(welcome())
    for day in range(1, 8):
        Mailed.objects.create(campaign=campaign, step_uid="hello", day=(NOW - day * DAY).date(), mailed=best)
    row = Enrollment(campaign=campaign, version_id=campaign.live_id)
    step = fuses._Step(Visit(enrollment=row, step_uid="hello"), NOW, NOW.date(), transactional=False)
    assert step.take(300, 0) == (300, 300)
    assert step.take(1300, 0) == (room - 300, room)
    assert step.take(1, 0) == (0, room)
    fuses.compact(NOW)
    assert Mailed.objects.get(day=NOW.date()).mailed == room and Mailed.objects.count() == 8


def test_what_was_mailed_before_there_was_a_fuse_is_a_day_before():
    site(timezone="Asia/Kathmandu")
    campaign = CampaignFactory()
    MessageFactory.create_batch(3, campaign=campaign)
    late = MessageFactory(campaign=campaign)
    type(late).objects.filter(pk=late.pk).update(created_at=NOW.replace(hour=20))  # tomorrow, by the site's clock
    MessageFactory(campaign=campaign, contact__is_test=True)
    MessageFactory(campaign=None)
    past = import_module("automation.migrations.0015_count_mails_of_the_past")
    with connection.cursor() as cursor:
        cursor.execute(past.COUNT)
    days = Mailed.objects.order_by("day").values_list("campaign", "step_uid", "day", "mailed")
    today, tomorrow = NOW.date(), (NOW + DAY).date()
    assert list(days) == [(campaign.pk, "first", today, 3), (campaign.pk, "first", tomorrow, 1)]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_workers_hold_nobody_for_ever_and_mail_nobody_twice(inbox):
    user = UserFactory()
    old(welcome())
    happens(names(0, 60), "users.signed_up", NOW)
    while pipeline.drain(NOW):
        pass

    def work(_):
        try:
            while advance(NOW, 5):
                pass
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(work, range(2)))
    assert 40 <= waiting() <= 50, "two workers may overshoot by a batch each"
    fuse_releasing.release(Fuse.objects.get(), Terms(60), user, NOW)
    engine.run(NOW)
    everybody = readers(inbox)
    assert len(everybody) == len(set(everybody)) == 60 and not Enrollment.objects.active().exists()


def test_the_number_of_queries_does_not_grow_with_the_people():
    old(welcome())

    def queries(people):
        happens(people, "users.signed_up", NOW)
        while pipeline.drain(NOW):
            pass
        with CaptureQueriesContext(connection) as caught:
            advance(NOW)
        return len(caught)

    queries(names(0, 1))
    one = queries(names(1, 1))
    free = queries(names(2, 8))
    assert free == one
    queries(names(20, 1))
    held_one, held_many = queries(names(30, 1)), queries(names(40, 200))
    assert waiting() == 202 and held_many == held_one <= one + 3
