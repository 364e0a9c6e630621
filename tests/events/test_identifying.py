"""Who is it? Ids become contacts, and contacts turn out to be one."""

import pytest

from contacts.models import Contact, Identity, Merge
from events.models import Event
from tests.events.conftest import identify, track

pytestmark = pytest.mark.django_db


def contact_of(value):
    return Identity.objects.get(value=value).contact_id


def current():
    return Contact.objects.current().count()


def test_the_same_ids_are_the_same_contact(send):
    send(track(user_id="u1"), track(user_id="u1", anonymous_id="a1"), track(user_id="u2"))
    send(track(user_id=None, anonymous_id="a1"))
    assert current() == 2
    assert contact_of("a1") == contact_of("u1") != contact_of("u2")
    assert Event.objects.filter(contact=contact_of("u1")).count() == 3


def test_a_number_and_a_text_are_one_id(send):
    send(track(user_id=17), track(user_id="17"))
    assert current() == 1


def test_an_anonymous_visitor_who_signs_up_stays_one_contact(send):
    send(track(user_id=None, anonymous_id="a1"))
    visitor = contact_of("a1")
    send(track(user_id="u1", anonymous_id="a1"))
    assert contact_of("u1") == visitor
    assert not Merge.objects.exists()


def test_an_anonymous_contact_is_merged_into_the_known_user(send):
    send(track(user_id=None, anonymous_id="a1"), track(user_id="u1"))
    visitor, user = contact_of("a1"), contact_of("u1")
    send(track(user_id="u1", anonymous_id="a1"))
    assert contact_of("a1") == user
    assert Contact.objects.get(pk=visitor).merged_into_id == user
    send(track(user_id=None, anonymous_id="a1"))
    assert Event.objects.filter(contact=user).count() >= 3


def test_a_shared_browser_merges_nobody_and_the_user_id_wins(send):
    send(track(user_id="u1", anonymous_id="a1"))
    send(track(user_id="u2", anonymous_id="a1", event="Signed Up"))
    assert contact_of("u1") != contact_of("u2")
    assert contact_of("a1") == contact_of("u1")
    assert Event.objects.get(type="users.signed_up").contact_id == contact_of("u2")
    assert not Merge.objects.exists()


def test_all_of_it_in_one_batch(send):
    send(
        track(user_id=None, anonymous_id="a1"),
        track(user_id="u1"),
        track(user_id="u1", anonymous_id="a1"),
        track(user_id="u2", anonymous_id="a1"),
        track(user_id="u2", anonymous_id="a2"),
        track(user_id=None, anonymous_id="a2"),
    )
    assert current() == 2
    assert contact_of("a1") == contact_of("u1")
    assert contact_of("a2") == contact_of("u2")
    assert Contact.objects.count() == 2, "nothing that was new had to be merged"


def test_two_visitors_who_turn_out_to_be_one_new_user(send):
    send(track(user_id=None, anonymous_id="a1"), track(user_id=None, anonymous_id="a2"))
    send(track(user_id="u1", anonymous_id="a1"), track(user_id="u1", anonymous_id="a2"))
    assert current() == 1
    assert contact_of("a1") == contact_of("a2") == contact_of("u1")


def alias(previous_id, user_id):
    return {"kind": "alias", "previous_id": previous_id, "user_id": user_id}


def test_alias_merges_the_previous_id_into_the_user(send):
    send(track(user_id="old"), track(user_id="new"), alias("old", "new"))
    assert contact_of("old") == contact_of("new")
    assert current() == 1


def test_alias_of_an_unknown_id_announces_it(send):
    send(alias("visitor-7", "u1"))
    send(track(user_id=None, anonymous_id="visitor-7"))
    assert current() == 1
    assert contact_of("visitor-7") == contact_of("u1")


def test_alias_to_a_new_user_id_names_the_contact_anew(send):
    send(identify("old", plan="pro"), alias("old", "new"))
    assert current() == 1
    assert Contact.objects.get().attributes == {"plan": "pro"}
    assert contact_of("old") == contact_of("new")


def test_alias_to_itself_changes_nothing(send):
    send(alias("u1", "u1"))
    assert current() == 1
