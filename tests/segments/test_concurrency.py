"""Two people at once: no circle comes about, no rule names what is being deleted, and lists wait for each other."""

import random
import threading

import pytest
from django.db import connection

from lib import clock
from segments import defining, members
from segments.models import Membership, Segment
from tests.factories import ContactFactory

pytestmark = pytest.mark.django_db(transaction=True)
SET = {"field": "contact.plan", "op": "is set"}


def made(name, **more):
    return defining.save(Segment(name=name, **{"condition": SET, **more}), None, clock.now())


def at_once(*deeds):
    """Do each in a thread of its own, at the same moment; what they raised."""
    faults, start = [], threading.Barrier(len(deeds))

    def work(deed):
        try:
            start.wait(10)
            deed()
        except Exception as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[deed]) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return faults


def naming(pk, other):
    """Save the segment with rules that name the other one."""

    def deed():
        segment = Segment.objects.get(pk=pk)
        segment.condition = {"any": [{"segment": other}, SET]}
        defining.save(segment, None, clock.now())

    return deed


def test_two_edits_at_once_make_no_circle():
    for number in range(8):
        a, b = made(f"A {number}").pk, made(f"B {number}").pk
        [refused] = at_once(naming(a, b), naming(b, a))
        assert isinstance(refused, defining.Refused) and "in a circle" in str(refused)


def test_what_is_being_named_is_not_deleted_meanwhile():
    for number in range(8):
        a, b = made(f"A {number}").pk, made(f"B {number}")
        [refused] = at_once(naming(a, b.pk), lambda b=b: defining.delete(b))
        assert isinstance(refused, defining.Refused)


def test_a_refresh_of_what_was_deleted_meanwhile_says_so():
    segment = made("Gone")
    seen = Segment.objects.get(pk=segment.pk)
    defining.delete(segment)
    with pytest.raises(defining.Refused, match="“Gone” was deleted just now"):
        defining.refresh(seen, None, clock.now())


def test_people_are_added_taken_out_and_moved_at_once():
    a, b = (made(name, kind="static", condition=None) for name in "AB")
    people = [ContactFactory().pk for _ in range(99)]

    def often(change):
        def deed():
            for _ in range(40):
                change(random.sample(people, 60))

        return deed

    now, hand = clock.now(), Membership.Cause.HAND
    faults = at_once(
        often(lambda ids: members.add(a, ids, now, hand)),
        often(lambda ids: members.add(b, ids, now, hand)),
        often(lambda ids: members.remove(a, ids, now, hand)),
        often(lambda ids: members.move(a, b, ids, now, hand)),
        often(lambda ids: members.move(b, a, ids, now, hand)),
    )
    assert not faults
    for segment in Segment.objects.with_size():
        assert segment.size == Membership.objects.current().filter(segment=segment).count()
