"""A sequence for whoever becomes a good customer: by what they do, not by an edit of the rules or an import."""

import pytest

from campaigns.document import Trigger
from campaigns.linear import Row
from contacts.models import Identity
from lib import clock
from segments import defining
from segments.models import Membership, Segment
from tests.factories import CampaignFactory, TemplateFactory

pytestmark = pytest.mark.django_db
BIG = {"field": "contact.plan", "op": "any of", "value": ["pro", "enterprise"]}


@pytest.fixture
def good_customers(shop, publisher):
    segment = defining.save(Segment(name="Good customers", condition=BIG), publisher, clock.now())
    shop.work()
    return segment


@pytest.fixture
def thanks(good_customers):
    chosen = {"field": "event.segment", "op": "is", "value": good_customers.pk}
    return CampaignFactory(
        name="Thank you",
        triggers=[Trigger(event="segment.entered", filter=chosen)],
        rows=[Row(uid="thanks", template=TemplateFactory(subject="Thank you").pk)],
        now=clock.now(),
    )


def readers(inbox):
    return sorted(mail.recipient for mail in inbox.accepted)


def test_becoming_a_good_customer_brings_a_mail_once(shop, inbox, thanks):
    shop.identify("u1", email="ann@example.com", plan="free")
    assert readers(inbox) == []
    shop.identify("u1", plan="pro")
    assert readers(inbox) == ["ann@example.com"]
    shop.identify("u1", plan="enterprise")  # still the same segment
    shop.identify("u1", plan="free")
    shop.identify("u1", plan="pro")  # in again; the campaign takes everybody in once
    assert readers(inbox) == ["ann@example.com"]
    ann = Identity.objects.get(value="u1").contact
    stays = Membership.objects.filter(contact=ann).order_by("id")
    assert [(stay.entered_by, stay.left_by) for stay in stays] == [("change", "change"), ("change", "")]


def test_an_edit_of_the_rules_mails_nobody(shop, inbox, thanks, good_customers, publisher):
    shop.identify("u1", email="ann@example.com", plan="basic")
    good_customers.condition = {"field": "contact.plan", "op": "is set"}
    defining.save(good_customers, publisher, clock.now())
    shop.work()
    assert Membership.objects.current().count() == 1 and readers(inbox) == []


def test_who_is_imported_gets_no_mail(shop, inbox, thanks):
    batch = [{"type": "identify", "userId": "u1", "traits": {"email": "ann@example.com", "plan": "pro"}}]
    answer = shop.client.post(
        "/v1/import", {"batch": batch}, content_type="application/json",
        headers={"authorization": f"Bearer {shop.key}"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.content
    shop.work()
    assert Membership.objects.get().entered_by == "import" and readers(inbox) == []
