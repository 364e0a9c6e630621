"""Computed attributes: kept up with every event, worked out from the past, right after merges."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts import merging
from contacts.models import Contact
from events import recording
from events.models import Event
from events.pipeline import drain
from ops import jobs
from segments import computed_writing
from segments.computed_models import ComputedAttribute, ComputedTally, ComputedValue
from segments.conditions import matching, reads, sentence, validate, vanished
from tests.factories import NOW, ContactFactory
from tests.segments.test_membership import made, settle, those_in

pytestmark = pytest.mark.django_db
ORDER = "order.completed"
DEFINITIONS = [
    ("orders", "count", "", "number"), ("spent", "sum", "total", "number"), ("least", "min", "total", "number"),
    ("most", "max", "total", "number"), ("first_order", "first", "", "date"), ("last_order", "last", "", "date"),
    ("first_item", "first", "item", "text"), ("last_item", "last", "item", "text"),
    ("favourite", "most frequent", "item", "text"),
]  # fmt: skip


def attribute(key, measure="count", of="", type_="number", where=None, event=ORDER, fill=True):
    made = ComputedAttribute.objects.create(
        key=key, label=key.replace("_", " "), event=event, measure=measure, of=of, type=type_, where=where
    )
    if fill:
        computed_writing.start(made, None, NOW)
        settle()
    return made


def order(contact, minutes=0, key=None, **properties):
    number = key if key is not None else Event.objects.count() + 1000
    recording.record_own(
        [
            recording.OwnEvent(
                contact_id=contact.pk, type=ORDER, properties=properties, hops=1, key=f"k{number}",
                occurred_at=NOW + timedelta(minutes=minutes),
            )
        ],
        NOW,
    )  # fmt: skip


def values(contact):
    return computed_writing.values_of([contact.pk])[contact.pk]


class TestKeepingUp:
    def test_events_are_added_as_they_come(self):
        for definition in DEFINITIONS:
            attribute(*definition)
        contact = ContactFactory()
        order(contact, 5, total="20", item="tea")
        order(contact, 1, total=5.5, item="cup")
        settle()
        order(contact, 9, total=30, item="tea")
        order(contact, 7, total="unknown")
        settle()
        found = values(contact)
        assert found == {
            "orders": 4, "spent": Decimal("55.5"), "least": Decimal("5.5"), "most": 30,
            "first_order": NOW + timedelta(minutes=1), "last_order": NOW + timedelta(minutes=9),
            "first_item": "cup", "last_item": "tea", "favourite": "tea",
        }  # fmt: skip
        assert values(ContactFactory()) == {"orders": 0, "spent": 0}

    def test_only_events_that_fit_count(self):
        attribute("large", where={"field": "event.total", "op": ">", "value": 50})
        contact = ContactFactory()
        order(contact, total=60)
        order(contact, total=10)
        settle()
        assert values(contact)["large"] == 1

    def test_what_is_sent_twice_counts_once(self):
        attribute("orders")
        contact = ContactFactory()
        order(contact, key=1)
        order(contact, key=1)
        settle()
        order(contact, key=1)
        settle()
        assert values(contact)["orders"] == 1

    def test_one_statement_a_batch_whatever_the_number(self, django_assert_num_queries):
        for definition in DEFINITIONS:
            attribute(*definition)
        contacts = ContactFactory.create_batch(5)
        for contact in contacts:
            order(contact, total=1, item="tea")

        class Batch:
            events = list(Event.objects.all())

        with django_assert_num_queries(2):  # the definitions; the values
            computed_writing.follow(Batch)
        assert {values(contact)["orders"] for contact in contacts} == {1}


class TestThePast:
    def test_it_is_worked_out_in_the_background(self):
        contact, other = ContactFactory(), ContactFactory()
        order(contact, total=1)
        order(contact, total=2)
        settle()
        spent = attribute("spent", "sum", "total")
        assert values(contact)["spent"] == 3 and values(other)["spent"] == 0
        spent.refresh_from_db()
        assert spent.is_filled and spent.filled_at == NOW and spent.job.result == "1 people have a value."

    def test_events_that_wait_for_the_pipeline_count_once(self):
        contact = ContactFactory()
        order(contact, total=1)
        settle()
        order(contact, total=2)
        spent = attribute("spent", "sum", "total", fill=False)
        computed_writing.start(spent, None, NOW)
        while jobs.run_due(NOW):
            pass
        assert values(contact)["spent"] == 1
        drain(NOW)
        assert values(contact)["spent"] == 3

    def test_a_job_of_an_older_definition_does_nothing(self):
        contact = ContactFactory()
        order(contact, total=1)
        settle()
        spent = attribute("spent", "sum", "total", fill=False)
        computed_writing.start(spent, None, NOW)
        ComputedAttribute.objects.update(revision=2)
        settle()
        spent.refresh_from_db()
        assert not spent.is_filled and "changed again" in spent.job.result


class TestMerging:
    def merge(self, winner, loser):
        merging.merge([(winner.pk, loser.pk)], NOW)
        merging.move_history(NOW)
        settle()

    def test_what_both_did_becomes_one(self):
        for definition in DEFINITIONS:
            attribute(*definition)
        one, two = ContactFactory(), ContactFactory()
        order(one, 1, total=1, item="cup")
        order(one, 2, total=1, item="tea")
        order(two, 3, total=7, item="tea")
        settle()
        self.merge(one, two)
        found = values(one)
        assert (found["orders"], found["spent"], found["favourite"], found["last_item"]) == (3, 9, "tea", "tea")
        assert values(two) == {"orders": 0, "spent": 0} and not ComputedTally.objects.filter(contact=two).exists()

    def test_the_past_of_a_merge_whose_history_has_not_moved_yet_counts_once(self):
        one, two = ContactFactory(), ContactFactory()
        attribute("orders")
        order(one)
        order(two)
        settle()
        merging.merge([(one.pk, two.pk)], NOW)
        again = ComputedAttribute.objects.get()
        computed_writing.start(again, None, NOW)
        settle()
        assert values(one)["orders"] == 2
        merging.move_history(NOW)
        settle()
        assert values(one)["orders"] == 2

    def test_segments_that_read_it_follow(self):
        attribute("orders")
        segment = made(condition={"field": "computed.orders", "op": "≥", "value": 2})
        one, two = ContactFactory(), ContactFactory()
        order(one)
        order(two)
        settle()
        assert those_in(segment) == set()
        self.merge(one, two)
        assert those_in(segment) == {one.pk}


moves = st.lists(
    st.one_of(
        st.tuples(
            st.just("order"), st.integers(0, 3), st.integers(0, 20), st.integers(0, 8),
            st.sampled_from([None, 3, 7.5, "4", "x", -2]), st.sampled_from([None, "tea", "cup", "Tea"]),
        ),
        st.just(("drain",)),
        st.tuples(st.just("merge"), st.integers(0, 3), st.integers(0, 3)),
        st.just(("history",)),
        st.just(("refill",)),
    ),
    max_size=25,
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves)
def test_kept_up_is_what_is_worked_out_from_scratch(moves):
    for model in (ComputedAttribute, Event):
        model.objects.all().delete()
    people = [ContactFactory() for _ in range(4)]
    for definition in DEFINITIONS:
        attribute(*definition, fill=False)
    for number, (what, *more) in enumerate(moves):
        if what == "order":
            who, minutes, key, total, item = more
            current = Contact.objects.get(pk=people[who].pk)
            given_ = {"total": total, "item": item}
            order(current, minutes, f"{people[0].pk}-{key}", **{k: v for k, v in given_.items() if v is not None})
        elif what == "drain":
            drain(NOW)
        elif what == "merge" and more[0] != more[1]:
            merging.merge([(people[more[0]].pk, people[more[1]].pk)], NOW)
        elif what == "history":
            merging.move_history(NOW, 1)
        elif what == "refill":
            refill(ComputedAttribute.objects.order_by("pk")[number % len(DEFINITIONS)])
    later = NOW + timedelta(hours=1)
    while drain(later) or merging.move_history(later) or drain(later):
        pass
    kept = snapshot()
    ComputedValue.objects.all().delete()
    ComputedTally.objects.all().delete()
    for one in ComputedAttribute.objects.all():
        refill(one)
    assert kept == snapshot() == by_hand()


def refill(one):
    computed_writing._refill(one, sorted(Contact.objects.values_list("pk", flat=True)))


def snapshot():
    rows = ComputedValue.objects.select_related("attribute")
    return {(row.attribute.key, row.contact_id): row.value for row in rows}


def by_hand():
    """The same in plain Python."""
    found, theirs = {}, {}
    for event in Event.objects.filter(type=ORDER):
        theirs.setdefault(event.contact_id, []).append(event)
    for contact, events in theirs.items():
        times = [event.occurred_at for event in events]
        made = {"orders": len(events), "first_order": min(times), "last_order": max(times)}
        totals = [
            Decimal(str(total)) for event in events if (total := event.properties.get("total")) not in (None, "x")
        ]
        if totals:
            made |= {"spent": sum(totals), "least": min(totals), "most": max(totals)}
        items = sorted((event.occurred_at, item) for event in events if (item := event.properties.get("item")))
        if items:
            made |= {"first_item": items[0][1], "last_item": items[-1][1]}
            names = [item for _, item in items]
            last = {item: at for at, item in items}
            made["favourite"] = min(set(names), key=lambda item: (-names.count(item), NOW - last[item], item))
        found |= {(key, contact): value for key, value in made.items()}
    return found


class TestConditions:
    @pytest.fixture
    def people(self):
        for definition in DEFINITIONS:
            attribute(*definition)
        found = {name: ContactFactory() for name in ("none", "one", "many")}
        order(found["one"], total=5, item="Tea")
        for total in (10, 20, 30):
            order(found["many"], total, total=total, item="cup")
        settle()
        return found

    @pytest.mark.parametrize(
        ("key", "op", "value", "expected"),
        [
            ("orders", "≥", 1, "one many"), ("orders", "<", 3, "none one"), ("orders", "is", 0, "none"),
            ("orders", "is not", 0, "one many"), ("orders", "between", [0, 1], "none one"), ("spent", ">", 50, "many"),
            ("spent", "≤", 50, "none one"), ("least", "<", 100, "one many"), ("least", "is set", None, "one many"),
            ("orders", "is set", None, "none one many"), ("favourite", "is", "tea", "one"),
            ("favourite", "is not", "tea", "none many"), ("last_order", "before", "2099-01-01", "one many"),
            ("last_order", "is not set", None, "none"), ("last_item", "starts with", "C", "many"),
        ],
    )  # fmt: skip
    def test_every_measure_is_a_field_of_its_type(self, people, key, op, value, expected):
        leaf = {"field": f"computed.{key}", "op": op} | ({} if value is None else {"value": value})
        assert not validate(leaf, "contact")
        inside = set(matching(Contact.objects.all(), leaf, NOW))
        outside = set(matching(Contact.objects.all(), {"not": leaf}, NOW))
        assert inside == {people[name] for name in expected.split()}
        assert outside == {*people.values()} - inside
        about = {event.contact for event in matching(Event.objects.select_related("contact"), leaf, NOW)}
        assert about == inside - {people["none"]}

    def test_says_it_and_says_what_it_reads(self, people):
        leaf = {"field": "computed.spent", "op": "≥", "value": 50}
        assert sentence(leaf, "contact") == "their spent is at least 50"
        assert reads(leaf, "contact") == {"event:order.completed", "computed:spent"}

    def test_one_that_is_not_there_is_refused_and_reported(self):
        ContactFactory()
        leaf = {"field": "computed.gone", "op": "≥", "value": 0}
        [problem] = validate(leaf, "contact")
        assert problem.path == "field" and "no computed attribute" in problem.sentence
        assert len(vanished(leaf, "contact")) == 1
        assert not matching(Contact.objects.all(), leaf, NOW).exists()

    def test_segments_are_asked_again_when_the_past_is_worked_out(self):
        contact = ContactFactory()
        order(contact, total=1)
        settle()
        one = attribute("orders", fill=False)
        segment = made(condition={"field": "computed.orders", "op": "≥", "value": 1})
        assert those_in(segment) == set()
        computed_writing.start(one, None, NOW)
        settle()
        assert those_in(segment) == {contact.pk}


def test_dates_are_read_as_conditions_read_them():
    attribute("renewal", "last", "renews", "date")
    contact = ContactFactory()
    order(contact, renews="2026-05-01")
    settle()
    assert values(contact)["renewal"] == datetime(2026, 5, 1, tzinfo=UTC)
