"""Segments where one looks at a person: the contact page's panel, the list's filter, why in and why not."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contacts import writing
from lib import clock
from segments import members
from segments.models import Segment
from tests import engine
from tests.campaigns.typing_in import browser
from tests.factories import ContactFactory
from tests.segments.test_segment_pages import PRO, made, text, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    return browser("Marketer")


@pytest.fixture
def ann():
    return ContactFactory(attributes={"first_name": "Ann", "plan": "pro"})


def contact_page(client, contact):
    return text(client.get(reverse("admin:contacts_contact_change", args=[contact.pk])))


def become(contact, plan):
    writing.set_attributes([contact.pk], {"plan": plan}, clock.now())
    engine.run(clock.now())


def test_the_contact_page_says_what_they_are_in_and_what_they_left(client, ann):
    assert "In no segment so far." in contact_page(client, ann)
    segment, guests = made(), made("Guests", kind="static")
    members.add(guests, [ann.pk], clock.now(), "hand")
    page = contact_page(client, ann)
    assert segment.get_absolute_url() in page and "Put in by hand" in page
    assert f"{url('why', segment.pk)}?contact={ann.pk}" in page
    become(ann, "free")
    assert "left: something was written about them" in contact_page(client, ann)


def test_the_contact_page_asks_the_same_number_of_queries_however_many_segments(client, ann):
    made()
    contact_page(client, ann)
    with CaptureQueriesContext(connection) as few:
        contact_page(client, ann)
    for number in range(5):
        made(f"Pro {number}")
    with CaptureQueriesContext(connection) as many:
        contact_page(client, ann)
    assert len(many) == len(few)


def test_the_list_of_contacts_is_narrowed_to_a_segment(client, ann):
    other, segment = ContactFactory(), made()
    listed = reverse("admin:contacts_contact_changelist")
    rows = client.get(listed, {"segment": segment.pk}).context["cl"].result_list
    assert [row.pk for row in rows] == [ann.pk] and other.pk
    become(ann, "free")
    assert not client.get(listed, {"segment": segment.pk}).context["cl"].result_list
    assert len(client.get(listed, {"segment": "nonsense"}).context["cl"].result_list) == 2


# --- why ---


def test_somebody_is_searched_for_and_asked_about(client, ann):
    segment = made()
    assert url("why", segment.pk) in text(client.get(url("change", segment.pk)))
    page = text(client.get(url("why", segment.pk), {"q": "ann"}))
    assert f"?contact={ann.pk}" in page
    assert "Nobody has a name" in text(client.get(url("why", segment.pk), {"q": "zz"}))


def test_why_in_names_each_part_and_what_it_saw(client, ann):
    tree = {"all": [PRO, {"field": "contact.first_name", "op": "is", "value": "Ann"}]}
    segment = made(condition=tree)
    page = text(client.get(url("why", segment.pk), {"contact": ann.pk}))
    assert "is in it" in page and "the rules were made or changed" in page and "their plan is “pro”" in page
    assert "yes" in page and ">no<" not in page


def test_why_not_names_the_part_that_is_not_so(client):
    bob, segment = ContactFactory(attributes={"plan": "free"}), made()
    page = text(client.get(url("why", segment.pk), {"contact": bob.pk}))
    assert "is not in it" in page and "their plan is “pro”" in page and ">no<" in page and "free" in page


def test_what_was_before_is_told(client, ann):
    segment = made()
    become(ann, "free")
    page = text(client.get(url("why", segment.pk), {"contact": ann.pk}))
    assert "In it from" in page and "left: something was written about them" in page


def test_a_list_says_who_put_them_there(client, ann):
    guests = made("Guests", kind="static")
    assert "Nobody put them on this list." in text(client.get(url("why", guests.pk), {"contact": ann.pk}))
    members.add(guests, [ann.pk], clock.now(), "hand")
    assert "put in by hand" in text(client.get(url("why", guests.pk), {"contact": ann.pk}))


def test_rules_that_cannot_be_evaluated_are_no_crash(client, ann):
    segment = made()
    Segment.objects.filter(pk=segment.pk).update(condition={"field": "contact.plan", "op": "gone"})
    assert "The rules cannot be evaluated" in text(client.get(url("why", segment.pk), {"contact": ann.pk}))


@pytest.mark.parametrize("asked", ["x", "0", "99999999999999999999", "-1"])
def test_nobody_of_that_number_is_no_crash(client, asked):
    assert "Why is somebody in" in text(client.get(url("why", made().pk), {"contact": asked}))
