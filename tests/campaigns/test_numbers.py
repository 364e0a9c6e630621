"""Numbers per step and per campaign: by people, not machines; tests left out; a fixed number of queries."""

from datetime import timedelta

import pytest

from automation.models import Enrollment
from campaigns import numbers
from campaigns.models import Message
from tests.factories import NOW, CampaignFactory, ContactFactory, MessageFactory

pytestmark = pytest.mark.django_db
SENT = {"state": "sent", "outcome": "sent", "due_at": None, "sent_at": NOW, "settled_at": NOW}


def message(campaign, contact=None, **fields) -> Message:
    made = MessageFactory(campaign=campaign, contact=contact or ContactFactory())
    Message.objects.filter(pk=made.pk).update(**fields)
    return made


@pytest.fixture
def campaign():
    return CampaignFactory()


def test_opens_and_clicks_count_mails_that_people_opened_and_a_click_is_an_open(campaign):
    twice = ContactFactory()
    for _ in range(2):
        message(campaign, twice, **SENT, opened_by_human_at=NOW)
    message(campaign, **SENT, clicked_by_human_at=NOW)
    message(campaign, **SENT, opened_at=NOW, clicked_at=NOW)  # a machine
    found = numbers.by_step(campaign)["first"]
    assert (found.sent, found.opened, found.clicked, found.clicked_share) == (4, 3, 1, "25 %")


def test_what_was_not_sent_is_counted_by_reason_largest_first(campaign):
    gone = {"state": "not_sent", "due_at": None, "settled_at": NOW}
    for outcome in ("unsubscribed", "render_failed", "unsubscribed"):
        message(campaign, **gone, outcome=outcome)
    message(campaign, state="parked", due_at=None)
    message(campaign)  # still queued
    found = numbers.by_step(campaign)["first"]
    assert found.failed[0] == ("Unsubscribed", 2)
    assert set(found.failed) == {("Unsubscribed", 2), ("Could not be written", 1), ("Parked", 1)}
    assert found.failed_total == 4 and found.sent == 0 and found.opened_share == ""


def test_tests_and_test_contacts_count_nowhere(campaign):
    robot = ContactFactory(is_test=True)
    message(campaign, robot, **SENT)
    message(campaign, **SENT, purpose="test")
    for contact, left in [(robot, None), (ContactFactory(), None), (ContactFactory(), NOW)]:
        Enrollment.objects.create(
            campaign=campaign, contact=contact, version=campaign.live, step_uid="first", left_at=left,
            state="finished" if left else "active", due_at=None if left else NOW,
        )  # fmt: skip
    found = numbers.by_step(campaign)["first"]
    assert (found.waiting, found.sent) == (1, 0)
    assert numbers.since([campaign.pk], NOW)[campaign.pk].waiting == 1


def test_a_campaign_counts_what_was_sent_since_a_time(campaign):
    idle = CampaignFactory()
    message(campaign, **SENT)
    message(campaign, **SENT | {"sent_at": NOW - timedelta(days=40)})
    found = numbers.since([campaign.pk, idle.pk], NOW - timedelta(days=30))
    assert found[campaign.pk].sent == 1 and found[idle.pk].sent == 0


def test_the_number_of_queries_is_fixed(campaign, django_assert_num_queries):
    for step in range(5):
        message(campaign, **SENT, step_uid=f"step{step}")
    with django_assert_num_queries(4):
        numbers.by_step(campaign)
    with django_assert_num_queries(2):
        numbers.since([campaign.pk], NOW)
