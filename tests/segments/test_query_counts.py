"""The number of queries does not grow with the people: under 20 segments of every kind and 10 campaigns."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts import companies, writing
from contacts.models import Contact
from events import recording
from events.pipeline import drain
from ops import jobs
from ops.models import Source
from segments import defining, members
from segments.models import Membership, Segment
from segments.sweeping import sweep
from tests.factories import NOW, CampaignFactory
from tests.segments.named_trees import TREES

pytestmark = pytest.mark.django_db
MANY = 500
# A little more than was needed when this was written (35, 19, 24): a stage that asks twice as often shows.
# Who entered and left is told in events of a thousand a statement, so no case here moves people more often.
PIPELINE, SWEEP, REFRESH = 44, 24, 30
NAMES = [
    "pro", "not pro", "mailed at example.org", "tagged", "of a company", "of a larger company", "unsubscribed",
    "can be mailed", "bought", "never bought", "twice in three days", "long ago", "in between", "spent much lately",
    "viewed, not bought", "read a mail lately", "seen lately", "half",
]  # fmt: skip


def person(number: int) -> int:
    """In half of the lanes, so that one batch of the pipeline takes everybody."""
    return 1_000_000 + number // 100 * 256 + number % 100


@pytest.fixture
def people(db):
    """502 contacts, 20 segments, two of which read other segments, and 10 campaigns, all at rest."""
    Contact.objects.bulk_create(Contact(pk=person(n), created_at=NOW, updated_at=NOW) for n in range(MANY + 2))
    made = [_segment(name, TREES[name]) for name in NAMES]
    made.append(_segment("first", {"any": [{"segment": made[0]}, {"not": {"segment": made[3]}}]}))
    made.append(_segment("second", {"any": [{"segment": made[-1]}, {"not": {"segment": made[8]}}]}))
    assert len(made) == 20
    for kind in ("order.completed", "segment.entered", "users.signed_up", "segment.left", "cart.abandoned"):
        CampaignFactory.create_batch(2, event=kind)
    settle(NOW)
    for write in WRITES.values():  # what is read or made once, and kept
        write([person(MANY + 1)], NOW)
        settle(NOW)
    return [person(n) for n in range(MANY + 1)]


def _segment(name, tree) -> int:
    return defining.save(Segment(name=name, condition=tree), None, NOW).pk


def settle(now):
    while jobs.run_due(now) or drain(now):
        pass


def spent(work, expected: int) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert work() == expected
    return len(captured)


def bought(contact_ids, now):
    recording.record_own([_order(pk, now) for pk in contact_ids], now)


def _order(contact_id, now):
    return recording.OwnEvent(
        contact_id=contact_id,
        type="order.completed",
        properties={"total": 60},
        hops=0,
        key=f"{contact_id}-{now}",
        occurred_at=now,
    )


WRITES = {
    "attribute": lambda ids, now: writing.set_attributes(ids, {"plan": "pro"}, now),
    "tag": lambda ids, now: writing.add_tags(ids, ["vip"], now),
    "event": bought,
    "company": lambda ids, now: companies.join(
        [companies.Joining(pk, "acme", {}) for pk in ids], Source.objects.get_or_create(name="Shop")[0].pk, now
    ),
}


@pytest.mark.parametrize("kind", WRITES)
def test_a_batch_of_the_pipeline_takes_as_many_for_500_as_for_one(people, kind):
    one, *many = people
    WRITES[kind]([one], NOW)
    few = spent(lambda: drain(NOW), 1)
    settle(NOW)
    WRITES[kind](many, NOW)
    assert spent(lambda: drain(NOW), MANY) == few <= PIPELINE
    moved = Membership.objects.filter(contact__in=many, entered_by="change").values("contact").distinct()
    assert moved.count() == MANY, "nobody entered anything, so nothing was counted"


def test_a_sweep_takes_as_many_for_500_as_for_one(people):
    one, *many = people
    recent = Segment.objects.get(name="spent much lately")
    for ids, days in (([one], 0), (many, 1)):
        for seconds in range(2):
            bought(ids, NOW + timedelta(days=days, seconds=seconds))
            settle(NOW + timedelta(days=days, seconds=seconds))
    assert recent.memberships.current().count() == MANY + 1
    few = _swept(recent, NOW + timedelta(days=3, minutes=1))
    assert recent.memberships.current().count() == MANY
    assert _swept(recent, NOW + timedelta(days=4, minutes=1)) == few <= SWEEP
    assert recent.memberships.current().count() == 0


def _swept(segment, now) -> int:
    """The queries that this segment's sweep takes."""
    Segment.objects.exclude(pk=segment.pk).update(due_at=None)
    return spent(lambda: sweep(now), 1)


def test_a_step_of_a_refresh_takes_as_many_for_500_as_for_one(people):
    one, *many = people
    found = []
    for ids in ([one], many):
        Contact.objects.filter(pk__in=ids).update(attributes={"plan": "pro"})  # unseen by the pipeline
        segment = Segment.objects.get(name="pro")
        defining.refresh(segment, None, NOW)
        found.append([spent(lambda: jobs._run_one(NOW), True) for _ in range(3)])
        assert segment.memberships.filter(contact__in=ids).current().count() == len(ids)
    assert found[0] == found[1] and max(found[0]) <= REFRESH


def test_putting_500_into_a_list_takes_as_many_as_one(people):
    one, *many = people
    guests = defining.save(Segment(name="Guests", kind="static"), None, NOW)
    members.add(guests, [person(MANY + 1)], NOW, "hand")
    few = spent(lambda: members.add(guests, [one], NOW, "hand"), 1)
    assert spent(lambda: members.add(guests, many, NOW, "hand"), MANY) == few
