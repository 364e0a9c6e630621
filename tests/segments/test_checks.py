"""What saved conditions name that is not there any more: reported, shown, never a crash."""

import pytest
from django.core.checks import run_checks
from django.urls import reverse

from campaigns.document import Trigger
from contacts.models import Company, Topic
from segments import computed_field
from segments.computed_models import ComputedAttribute
from segments.models import Segment
from tests.factories import CampaignFactory, ContactFactory, TemplateFactory, TopicFactory, UserFactory
from tests.segments.test_computed import attribute
from tests.segments.test_membership import made, settle, those_in

pytestmark = pytest.mark.django_db
SPENT = {"field": "computed.spent", "op": "≥", "value": 50}


def warnings():
    return sorted(str(found.msg) for found in run_checks(databases=["default"]) if found.id == "segments.W001")


def test_nothing_to_say_of_a_site_in_order():
    attribute("spent", "sum", "total")
    made(condition=SPENT)
    CampaignFactory()
    assert warnings() == []


def test_every_kind_of_vanished_name_is_reported(client):
    spent = attribute("spent", "sum", "total")
    TopicFactory(key="news")
    other = Segment.objects.create(name="Other", kind="static")
    leaves = [SPENT, {"segment": other.pk}, {"consent": "subscribed", "topic": "news"}]
    segment = made(name="Reader", condition={"any": leaves})
    spent.delete()
    other.delete()
    Topic.objects.all().delete()
    found = warnings()
    assert len(found) == 3 and all(one.startswith("The segment “Reader”: ") for one in found)
    client.force_login(UserFactory())
    page = client.get(segment.get_absolute_url()).content.decode()
    assert "no computed attribute “computed.spent”" in page
    settle()
    assert those_in(segment) == set()


def test_campaigns_are_looked_at_too_and_say_what_they_use():
    spent = attribute("spent", "sum", "total")
    template = TemplateFactory(
        html="<p>{{ contact.computed.spent }}</p>" + TemplateFactory.build().html, name="Receipt"
    )
    TemplateFactory(html="<p>{{ contact.computed.spent_ever }}</p>" + TemplateFactory.build().html)
    campaign = CampaignFactory(name="Thanks", triggers=[Trigger(event="order.completed", filter=SPENT)])
    assert computed_field.uses(spent) == [
        ("the campaign “Thanks”", reverse("admin:campaigns_campaign_change", args=[campaign.pk])),
        ("the template “Receipt”", reverse("admin:campaigns_emailtemplate_change", args=[template.pk])),
    ]
    ComputedAttribute.objects.all().delete()
    [warning] = warnings()
    assert warning.startswith("The campaign “Thanks”, trigger 1: ")


def test_an_attribute_that_nobody_has_any_more_is_reported_and_one_that_anybody_has_is_not():
    plan, seats = ({"field": f"{root}.subscription.plan", "op": "is not set"} for root in ("contact", "company"))
    made(name="Free", condition={"all": [plan, seats]})
    assert warnings() == []  # nobody at all is there yet
    contact = ContactFactory(attributes={"subscription": {"plan": None}})
    Company.objects.create(key="acme")
    assert warnings() == ["The segment “Free”: No company has “subscription.plan” any more; choose another field."]
    contact.attributes = {"subscription": {}}
    contact.save()
    assert len(warnings()) == 2


def test_checks_without_a_database_ask_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        run_checks()
