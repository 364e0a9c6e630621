import datetime as dt
import threading
import time

import pytest
from django.db import connection, transaction

from contacts import merging
from contacts.addresses import address_ids
from contacts.models import Change, Company, ConsentRecord, Contact, Identity, Merge, Tag
from events import pipeline
from events.models import Event, EventRollup
from lib import lanes
from lib.ids import uuid7
from ops.models import Source
from tests.connections import others_waiting_for_a_lane

NOW = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
LATER = NOW + merging.SECOND_LOOK
pytestmark = pytest.mark.django_db


def person(user="", **fields):
    contact = Contact.objects.create(**{"created_at": NOW, "updated_at": NOW} | fields)
    kind = Identity.Kind.USER if user else Identity.Kind.ANONYMOUS
    Identity.objects.create(kind=kind, value=user or f"anon-{contact.pk}", contact=contact)
    return contact


def merged(*pairs):
    merging.merge([(winner.pk, loser.pk) for winner, loser in pairs], NOW)
    for contact in {contact for pair in pairs for contact in pair}:
        contact.refresh_from_db()


def event(contact, name="order.completed"):
    source, _ = Source.objects.get_or_create(name="Shop")
    return Event.objects.create(
        id=uuid7(NOW), type=name, contact=contact, source=source, occurred_at=NOW, received_at=NOW
    )


def test_ids_attributes_and_address_go_to_the_winner_at_once():
    ids = address_ids(["a@example.com", "b@example.com"], NOW)
    winner = person("u1", attributes={"plan": "pro", "car": {"seats": 4}, "age": None})
    loser = person(attributes={"plan": "free", "city": "Rome", "car": {"seats": 2, "colour": "red"},
                   "age": 30},
                   address_id=ids["b@example.com"], timezone="Europe/Rome",
                   last_seen_at=NOW, created_at=NOW - dt.timedelta(days=9))  # fmt: skip
    merged((winner, loser))
    assert winner.attributes == {
        "plan": "pro",
        "city": "Rome",
        "car": {"seats": 4, "colour": "red"},
        "age": 30,
    }
    assert winner.email == "b@example.com" and winner.timezone == "Europe/Rome"
    assert winner.created_at == NOW - dt.timedelta(days=9) and winner.last_seen_at == NOW
    assert (winner.fence, loser.fence) == (1, 1)
    assert loser.merged_into == winner and winner.merged_into is None
    assert set(winner.identities.values_list("kind", flat=True)) == {"user", "anonymous"}
    assert list(Contact.objects.current()) == [winner]


def test_the_winner_keeps_its_own_address():
    ids = address_ids(["a@example.com", "b@example.com"], NOW)
    winner, loser = person("u1", address_id=ids["a@example.com"]), person(address_id=ids["b@example.com"])
    merged((winner, loser))
    assert winner.email == "a@example.com"


def test_tags_and_companies_are_united():
    winner, loser = person("u1"), person()
    vip, new, old = (Tag.objects.create(name=name) for name in ("vip", "new", "old"))
    acme = Company.objects.create(key="acme")
    winner.tags.add(vip, old)
    loser.tags.add(vip, new)
    loser.companies.add(acme)
    merged((winner, loser))
    assert set(winner.tags.all()) == {vip, new, old} and list(winner.companies.all()) == [acme]


def test_an_undo_row_says_what_the_two_were():
    vip, new = Tag.objects.create(name="vip"), Tag.objects.create(name="new")
    winner, loser = (
        person("u1", attributes={"plan": "pro"}),
        person(attributes={"city": "Rome"}, timezone="Europe/Rome"),
    )
    winner.tags.add(vip)
    loser.tags.add(new)
    anonymous = loser.identities.get()
    merged((winner, loser))
    undo = Merge.objects.get().undo
    assert undo["winner"]["attributes"] == {"plan": "pro"} and undo["winner"]["tags"] == [vip.pk]
    assert undo["loser"]["attributes"] == {"city": "Rome"} and undo["loser"]["timezone"] == "Europe/Rome"
    assert undo["loser"]["tags"] == [new.pk] and undo["loser"]["identities"] == [anonymous.pk]
    assert undo["winner"]["address"] is None


def test_chains_in_one_call_end_at_the_first():
    a, b, c = (
        person("a", attributes={"from": "a"}),
        person("b", attributes={"b": 1}),
        person("c", attributes={"c": 1}),
    )
    merged((a, b), (b, c))
    assert (b.merged_into, c.merged_into) == (a, a)
    assert a.attributes == {"from": "a", "b": 1, "c": 1} and a.identities.count() == 3


def test_chains_told_backwards_and_later_end_at_the_first():
    a, b, c, d = person("a"), person("b", attributes={"b": 1}), person("c", attributes={"c": 1}), person("d")
    merged((b, c), (a, b))
    assert (b.merged_into, c.merged_into) == (a, a) and a.attributes == {"b": 1, "c": 1}
    merged((d, a))
    for contact in (a, b, c):
        contact.refresh_from_db()
        assert contact.merged_into == d
    assert d.identities.count() == 4


def test_repetitions_circles_and_oneself_change_nothing():
    a, b = person("a"), person("b")
    merged((a, b), (b, a), (a, b), (a, a))
    merged((b, a))
    assert Merge.objects.count() == 1 and a.merged_into is None and a.fence == 1
    merging.merge([(a.pk, 10**9), (10**9, a.pk)], NOW)
    assert Merge.objects.count() == 1


def test_the_pipeline_hears_of_it_but_nothing_is_triggered():
    a, b = person("a"), person("b")
    merged((a, b))
    change = Change.objects.get()
    assert (change.kind, change.contact_id, change.triggers) == ("merged", a.pk, False)


def test_news_that_nobody_read_yet_is_the_winners():
    a, b = person("a"), person("b")
    Change.objects.create(contact=b, kind="event", event_id=uuid7(NOW), event_at=NOW)
    merged((a, b))
    news = Change.objects.get(kind="event")
    assert news.contact_id == a.pk and news.triggers and news.lane == a.pk % 256


def test_what_happened_just_before_a_merge_is_read_as_the_winners(settings):
    settings.EVENT_PIPELINE = ["events.rollups.count"]
    a, b = person("a"), person("b")
    for contact in (a, b):
        happened = event(contact)
        Change.objects.create(contact=contact, kind="event", event_id=happened.pk, event_at=NOW, due_at=NOW)
    merged((a, b))
    while pipeline.drain(NOW):
        pass
    assert set(Event.objects.values_list("contact", flat=True)) == {a.pk}
    assert EventRollup.objects.get().count == 2 and EventRollup.objects.get().contact_id == a.pk


def test_the_lanes_are_locked_as_the_pipeline_locks_them():
    assert merging.LANE_LOCK == pipeline.LOCK_CLASS


def test_history_moves_afterwards_and_a_second_time_for_late_comers():
    a, b = person("a"), person("b")
    event(a), event(b), event(b, "page.viewed")
    EventRollup.objects.create(contact=a, type="order.completed", count=2, first_at=NOW, last_at=NOW)
    day = dt.timedelta(days=1)
    EventRollup.objects.create(contact=b, type="order.completed", count=3, first_at=NOW - day, last_at=NOW - day)
    EventRollup.objects.create(contact=b, type="page.viewed", count=1, first_at=NOW, last_at=NOW)
    address = address_ids(["b@example.com"], NOW)["b@example.com"]
    ConsentRecord.objects.create(address_id=address, contact=b, action="given", source="form")
    merged((a, b))
    assert Event.objects.filter(contact=b).count() == 2
    assert merging.move_history(NOW) == 1
    assert Event.objects.filter(contact=a).count() == 3 and not Event.objects.filter(contact=b).exists()
    orders = EventRollup.objects.get(contact=a, type="order.completed")
    assert (orders.count, orders.first_at, orders.last_at) == (5, NOW - day, NOW)
    assert EventRollup.objects.filter(contact=a).count() == 2 and not EventRollup.objects.filter(contact=b).exists()
    assert ConsentRecord.objects.get().contact == a

    assert merging.move_history(NOW) == 0
    event(b)  # written by a request that had begun before the merge
    Identity.objects.create(kind="anonymous", value="late", contact=b)
    assert merging.move_history(LATER) == 1
    assert Event.objects.filter(contact=a).count() == 4 and a.identities.count() == 3
    assert Merge.objects.get().due_at is None and merging.move_history(LATER) == 0


def test_a_long_history_moves_in_rounds(monkeypatch):
    monkeypatch.setattr("events.merging.BATCH", 2)
    a, b = person("a"), person("b")
    for _ in range(5):
        event(b)
    merged((a, b))
    assert merging.move_history(NOW) == 3
    assert Event.objects.filter(contact=a).count() == 5


def test_history_follows_a_winner_that_was_merged_on():
    a, b, c = person("a"), person("b"), person("c")
    event(c)
    merged((b, c))
    merged((a, b))
    merging.move_history(NOW)
    assert Event.objects.get().contact == a


def test_apps_above_add_steps_and_a_fault_parks_one_merge_only(monkeypatch):
    a, b, c, d = person("a"), person("b"), person("c"), person("d")
    seen = []

    def step(winner_id, loser_id, now):
        if loser_id == b.pk:
            raise ValueError("cannot be moved")
        seen.append((winner_id, loser_id, now))

    monkeypatch.setitem(merging.merge_steps._items, "test", step)
    event(b), event(d)
    merged((a, b), (c, d))
    merging.move_history(NOW)
    assert seen == [(c.pk, d.pk, NOW)]
    parked = Merge.objects.get(loser=b)
    assert parked.due_at is None and "cannot be moved" in parked.fault
    assert Event.objects.filter(contact=b).count() == 1 and Event.objects.filter(contact=c).count() == 1


def test_the_number_of_queries_does_not_grow(django_assert_max_num_queries):
    pairs = [(person(f"w{i}", attributes={"i": i}), person(f"l{i}", attributes={"j": i})) for i in range(30)]
    with django_assert_max_num_queries(17):
        merging.merge([(winner.pk, loser.pk) for winner, loser in pairs], NOW)
    assert Contact.objects.current().count() == 30


def run(*targets):
    faults = []

    def guarded(target):
        try:
            target()
        except Exception as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=guarded, args=(target,)) for target in targets]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not faults


@pytest.mark.django_db(transaction=True)
def test_workers_that_say_the_same_or_the_opposite_end_in_one_contact():
    for _ in range(5):
        a, b, c = person(f"a{Contact.objects.count()}"), person(), person()
        orders = [[(a, b), (b, c)], [(b, c), (a, b)], [(c, a)], [(a, c), (a, b)]]
        start = threading.Barrier(len(orders))

        def say(pairs, start=start):
            start.wait()
            merging.merge([(winner.pk, loser.pk) for winner, loser in pairs], NOW)

        run(*(lambda pairs=pairs: say(pairs) for pairs in orders))
        current = Contact.objects.current().filter(pk__in=[a.pk, b.pk, c.pk])
        assert current.count() == 1
        assert Identity.objects.filter(contact=current.get()).count() == 3


@pytest.mark.django_db(transaction=True)
def test_two_workers_move_each_history_once():
    people = [(person(f"w{i}"), person()) for i in range(10)]
    for winner, loser in people:
        event(loser)
        EventRollup.objects.create(contact=winner, type="order.completed", count=1, first_at=NOW, last_at=NOW)
        EventRollup.objects.create(contact=loser, type="order.completed", count=1, first_at=NOW, last_at=NOW)
    merged(*people)
    run(lambda: merging.move_history(NOW), lambda: merging.move_history(NOW))
    assert set(EventRollup.objects.values_list("count", flat=True)) == {2}
    assert Event.objects.filter(contact__merged_into=None).count() == 10


@pytest.mark.django_db(transaction=True)
def test_news_in_a_workers_hands_is_not_moved_under_it():
    a, b = person("a"), person("b")
    Change.objects.create(contact=b, kind="event", event_id=uuid7(NOW), event_at=NOW)
    held, go_on = threading.Event(), threading.Event()

    def work():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [pipeline.LOCK_CLASS, b.pk % 256])
            held.set()
            go_on.wait()

    def say():
        held.wait()
        merging.merge([(a.pk, b.pk)], NOW)
        go_on.set()

    run(work, say)
    assert Change.objects.get(kind="event").contact_id == b.pk
    merging.move_history(NOW)
    assert Change.objects.get(kind="event").contact_id == a.pk


@pytest.mark.django_db(transaction=True)
def test_history_waits_for_both_lanes_without_standing_in_the_way():
    """Who holds the first and wants the second gets it: else the two would wait for each other."""
    first, second = sorted([person("a"), person("b")], key=lambda one: one.pk % 256)
    merged((first, second))
    held, got = threading.Event(), []

    def work():
        with transaction.atomic():
            lanes.hold(pipeline.LOCK_CLASS, [first.pk % 256])
            held.set()
            while others_waiting_for_a_lane() == 0:
                time.sleep(0.01)
            got.extend(lanes.hold_free(pipeline.LOCK_CLASS, [second.pk % 256]))

    def move():
        held.wait()
        merging.move_history(NOW)

    run(work, move)
    assert got == [second.pk % 256]
    assert Merge.objects.get().fault == ""
