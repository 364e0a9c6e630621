"""Segments whose rules ask about behaviour: what is recorded moves people at once, what time does within a minute."""

from datetime import timedelta

import pytest

from events import recording
from events.items import Item
from events.pipeline import drain
from ops import jobs
from ops.models import SiteSettings, Source
from segments import defining, sweeping
from segments.models import Membership, Segment
from tests.factories import NOW, ContactFactory, site

pytestmark = pytest.mark.django_db
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
MONTH = {"amount": 30, "unit": "days"}
ORDER, VIEW = "order.completed", "product.viewed"


def made(condition, now=NOW):
    segment = defining.save(Segment(name=str(condition)[:60], condition=condition), None, now)
    settle(now)
    return segment


def settle(now):
    while jobs.run_due(now) or drain(now):
        pass


def did(contact, type_, now, **properties):
    event = recording.OwnEvent(contact.pk, type_, properties, 0, f"{type_}:{contact.pk}:{now}", now)
    recording.record_own([event], now)
    settle(now)


def sweep(now):
    while sweeping.sweep(now):
        pass
    settle(now)


def those_in(segment):
    return set(Membership.objects.current().filter(segment=segment).values_list("contact_id", flat=True))


def test_an_event_lets_somebody_in_and_time_takes_them_out_to_the_minute():
    ann, bob = ContactFactory(), ContactFactory()
    lately = made({"event": ORDER, "op": "≥", "value": 2, "when": {"in the last": MONTH}})
    lapsed = made({"all": [{"event": ORDER}, {"not": {"event": ORDER, "when": {"in the last": MONTH}}}]})
    did(ann, ORDER, NOW)
    assert those_in(lately) == those_in(lapsed) == set()
    did(ann, ORDER, NOW + DAY)
    did(bob, ORDER, NOW + DAY)
    assert those_in(lately) == {ann.pk}
    sweep(NOW + 30 * DAY - MINUTE)
    assert those_in(lately) == {ann.pk}
    sweep(NOW + 30 * DAY)
    assert those_in(lately) == set() and those_in(lapsed) == set()
    sweep(NOW + 31 * DAY)
    assert those_in(lapsed) == {ann.pk, bob.pk}
    gone = Membership.objects.get(segment=lately)
    assert (gone.left_at, gone.left_by) == (NOW + 30 * DAY, "time")


def test_who_looked_and_did_not_buy_comes_in_when_the_time_is_over():
    ann, bob = ContactFactory(), ContactFactory()
    parts = {"sequence": [{"event": VIEW}, {"event": ORDER}], "within": {"amount": 2, "unit": "hours"}}
    lost = made({**parts, "then": "did not"})
    for who in (ann, bob):
        did(who, VIEW, NOW)
    did(bob, ORDER, NOW + timedelta(hours=1))
    sweep(NOW + timedelta(hours=2))
    assert those_in(lost) == set()
    sweep(NOW + timedelta(hours=2) + MINUTE)
    assert those_in(lost) == {ann.pk}


def test_calendar_days_turn_when_the_day_begins_on_the_site():
    site(timezone="America/New_York")
    assert str(SiteSettings.get().zone) == "America/New_York"
    ann = ContactFactory()
    today = made({"event": ORDER, "when": {"in the last": {"amount": 1, "unit": "days"}, "calendar": True}})
    did(ann, ORDER, NOW)
    midnight = NOW.replace(hour=5) + DAY  # in New York
    sweep(midnight - MINUTE)
    assert those_in(today) == {ann.pk}
    sweep(midnight)
    assert those_in(today) == set()


def test_a_date_that_passes_moves_somebody():
    ann = ContactFactory(attributes={"trial_ends": "2026-03-05T09:00:00Z"})
    ending = made({"field": "contact.trial_ends", "op": "in the next", "value": {"amount": 1, "unit": "days"}})
    sweep(NOW + 2 * DAY - MINUTE)
    assert those_in(ending) == set()
    sweep(NOW + 2 * DAY)
    assert those_in(ending) == {ann.pk}
    sweep(NOW + 3 * DAY)
    assert those_in(ending) == set()


def test_mail_that_is_opened_by_a_person_counts():
    ann, bob = ContactFactory(), ContactFactory()
    engaged = made({"message": "opened", "when": {"in the last": MONTH}})
    did(ann, "email.opened", NOW, machine=False, message="m1")
    did(bob, "email.opened", NOW, machine=True, message="m2")
    assert those_in(engaged) == {ann.pk}


def test_a_late_event_takes_back_what_was_concluded_without_it():
    source = Source.objects.create(name="Shop")
    recording.record(source, [Item(kind="track", event=VIEW, user_id="u1", timestamp="2026-03-01T09:00:00Z")], NOW)
    settle(NOW)
    parts = {"sequence": [{"event": VIEW}, {"event": ORDER}], "within": {"amount": 2, "unit": "hours"}}
    lost = made({**parts, "then": "did not"})
    assert len(those_in(lost)) == 1
    recording.record(source, [Item(kind="track", event=ORDER, user_id="u1", timestamp="2026-03-01T10:00:00Z")], NOW)
    settle(NOW)
    assert those_in(lost) == set()
