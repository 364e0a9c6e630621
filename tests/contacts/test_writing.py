import datetime as dt
import threading

import pytest
from django.db import connection

from contacts import writing
from contacts.models import Address, Change, Contact, Identity
from contacts.writing import NotWritable, Upsert
from ops.models import Source

NOW = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return [Contact.objects.create(attributes={"n": n}).pk for n in range(3)]


def names_told(kind):
    return {change.contact_id: change.names for change in Change.objects.filter(kind=kind)}


def test_attributes_are_set_on_many_and_told_of_those_that_changed(people):
    source = Source.objects.create(name="Shop")
    assert writing.set_attributes(people, {"n": 0, "car.seats": 4}, NOW, source) == 3
    assert names_told("attributes") == {
        people[0]: ["car.seats"],
        people[1]: ["n", "car.seats"],
        people[2]: ["n", "car.seats"],
    }
    assert set(Change.objects.values_list("source", flat=True)) == {source.pk}
    assert all(contact.attributes == {"n": 0, "car": {"seats": 4}} for contact in Contact.objects.all())
    assert set(Contact.objects.values_list("updated_at", flat=True)) == {NOW}
    assert writing.set_attributes(people, {"n": 0, "car.seats": 4}, NOW) == 0 and Change.objects.count() == 3


def test_none_takes_an_attribute_away(people):
    assert writing.set_attributes(people, {"n": None, "never.was": None}, NOW) == 3
    assert all(contact.attributes == {} for contact in Contact.objects.all())


def test_a_path_through_a_plain_value_replaces_it(people):
    writing.set_attributes(people[:1], {"n.a.b": True}, NOW)
    assert Contact.objects.get(pk=people[0]).attributes == {"n": {"a": {"b": True}}}


def test_true_is_not_one(people):
    assert writing.set_attributes(people[1:2], {"n": True}, NOW) == 1
    assert Contact.objects.get(pk=people[1]).attributes["n"] is True


@pytest.mark.parametrize("value", [float("inf"), "\x00", "\ud800", {"a": object()}, {1: 2}])
def test_what_cannot_be_stored_is_refused(people, value):
    with pytest.raises(NotWritable) as refused:
        writing.set_attributes(people, {"x": value}, NOW)
    assert str(refused.value).endswith(".") and refused.value.field == "attributes"


def test_an_address_is_given_shared_and_taken_away(people):
    assert writing.set_email(people[:2], " Ann@Example.com", NOW) == 2
    assert Address.objects.get().email == "ann@example.com" and Address.objects.get().contacts.count() == 2
    assert writing.set_email(people[:1], "", NOW) == 1 and Address.objects.get().contacts.count() == 1
    assert writing.set_email(people[1:2], "ann@example.com", NOW) == 0
    with pytest.raises(NotWritable, match="a@b.de, c@d.de") as refused:
        writing.set_email(people, "a@b.de, c@d.de", NOW)
    assert refused.value.field == "email" and Address.objects.count() == 1


def test_a_time_zone_must_exist(people):
    assert writing.set_timezone(people, "Europe/Paris", NOW) == 3 and writing.set_timezone(people, "", NOW) == 3
    with pytest.raises(NotWritable, match="Europe/Paris"):
        writing.set_timezone(people, "Mars", NOW)


def test_tags_are_told_of_by_name(people):
    assert writing.add_tags(people, ["b", " a "], NOW) == 3
    assert set(names_told("tags")) == set(people) and sorted(names_told("tags")[people[0]]) == ["a", "b"]
    assert writing.add_tags(people, ["a"], NOW) == 0
    Change.objects.all().delete()
    assert writing.remove_tags(people[:1], ["a", "never"], NOW) == 1
    assert names_told("tags") == {people[0]: ["a"]}
    assert Contact.objects.get(pk=people[0]).tags.get().name == "b"
    with pytest.raises(NotWritable):
        writing.add_tags(people, ["x" * 81], NOW)


def test_an_upsert_is_all_or_nothing(people):
    with pytest.raises(NotWritable):
        writing.upsert(people[0], Upsert(email="a@example.com", attributes={"a": 1}, add_tags=[""]), NOW)
    assert not Address.objects.exists() and not Change.objects.exists()


def test_contacts_that_do_not_exist_are_passed_by():
    assert writing.set_attributes([10**9], {"a": 1}, NOW) == 0 and writing.add_tags([10**9], ["a"], NOW) == 0


def test_the_number_of_queries_does_not_grow(django_assert_max_num_queries):
    many = [contact.pk for contact in Contact.objects.bulk_create(Contact() for _ in range(100))]
    wanted = {f"a{n}": n for n in range(20)}
    with django_assert_max_num_queries(6):
        assert writing.set_attributes(many, wanted, NOW) == 100
    with django_assert_max_num_queries(10):
        assert writing.add_tags(many, ["a", "b", "c"], NOW) == 100
    with django_assert_max_num_queries(8):
        assert writing.remove_tags(many, ["a", "b"], NOW) == 100


@pytest.mark.django_db(transaction=True)
def test_two_requests_for_a_new_user_make_one_contact():
    start, found = threading.Barrier(4), []

    def ask():
        start.wait()
        found.append(writing.contact_for_user("u-1", NOW))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len({contact for contact, _ in found}) == 1 and sum(made for _, made in found) == 1
    assert Contact.objects.count() == 1 and Identity.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_writers_lose_nothing_of_each_other():
    contact = Contact.objects.create()
    start = threading.Barrier(4)

    def write(n):
        start.wait()
        writing.set_attributes([contact.pk], {f"a{n}": n}, NOW)
        connection.close()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    contact.refresh_from_db()
    assert contact.attributes == {f"a{n}": n for n in range(4)}
