"""Score rules follow what they read, also what others write and what changes for everybody at once."""

import pytest

from contacts.models import Contact
from events import recording
from events.items import Item
from scoring import levels
from scoring.models import Score, ScoreModel
from segments import catalogue, checks, computed_field, conditions
from segments.computed_models import ComputedAttribute
from tests import engine
from tests.factories import NOW
from tests.scoring.building import made, on, whose
from tests.scoring.test_settling import Shop, score

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return Shop()


def joins(shop, user, company, **traits):
    shop.sent += 1
    item = Item(kind="group", user_id=user, group_id=company, message_id=f"m{shop.sent}", traits=traits)
    assert recording.record(shop.source, [item], NOW).accepted == 1


def test_what_a_colleague_says_of_the_company_counts_for_all_of_them(shop):
    made(rules=[whose({"field": "company.employees", "op": ">", "value": 100}, 15)])
    joins(shop, "ann", "acme", employees=50)
    joins(shop, "ben", "acme")
    engine.run(NOW)
    assert not Score.objects.exists()
    joins(shop, "ben", "acme", employees=500)
    engine.run(NOW)
    assert (score("ann").fit, score("ben").fit) == (15, 15)


def test_a_computed_attribute_that_is_worked_out_later_counts_and_cannot_be_deleted_unseen(shop):
    for _ in range(3):
        shop.does("ann", "order.completed")
    attribute = ComputedAttribute.objects.create(key="orders", label="orders", event="order.completed")
    lead = made(rules=[whose({"field": "computed.orders", "op": "≥", "value": 3}, 40)])
    engine.run(NOW)
    assert score("ann").points == 40  # the attribute's stage comes first
    assert computed_field.uses(attribute) == [(f"the score model “{lead}”", lead.get_absolute_url())]
    attribute.values.all().delete()
    from segments import computed_writing

    computed_writing.start(attribute, None, NOW)
    engine.run(NOW)
    assert score("ann").points == 40


def test_names_that_vanished_are_found_by_the_check(shop):
    made(rules=[on("wishlist.shared", 5)])
    sentences = [
        said for name, tree, subject in checks.TREES["scores"]() for said in conditions.vanished(tree, subject)
    ]
    assert sentences == ["The event “wishlist.shared” is not known any more, so nobody matches; choose another."]


def test_the_builder_offers_the_values_of_score_events(shop):
    made(rules=[on("button.clicked", 5)])
    offered = {
        entry.key: [choice.value for choice in entry.values] for entry in catalogue.properties("score.band_changed")
    }
    assert offered["event.band"] == ["Cold", "Warm", "Hot"]
    assert (offered["event.direction"], offered["event.model"]) == (["up", "down"], ["lead"])
    assert levels.places([ScoreModel.objects.get().pk]) == {} and not Contact.objects.exists()
