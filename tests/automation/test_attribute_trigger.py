"""An attribute changes: any change, to a value, from one to another; only real changes, and never by an import."""

import pytest

from automation.models import Enrollment
from campaigns.document import Reentry, Trigger
from campaigns.head_words import trigger_in_words
from campaigns.trigger_kinds import TRIGGER_KINDS, from_settings
from contacts import writing
from contacts.models import Contact
from events.models import Event
from tests import engine
from tests.factories import NOW, CampaignFactory, ContactFactory, TemplateFactory

pytestmark = pytest.mark.django_db


def campaign(**config):
    trigger = Trigger(kind="attribute", config=config)
    return CampaignFactory(triggers=[trigger], reentry=Reentry(mode="every_time"))


def ways(track):
    """The plans that Ann goes through, told by events, and then by a person in the admin."""
    for plan in ("free", "pro", "pro", "enterprise"):
        track(NOW, "ann", "users.logged_in", traits={"email": "ann@example.com", "plan": plan})
    writing.set_attributes([Contact.objects.get().pk], {"plan": "pro"}, NOW)
    engine.run(NOW)


@pytest.mark.parametrize(
    "config, changes",
    [
        ({}, [(None, "free"), ("free", "pro"), ("pro", "enterprise"), ("enterprise", "pro")]),
        ({"after": "Pro"}, [("free", "pro"), ("enterprise", "pro")]),
        ({"before": "enterprise", "after": "pro"}, [("enterprise", "pro")]),
        ({"before": "free"}, [("free", "pro")]),
        ({"after": "gold"}, []),
    ],
)
def test_the_changes_that_are_meant_let_her_in(inbox, track, config, changes):
    campaign(attribute="plan", **config)
    ways(track)
    data = Enrollment.objects.order_by("id").values_list("data", flat=True)
    assert [(one["from"], one["to"]) for one in data] == changes
    assert len(inbox.accepted) == len(changes)


def test_numbers_and_yes_or_no_are_compared_as_they_are_written(inbox, track):
    campaign(attribute="seats", after="5")
    campaign(attribute="usage.active", before="true", after="false")
    for seats, active in ((4, True), (5, False)):
        track(NOW, "ann", "x", traits={"email": "ann@example.com", "seats": seats, "usage": {"active": active}})
    assert len(inbox.accepted) == 2


def test_a_mail_may_show_what_it_was(inbox, track):
    html = '<p>{{ event.from }} to {{ event.to }}</p><a href="{{ unsubscribe_url }}">no more</a>'
    trigger = Trigger(kind="attribute", config={"attribute": "plan", "before": "free"})
    CampaignFactory(triggers=[trigger], template=TemplateFactory(html=html))
    ways(track)
    assert "free to pro" in str(inbox.accepted[0].data)


def test_an_import_starts_nothing_and_what_no_campaign_follows_is_not_recorded(inbox, track):
    from events import recording
    from events.items import Item
    from ops.models import Source

    campaign(attribute="plan")
    ann = ContactFactory(email="ann@example.com")
    shop = Source.objects.get(name="Shop")
    person = Item(kind="identify", user_id="u1", traits={"email": "ann@example.com", "plan": "pro"})
    recording.record(shop, [person], NOW, triggers=False)
    writing.set_attributes([ann.pk], {"city": "Oslo"}, NOW)
    engine.run(NOW)
    assert not Enrollment.objects.exists() and not Event.objects.filter(type="attribute.changed").exists()


@pytest.mark.parametrize(
    "config, words",
    [
        ({}, "When somebody’s plan changes."),
        ({"after": "pro"}, "When somebody’s plan changes to “pro”."),
        ({"before": "free", "after": "pro"}, "When somebody’s plan changes from “free” to “pro”."),
    ],
)
def test_it_reads_as_a_sentence_and_its_form_gives_it_back(config, words):
    trigger = Trigger(kind="attribute", config={"attribute": "plan", **config})
    assert trigger_in_words(trigger) == words
    form_class = TRIGGER_KINDS["attribute"].form
    assert form_class
    form = form_class({"attribute": "plan", "filter": "", **config})
    assert form.is_valid() and from_settings("attribute", form.config()) == trigger
    assert TRIGGER_KINDS["attribute"].problems(trigger) == []


@pytest.mark.parametrize("name", ["", "email", "a..b", "x" * 200, None, 7])
def test_what_is_no_attribute_is_told(name):
    wrong = TRIGGER_KINDS["attribute"].problems(Trigger(kind="attribute", config={"attribute": name}))
    assert len(wrong) == 1 and wrong[0].endswith(".")
