"""Who enters a campaign, who does not, and what is written down about it."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction

from automation.models import Assignment, Enrollment, Refusal
from campaigns import lifecycle
from campaigns.document import Reentry
from campaigns.linear import Row
from events.models import EventTypeRow
from ops.work import QUEUES
from tests.factories import NOW, CampaignFactory, TemplateFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def reasons():
    return list(Refusal.objects.order_by("id").values_list("reason", flat=True))


def entered():
    return Enrollment.objects.count()


def test_whoever_does_what_the_trigger_names_enters_once_and_gets_the_mail(inbox, track):
    CampaignFactory(event="users.signed_up")
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com"})
    assert [mail.recipient for mail in inbox.accepted] == ["ann@example.com"]
    assert Enrollment.objects.get().state == Enrollment.State.FINISHED


def test_another_event_lets_nobody_in(inbox, track):
    CampaignFactory(event="users.signed_up")
    track(NOW, "ann", "users.logged_in", traits={"email": "ann@example.com"})
    assert entered() == 0 and inbox.accepted == []


def test_once_takes_everybody_in_once_and_says_so(inbox, track):
    CampaignFactory(event="users.signed_up")
    for day in range(3):
        track(NOW + day * DAY, "ann", "users.signed_up", traits={"email": "ann@example.com"})
    assert entered() == 1 and len(inbox.accepted) == 1
    assert reasons() == ["once", "once"]


def test_every_time_takes_her_in_again_after_she_has_left(inbox, track):
    CampaignFactory(event="users.signed_up", reentry=Reentry(mode="every_time"))
    for day in range(3):
        track(NOW + day * DAY, "ann", "users.signed_up", traits={"email": "ann@example.com"})
    assert entered() == 3 and len(inbox.accepted) == 3


def test_once_per_period_counts_from_the_previous_entry(inbox, track):
    CampaignFactory(event="users.signed_up", reentry=Reentry(mode="once_per", amount=2, unit="days"))
    for hours in (0, 47, 48, 95, 96):
        track(NOW + timedelta(hours=hours), "ann", "users.signed_up", traits={"email": "ann@example.com"})
    assert entered() == 3
    assert reasons() == ["once_per", "once_per"]


def test_the_entry_key_lets_two_orders_run_side_by_side(inbox, track):
    rows = [Row(wait_amount=1, wait_unit="days", template=TemplateFactory().pk)]
    CampaignFactory(event="order.completed", entry_key="order_id", rows=rows, reentry=Reentry(mode="every_time"))
    track(NOW, "ann", "order.completed", order_id="A1", traits={"email": "ann@example.com"})
    track(NOW, "ann", "order.completed", order_id="A2")
    track(NOW, "ann", "order.completed", order_id="A1")
    assert sorted(Enrollment.objects.values_list("entry_key", flat=True)) == ["A1", "A2"]
    assert reasons() == ["inside"]


def test_two_trigger_events_in_one_batch_enter_once(inbox, track):
    CampaignFactory(event="users.signed_up", reentry=Reentry(mode="every_time"))
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com"}, run=False)
    track(NOW, "ann", "users.signed_up")
    assert entered() == 1 and len(inbox.accepted) == 1


def test_a_repeat_refreshes_the_data_that_later_mails_show(inbox, track):
    template = TemplateFactory(html='<p>{{ event.item }}</p><a href="{{ unsubscribe_url }}">no more</a>')
    rows = [Row(wait_amount=1, wait_unit="hours", template=template.pk)]
    CampaignFactory(event="cart.abandoned", on_repeat="refresh", rows=rows)
    track(NOW, "ann", "cart.abandoned", item="lamp", traits={"email": "ann@example.com"})
    track(NOW + timedelta(minutes=30), "ann", "cart.abandoned", item="chair")
    track(NOW + timedelta(hours=2), "bob", "users.logged_in")
    assert entered() == 1
    assert "chair" in str(inbox.accepted[0].data)


def test_a_repeat_restarts_where_the_marketer_says_so(inbox, track):
    rows = [Row(wait_amount=1, wait_unit="days", template=TemplateFactory().pk)]
    CampaignFactory(event="cart.abandoned", on_repeat="restart", reentry=Reentry(mode="every_time"), rows=rows)
    track(NOW, "ann", "cart.abandoned", traits={"email": "ann@example.com"})
    track(NOW + timedelta(hours=12), "ann", "cart.abandoned")
    assert sorted(Enrollment.objects.values_list("state", "reason")) == [("active", ""), ("exited", "restarted")]
    track(NOW + timedelta(hours=30), "bob", "users.logged_in")
    assert inbox.accepted == []
    track(NOW + timedelta(hours=37), "bob", "users.logged_in")
    assert len(inbox.accepted) == 1


@pytest.mark.parametrize("plan, comes_in", [("pro", True), ("PRO", True), ("free", False), (None, False)])
def test_the_trigger_filter_is_asked_of_the_event(inbox, track, plan, comes_in):
    from campaigns.document import Trigger

    campaign = CampaignFactory(active=False)
    document = lifecycle.parse(campaign.draft)
    document.triggers = [Trigger(event="users.signed_up", filter={"field": "event.plan", "op": "is", "value": "pro"})]
    campaign = lifecycle.save_draft(campaign, document, campaign.revision, None, NOW)
    lifecycle.activate(campaign, None, NOW)
    track(NOW, "ann", "users.signed_up", plan=plan, traits={"email": "ann@example.com"})
    assert entered() == comes_in
    assert reasons() == []


def test_attributes_of_the_same_request_count_and_who_is_not_in_the_audience_is_told_why(inbox, track):
    CampaignFactory(event="users.signed_up", audience={"field": "contact.country", "op": "is", "value": "FR"})
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com", "country": "FR"})
    track(NOW, "bob", "users.signed_up", traits={"email": "bob@example.com", "country": "DE"})
    assert [mail.recipient for mail in inbox.accepted] == ["ann@example.com"]
    assert reasons() == ["audience"]


def test_late_events_start_nothing_unless_their_type_is_never_too_late(inbox, track, db):
    from events import recording
    from events.items import Item
    from ops.models import Source
    from tests import engine

    CampaignFactory(event="order.completed")
    shop = Source.objects.get(name="Shop")
    old = Item(kind="track", user_id="ann", event="order.completed", timestamp=(NOW - 4 * DAY).isoformat())
    recording.record(shop, [old], NOW)
    engine.run(NOW)
    assert entered() == 0 and reasons() == ["late"]
    EventTypeRow.objects.update_or_create(key="order.completed", defaults={"no_late_limit": True})
    recording.record(shop, [old], NOW)
    engine.run(NOW)
    assert entered() == 1


def test_a_paused_campaign_takes_nobody_in_and_notes_who_came(inbox, track):
    campaign = lifecycle.pause(CampaignFactory(event="users.signed_up"), None, NOW)
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com"})
    assert entered() == 0 and reasons() == ["paused"]
    lifecycle.resume(campaign, None, NOW)
    track(NOW, "bob", "users.signed_up", traits={"email": "bob@example.com"})
    assert entered() == 1


def test_a_draft_takes_nobody_in(inbox, track):
    CampaignFactory(event="users.signed_up", active=False)
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com"})
    assert entered() == 0


def test_the_holdout_gets_nothing_and_stays_who_it_is_when_the_percentage_changes(inbox, track):
    campaign = CampaignFactory(event="users.signed_up", holdout=50, reentry=Reentry(mode="every_time"))
    for number in range(40):
        track(NOW, f"u{number}", "users.signed_up", traits={"email": f"u{number}@example.com"}, run=number == 39)
    held = set(Enrollment.objects.filter(arm="holdout").values_list("contact_id", flat=True))
    assert 8 <= len(held) <= 32 and len(inbox.accepted) == 40 - len(held)
    document = lifecycle.parse(campaign.draft)
    document.holdout = 1
    campaign = lifecycle.save_draft(campaign, document, campaign.revision, None, NOW)
    from campaigns.publishing import publish

    publish(campaign, None, NOW)
    for number in range(40):
        track(NOW + DAY, f"u{number}", "users.signed_up", run=number == 39)
    assert set(Enrollment.objects.filter(arm="holdout").values_list("contact_id", flat=True)) == held
    assert Assignment.objects.count() == 40


def test_entering_takes_as_many_queries_for_forty_people_as_for_four(inbox, track, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from events.pipeline import drain

    for _ in range(10):
        CampaignFactory(event="users.signed_up", rows=[Row(wait_amount=1, template=TemplateFactory().pk)])
    counts = []
    for size in (1, 4, 40):
        for number in range(size):
            track(
                NOW, f"{size}-{number}", "users.signed_up", traits={"email": f"{size}-{number}@example.com"}, run=False
            )
        with CaptureQueriesContext(
            connection,
        ) as captured:
            while drain(NOW):
                pass
        counts.append(len(captured))
        # Two lots of lanes, each in its own transaction.
    assert Enrollment.objects.count() == 450
    assert counts[1] == counts[2]


@pytest.mark.django_db(transaction=True)
def test_nobody_enters_a_campaign_that_is_just_being_archived(track):
    """Else she would be inside for ever: all have left already."""
    campaign = CampaignFactory(event="users.signed_up")
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com"}, run=False)
    said = threading.Event()

    def archive():
        with transaction.atomic():
            lifecycle.archive(campaign, None, NOW)
            said.set()
            time.sleep(0.5)
        connection.close()

    other = threading.Thread(target=archive)
    other.start()
    assert said.wait(10)
    while QUEUES["changes"].work(NOW):
        pass
    other.join()
    assert not Enrollment.objects.active().exists()
