"""What the rule builder offers to choose from."""

import pytest

from segments.catalogue import catalogue, properties
from segments.conditions import sentence
from segments.entries import EVENT, GROUPS, Choice
from segments.leaves import LEAVES
from segments.models import Segment
from tests.factories import TopicFactory

pytestmark = pytest.mark.django_db


def keys(subject, kind="field", event_type=None):
    return [entry.key for entry in catalogue(subject, event_type) if entry.kind == kind]


def test_fields_of_events_are_offered_only_where_there_is_an_event():
    assert "contact.email" in keys("contact") and "event.type" not in keys("contact")
    offered = keys("event", event_type="order.completed")
    assert {"event.type", "event.total", "contact.email"} <= {*offered}
    assert offered.index("event.total") < offered.index("contact.email")


def test_properties_come_with_their_types():
    types = {entry.key: entry.type for entry in properties("order.completed")}
    assert types["event.total"] == "number" and types["event.products"] == "list"
    assert properties("never.heard_of") == properties(None) == ()


def test_the_segment_that_people_enter_is_chosen_and_said_by_its_name():
    segment = Segment.objects.create(name="Loyal", kind="static")
    offered = {entry.key: entry.values for entry in properties("segment.entered")}
    assert offered["event.segment"] == (Choice(segment.pk, "Loyal"),)
    tree = {"field": "event.segment", "op": "is", "value": segment.pk}
    assert sentence(tree, "event", "segment.entered") == "the event’s segment is “Loyal”"
    assert sentence(tree | {"op": "any of", "value": [segment.pk, 0]}, "event", "segment.left").endswith(
        "“Loyal” or “0”"
    )
    assert sentence(tree, "event", "order.completed") == f"the event’s segment is {segment.pk}"


def test_every_entry_stands_in_a_group_and_is_a_leaf_that_exists():
    TopicFactory(key="news")
    found = catalogue("enrollment", "order.completed")
    assert {entry.group.partition(":")[0] for entry in found} <= {EVENT, *GROUPS}
    assert {entry.kind for entry in found} <= {key for key, _ in LEAVES.items()}
    assert len({(entry.kind, entry.key) for entry in found}) == len(found)


def test_the_catalogue_asks_a_fixed_number_of_questions(django_assert_max_num_queries):
    TopicFactory.create_batch(3)
    with django_assert_max_num_queries(11):
        catalogue("contact")
