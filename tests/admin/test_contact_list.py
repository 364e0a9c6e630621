"""The list of contacts: found by the beginning of a name, an address or an id, and fast whatever its size."""

import pytest
from django.db import connection
from django.db.models.functions import Lower
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contacts import consent, writing
from contacts.admin import ids_found
from contacts.models import Address, Contact, Identity, Suppression
from lib import clock
from lib.admin import CappedPaginator
from tests.factories import ContactFactory

LIST = "admin:contacts_contact_changelist"


def page(client, **query):
    response = client.get(reverse(LIST), query)
    assert response.status_code == 200
    return response.content.decode()


def names(client, **query):
    return [str(contact) for contact in client.get(reverse(LIST), query).context["cl"].result_list]


@pytest.fixture
def grace(ada):
    pk, _ = writing.contact_for_user("hopper_9", clock.now())
    writing.upsert(pk, writing.Upsert(attributes={"name": "Grace Hopper"}, email="g.hopper@navy.example"), clock.now())
    return Contact.objects.get(pk=pk)


@pytest.mark.parametrize("term", ["Ada", "ada lov", "ADA@EX", "ada-1", " ada "])
def test_a_contact_is_found_by_the_beginning_of_its_name_address_or_id(boss, ada, grace, term):
    assert names(boss, q=term) == ["Ada Lovelace"]


@pytest.mark.parametrize("term", ["velace", "example.com", "%", "_", "Ada%", "hopper-9", "\\"])
def test_the_middle_of_a_word_or_a_wildcard_finds_nobody(boss, ada, grace, term):
    assert names(boss, q=term) == []


def test_nothing_found_says_so_and_leads_back(boss, ada):
    text = page(boss, q="zzz")
    assert "Nothing was found" in text and "Show all" in text


def test_an_empty_site_says_where_contacts_come_from(boss):
    text = page(boss)
    assert "No contacts yet" in text and "as soon as your product sends its first event" in text
    assert reverse("admin:contacts_contact_add") in text


def test_merged_contacts_are_not_listed(boss, ada, grace):
    Contact.objects.filter(pk=grace.pk).update(merged_into=ada)
    assert names(boss) == ["Ada Lovelace"]
    assert names(boss, q="grace") == []


def test_who_may_not_be_mailed_can_be_listed(boss, ada, grace):
    consent.unsubscribe(ada.address_id, now=clock.now(), source="test")
    consent.suppress(reason=Suppression.Reason.BOUNCE, now=clock.now(), address_id=grace.address_id)
    assert names(boss, state="unsubscribed") == ["Ada Lovelace"]
    assert names(boss, state="suppressed") == ["Grace Hopper"]
    text = page(boss)
    assert "Unsubscribed" in text and "Suppressed" in text


def test_tags_and_test_contacts_can_be_filtered(boss, ada, grace):
    Contact.objects.filter(pk=grace.pk).update(is_test=True)
    assert names(boss, tags__id__exact=ada.tags.get().pk) == ["Ada Lovelace"]
    assert names(boss, is_test__exact="1") == ["Grace Hopper"]


def test_the_number_of_queries_does_not_grow_with_the_list(boss, ada):
    page(boss)
    with CaptureQueriesContext(
        connection,
    ) as few:
        page(boss)
    for contact in ContactFactory.create_batch(20):
        writing.add_tags([contact.pk], ["a", "b", "c"], clock.now())
    with CaptureQueriesContext(connection) as many:
        page(boss)
    assert len(many) == len(few)


@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (lambda: Contact.objects.annotate(low=Lower("name")).filter(low__startswith="ada"), "contact_name_prefix"),
        (lambda: Address.objects.filter(email__startswith="ada"), "address_email_prefix"),
        (lambda: Identity.objects.filter(value__startswith="ada"), "identity_value_prefix"),
    ],
)
def test_every_search_has_its_index(db, rows, index):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert index in rows().explain()


def test_a_search_is_three_queries_and_bounded(db, ada, django_assert_num_queries):
    with django_assert_num_queries(3):
        assert ids_found("ada") == {ada.pk}


def test_a_long_list_is_counted_to_its_cap_and_then_estimated(db, monkeypatch):
    ContactFactory.create_batch(6)
    monkeypatch.setattr(CappedPaginator, "CAP", 4)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE contacts_contact")
    whole = CappedPaginator(Contact.objects.order_by("-id"), 2, whole=True)
    assert (whole.count, whole.count_in_words, whole.num_pages) == (4, "about 6", 2)
    filtered = CappedPaginator(Contact.objects.filter(pk__gt=0), 2)
    assert filtered.count_in_words == "more than 4"
    monkeypatch.setattr(CappedPaginator, "CAP", 10_000)
    assert CappedPaginator(Contact.objects.all(), 2).count_in_words == "6"


def test_a_page_beyond_the_last_leads_back_instead_of_breaking(boss, ada):
    assert boss.get(reverse(LIST), {"p": "999"}).status_code in (200, 302)
