"""A file's people in a static segment, and lists of outside systems."""

import pytest

from automation.models import Enrollment
from campaigns.document import Trigger
from contacts import import_lists, importing
from contacts.models import Contact, Import
from segments import defining
from segments.models import Membership, Segment
from tests.contacts.importing import fates, imported, received, tried, work
from tests.factories import NOW, CampaignFactory, ContactFactory, UserFactory
from tests.segments.test_membership import settle

pytestmark = pytest.mark.django_db
GOLD = {"field": "contact.plan", "op": "is", "value": "gold"}


@pytest.fixture
def fair():
    return Segment.objects.create(name="Met at the fair", kind="static")


def test_everybody_whom_a_file_wrote_about_is_put_in_the_segment(fair):
    user = UserFactory()
    imported("id,email", "1,ann@example.com", "2,ben@example.com", ",,", user=user, destination=f"segment:{fair.pk}")
    stays = Membership.objects.current().filter(segment=fair)
    assert {stay.contact.email for stay in stays} == {"ann@example.com", "ben@example.com"}
    assert {(stay.entered_by, stay.by) for stay in stays} == {("import", user)}


def test_a_segment_that_was_deleted_meanwhile_ends_the_import_with_a_sentence(fair):
    whole = tried(received("id", "1"), destination=f"segment:{fair.pk}")
    fair.delete()
    importing.start(whole, None, NOW)
    work()
    whole = Import.objects.get(pk=whole.pk)
    assert whole.import_job.state == "failed" and "not there any more" in whole.import_job.result
    assert not Contact.objects.exists()


def test_a_list_of_ids_or_addresses_fills_a_segment_and_names_who_is_not_here(fair):
    imported("id,email", "1,ann@example.com", "2,ben@example.com", "3,cleo@example.com")
    home = [ContactFactory(email="home@example.com").pk for _ in range(2)]
    before = Contact.objects.count()
    whole = imported(
        "who", "1", " BEN@example.com", "home@example.com", "nobody@example.com", "99", "1",
        kind="list", destination=f"segment:{fair.pk}",
    )  # fmt: skip
    inside = set(Membership.objects.current().filter(segment=fair).values_list("contact", flat=True))
    assert Contact.objects.count() == before
    assert inside == {*Contact.objects.filter(identities__value__in=["1", "2"]).values_list("pk", flat=True), *home}
    assert fates(whole) == {2: "found", 3: "found", 4: "found", 5: "missing", 6: "missing", 7: "found"}
    assert whole.became["reasons"][import_lists.NOBODY.reason]["examples"] == [[5, "nobody@example.com"], [6, "99"]]
    assert whole.expected["counts"] == whole.became["counts"] == {"found": 4, "missing": 2}
    assert whole.expected["joined"] == whole.became["joined"] == len(inside) == 4


def test_a_segment_by_rules_takes_in_who_was_imported_and_no_campaign_does():
    gold = defining.save(Segment(name="Gold", condition=GOLD), None, NOW)
    settle()
    campaign = CampaignFactory(triggers=[Trigger(event="segment.entered")])
    imported("id,email,plan", "1,ann@example.com,gold", "2,ben@example.com,free")
    settle()
    [stay] = Membership.objects.filter(segment=gold)
    assert (stay.contact.email, stay.entered_by) == ("ann@example.com", "import")
    assert not Enrollment.objects.filter(campaign=campaign).exists()
