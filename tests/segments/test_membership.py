"""Who is in a segment follows what is written, what time does, and nothing else."""

from datetime import timedelta

import pytest

from contacts import writing
from contacts.models import Change
from events import recording
from events.items import Item
from events.models import Event
from events.pipeline import drain
from ops import jobs
from ops.models import Source
from segments import defining, members
from segments.models import Flow, Membership, Segment
from tests import engine
from tests.factories import NOW, ContactFactory

pytestmark = pytest.mark.django_db
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}


def made(name="Pro", condition=PRO, **more):
    segment = defining.save(Segment(name=name, condition=condition, **more), None, NOW)
    settle()
    return segment


def settle(now=NOW):
    while jobs.run_due(now) or drain(now):
        pass


def those_in(segment):
    return set(Membership.objects.current().filter(segment=segment).values_list("contact_id", flat=True))


def size(segment):
    return Segment.objects.with_size().get(pk=segment.pk).size


def kinds_of_events():
    return list(Event.objects.order_by("id").values_list("type", "contact_id", "properties__segment_name"))


def test_a_new_segment_takes_in_who_matches_and_starts_nothing():
    pro, free = ContactFactory(attributes={"plan": "pro"}), ContactFactory(attributes={"plan": "free"})
    segment = made()
    assert those_in(segment) == {pro.pk} and size(segment) == 1 and free.pk
    assert kinds_of_events() == []
    segment.refresh_from_db()
    assert segment.is_settled and segment.refreshed_at == NOW and segment.refresh.result == "1 person entered or left."


def test_a_write_moves_only_who_it_concerns_and_says_so():
    one, other = ContactFactory(), ContactFactory(attributes={"plan": "pro"})
    segment = made()
    writing.set_attributes([one.pk], {"plan": "pro"}, NOW)
    writing.set_attributes([other.pk], {"plan": "free"}, NOW)
    settle()
    assert those_in(segment) == {one.pk} and size(segment) == 1
    assert sorted(kinds_of_events()) == [("segment.entered", one.pk, "Pro"), ("segment.left", other.pk, "Pro")]
    left = Membership.objects.get(contact=other)
    assert (left.left_at, left.left_by) == (NOW, "change")


def test_an_edit_of_the_rules_moves_people_silently():
    pro, free = ContactFactory(attributes={"plan": "pro"}), ContactFactory(attributes={"plan": "free"})
    segment = made()
    segment.condition = {"not": PRO}
    defining.save(segment, None, NOW)
    writing.set_attributes([pro.pk], {"colour": "red"}, NOW)
    settle()
    assert those_in(segment) == {free.pk} and kinds_of_events() == []
    assert set(Membership.objects.values_list("left_by", flat=True)) == {"definition", ""}


def test_somebody_new_is_asked_by_every_segment():
    segment = made(condition={"not": PRO})
    contact, _ = writing.contact_for_user("u1", NOW)
    settle()
    assert those_in(segment) == {contact}


def test_segments_of_segments_follow_in_the_same_breath():
    lists = defining.save(Segment(name="Guests", kind="static"), None, NOW)
    contact = ContactFactory()
    assert members.add(lists, [contact.pk], NOW, "hand") == 1
    assert members.add(lists, [contact.pk], NOW, "hand") == 0
    assert size(lists) == 1 and kinds_of_events() == [("segment.entered", contact.pk, "Guests")]
    assert Change.objects.filter(kind="segments", names=[str(lists.pk)]).count() == 1


def test_a_list_refuses_nobody_and_rules_refuse_a_hand():
    with pytest.raises(members.NotStatic, match="fills itself"):
        members.add(made(), [ContactFactory().pk], NOW, "hand")


def test_flow_is_made_one_row_a_day():
    from segments.flow import compact, sizes

    one, other = ContactFactory(), ContactFactory()
    segment = made()
    for contact in (one, other):
        writing.set_attributes([contact.pk], {"plan": "pro"}, NOW)
        settle()
    assert Flow.objects.count() == 2
    compact(NOW)
    assert Flow.objects.count() == 1 and size(segment) == 2
    assert sizes(segment, NOW.date(), NOW.date()) == [(NOW.date(), 2)]


def test_a_form_that_was_open_for_long_does_not_undo_what_the_engine_did():
    segment = made()
    stale = Segment.objects.get(pk=segment.pk)
    Segment.objects.filter(pk=segment.pk).update(refreshed_revision=0, swept_at=None)
    stale.name = "Professionals"
    defining.save(stale, None, NOW)
    stale.refresh_from_db()
    assert (stale.name, stale.refreshed_revision, stale.swept_at) == ("Professionals", 0, None)


def test_rules_that_could_not_be_evaluated_are_asked_again_on_demand():
    segment = made()
    pro = ContactFactory(attributes={"plan": "pro"})
    Segment.objects.filter(pk=segment.pk).update(fault="An operator had gone.")
    writing.set_attributes([pro.pk], {"colour": "red"}, NOW)
    settle()
    assert those_in(segment) == set()
    defining.refresh(segment, None, NOW)
    settle()
    assert those_in(segment) == {pro.pk}


def test_segments_cannot_refer_to_each_other_in_a_circle():
    one, other = made("One"), made("Other", {"field": "contact.plan", "op": "is set"})
    Segment.objects.filter(pk=other.pk).update(reads=[f"segment:{one.pk}"])
    Segment.objects.filter(pk=one.pk).update(reads=[f"segment:{other.pk}"])
    assert defining._circle(one, {f"segment:{other.pk}"}) == ["One", "Other", "One"]


def test_who_is_told_of_again_has_been_seen_though_nothing_is_new():
    source = Source.objects.create(name="Shop")
    item = Item(kind="identify", user_id="u1", traits={"plan": "pro"})
    recording.record(source, [item], NOW)
    day = {"amount": 1, "unit": "days"}
    segment = made(condition={"field": "contact.last_seen_at", "op": "more than ago", "value": day})
    later = NOW + timedelta(days=2)
    engine.run(later)
    assert size(segment) == 1
    recording.record(source, [item], later)
    engine.run(later)
    assert size(segment) == 0
