from datetime import timedelta
from pathlib import Path

import pytest

from events import types
from events.models import EventTypeRow
from events.types import EventType

CATALOGUE = [
    "users.signed_up",
    "users.logged_in",
    "users.profile_updated",
    "users.email_confirmed",
    "page.viewed",
    "article.viewed",
    "video.watched",
    "button.clicked",
    "form.submitted",
    "product.viewed",
    "product.added_to_cart",
    "cart.abandoned",
    "checkout.started",
    "order.completed",
    "order.refunded",
    "subscription.started",
    "subscription.cancelled",
    "subscription.upgraded",
    "trial.form_started",
    "trial.started",
    "trial.ready",
    "stage.activated",
    "teammate.invited",
    "email.sent",
    "email.delivered",
    "email.opened",
    "email.clicked",
    "email.bounced",
    "email.complained",
    "email.unsubscribed",
    "push.opened",
    "segment.entered",
    "segment.left",
]


def test_the_catalogue_is_complete_and_says_itself_in_words():
    for key in CATALOGUE:
        known = types.get(key)
        assert known, key
        assert known.label and known.triggers and known.filters and known.properties, key


@pytest.mark.parametrize(
    "name",
    ["Order Completed", "order completed", "order_completed", "order.completed", "OrderCompleted", " Completed  Order"],
)
def test_clients_spellings_name_one_type(name):
    assert types.canonical(name) == "order.completed"


def test_an_unknown_name_is_kept_as_it_is():
    assert types.canonical("Rocket Launched") == "Rocket Launched"


def test_two_types_cannot_share_a_name():
    with pytest.raises(ValueError, match="twice"):
        types.register(EventType("order.completed", "Again"))
    with pytest.raises(ValueError, match="kind of property"):
        types.register(EventType("rocket.launched", "Rocket", properties={"height": "metres"}))
    assert types.get("rocket.launched") is None


@pytest.mark.django_db
def test_every_built_in_type_has_a_row_after_migrate():
    assert set(CATALOGUE) <= set(EventTypeRow.objects.values_list("key", flat=True))
    types.ensure_rows()
    assert EventTypeRow.objects.get(key="cart.abandoned").label == "Cart abandoned"


@pytest.mark.django_db
def test_adopted_types_are_offered_and_unregistered_ones_are_not(now):
    EventTypeRow.objects.create(key="Rocket Launched", label="Rocket launched", adopted_at=now)
    EventTypeRow.objects.create(key="Rocket Lost")
    offered = dict(types.choices())
    assert offered["order.completed"] == "Order completed"
    assert offered["Rocket Launched"] == "Rocket launched"
    assert "Rocket Lost" not in offered
    assert types.find("Rocket Launched").triggers == "does “Rocket launched”"


@pytest.mark.django_db
def test_marketers_set_how_late_is_too_late():
    limits = types.late_limits()
    assert limits["order.completed"] == timedelta(hours=72)
    EventTypeRow.objects.filter(key="order.completed").update(no_late_limit=True)
    EventTypeRow.objects.filter(key="cart.abandoned").update(late_limit=timedelta(hours=6))
    EventTypeRow.objects.create(key="Rocket Launched", late_limit=timedelta(days=1))
    limits = types.late_limits()
    assert limits["order.completed"] is None
    assert limits["cart.abandoned"] == timedelta(hours=6)
    assert limits["Rocket Launched"] == timedelta(days=1)


def test_every_type_is_in_the_documentation():
    page = (Path(__file__).resolve().parents[2] / "docs" / "event-api.md").read_text()
    assert [known.key for known in types.registry if f"`{known.key}`" not in page] == []
