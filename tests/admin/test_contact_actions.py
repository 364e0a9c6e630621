"""What a person may do on a contact's page: asked first, done once, noted without personal values."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from contacts import consent
from contacts.models import Change, ConsentRecord, Contact, Identity, Suppression
from lib import clock
from tests.factories import ContactFactory


def at(name, row):
    return reverse(f"admin:contacts_{name}", args=[row.pk])


def post(client, url, **data):
    return client.post(url, data, follow=True).content.decode()


@pytest.mark.parametrize(
    ("type", "value", "stored"),
    [
        ("text", "Lovelace", "Lovelace"),
        ("number", "29.33", 29.33),
        ("number", "12", 12),
        ("yes_no", "yes", True),
        ("yes_no", "no", False),
        ("date", "2026-11-24", "2026-11-24"),
    ],
)
def test_an_attribute_is_stored_as_its_type(boss, ada, type, value, stored):
    page = post(boss, at("contact_attribute", ada), path="plan.name", type=type, value=value)
    found = Contact.objects.get(pk=ada.pk).attributes["plan"]["name"]
    assert found == stored and isinstance(found, bool) == isinstance(stored, bool)
    assert "“plan.name” is changed." in page
    assert Change.objects.filter(contact=ada, kind="attributes", names__contains=["plan.name"]).exists()


def test_an_attribute_can_be_removed(boss, ada):
    post(boss, at("contact_attribute", ada), path="vip", type="remove", value="")
    assert "vip" not in Contact.objects.get(pk=ada.pk).attributes


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"path": "a..b", "type": "text", "value": "x"}, "single dots"),
        ({"path": "age", "type": "number", "value": "old"}, "is not a number; write one such as 29.33"),
        ({"path": "age", "type": "number", "value": "1e999"}, "too large"),
        ({"path": "age", "type": "number", "value": "nan"}, "too large"),
        ({"path": "vip", "type": "yes_no", "value": "maybe"}, "Write yes or no"),
        ({"path": "born", "type": "date", "value": "24.11.2026"}, "write one such as 2026-11-24"),
        ({"path": "name", "type": "text", "value": ""}, "Write the value"),
        ({"path": "email", "type": "text", "value": "x"}, "is not an attribute"),
    ],
)
def test_what_cannot_be_stored_is_answered_in_a_sentence_and_nothing_is_lost(boss, ada, data, sentence):
    page = post(boss, at("contact_attribute", ada), **data)
    assert sentence in page and f'value="{data["path"]}"' in page
    assert Contact.objects.get(pk=ada.pk).attributes == ada.attributes


def test_the_form_offers_what_is_there(boss, ada):
    page = boss.get(at("contact_attribute", ada), {"path": "subscription.plan"}).content.decode()
    assert 'value="subscription.plan"' in page and 'value="gold"' in page


def test_tags_are_added_and_removed_in_one_line(boss, ada):
    post(boss, at("contact_tags", ada), tags="customer,  vip ,customer")
    assert {tag.name for tag in ada.tags.all()} == {"customer", "vip"}


def test_name_address_and_time_zone_are_edited_together(boss, ada):
    data = {"first_name": "Augusta", "last_name": "", "email": "Augusta@Example.com", "timezone": "Europe/London"}
    post(boss, at("contact_edit", ada), **data)
    ada.refresh_from_db()
    assert (ada.name, ada.email, ada.timezone) == ("Augusta", "augusta@example.com", "Europe/London")


def test_an_address_that_is_none_is_refused_and_the_rest_is_not_saved(boss, ada):
    page = post(boss, at("contact_edit", ada), first_name="X", last_name="", email="nobody", timezone="")
    assert "is not an e-mail address" in page and 'value="nobody"' in page
    assert Contact.objects.get(pk=ada.pk).attributes["first_name"] == "Ada"


def test_a_contact_becomes_a_test_contact_and_ordinary_again(boss, ada):
    post(boss, at("contact_test", ada))
    assert Contact.objects.get(pk=ada.pk).is_test
    post(boss, at("contact_test", ada))
    assert not Contact.objects.get(pk=ada.pk).is_test


def test_unsubscribing_is_asked_first_and_a_get_changes_nothing(boss, ada):
    url = at("address_unsubscribe", ada.address) + f"?contact={ada.pk}"
    page = boss.get(url).content.decode()
    assert "will get no marketing mail any more" in page
    ada.address.refresh_from_db()
    assert ada.address.unsubscribed_at is None
    page = post(boss, url)
    assert "ada@example.com is unsubscribed from marketing mail." in page and "Unsubscribed" in page
    record = ConsentRecord.objects.get(address=ada.address)
    assert (record.action, record.source, record.contact) == ("withdrawn", "By hand, by boss", ada)
    assert "Nothing had to be done" in post(boss, url)
    post(boss, at("address_resubscribe", ada.address))
    ada.address.refresh_from_db()
    assert ada.address.unsubscribed_at is None


def test_a_block_is_set_and_lifted_and_a_complaint_stands(boss, ada):
    post(boss, at("address_block", ada.address))
    assert consent.blocks([ada.address_id], None, True, clock.now())
    assert "Lift the block" in boss.get(at("contact_change", ada)).content.decode()
    post(boss, at("address_unblock", ada.address))
    assert not consent.blocks([ada.address_id], None, True, clock.now())
    consent.suppress(reason=Suppression.Reason.COMPLAINT, now=clock.now(), address_id=ada.address_id)
    assert "marked our mail as spam" in post(boss, at("address_unblock", ada.address))


def test_the_question_leads_back_only_to_a_contact_with_that_address(boss, ada):
    other = ContactFactory()
    response = boss.post(at("address_block", ada.address) + f"?contact={other.pk}")
    assert response.url == at("address_change", ada.address)


def test_the_audit_log_names_deeds_and_fields_but_no_values(boss, ada):
    post(boss, at("contact_attribute", ada), path="salary", type="number", value="98765")
    post(boss, at("contact_edit", ada), first_name="Secretname", last_name="", email="new@hidden.example", timezone="")
    post(boss, at("address_block", ada.address))
    notes = [f"{entry.object_repr} {entry.get_change_message()}" for entry in LogEntry.objects.all()]
    assert len(notes) == 3 and "salary" in " ".join(notes)
    assert not any(word in " ".join(notes) for word in ("98765", "Secretname", "hidden.example", "ada@", "Lovelace"))


def test_a_contact_is_added_by_hand(boss):
    data = {
        "user_id": "u-7",
        "email": "Grace@Navy.example",
        "first_name": "Grace",
        "last_name": "Hopper",
        "is_test": "on",
    }
    page = post(boss, reverse("admin:contacts_contact_add"), **data)
    contact = Identity.objects.get(value="u-7").contact
    assert (contact.name, contact.email, contact.is_test) == ("Grace Hopper", "grace@navy.example", True)
    assert "Grace Hopper" in page
    assert not LogEntry.objects.filter(object_repr__contains="Grace").exists()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "Write a user id or an e-mail address"),
        ({"user_id": "ada-1"}, "belongs to a contact already"),
        ({"email": "a@b.co, c@d.co"}, "write exactly one address"),
    ],
)
def test_a_contact_that_cannot_be_added_is_refused_in_a_sentence(boss, ada, data, sentence):
    assert sentence in post(boss, reverse("admin:contacts_contact_add"), **data)
    assert Contact.objects.count() == 1


@pytest.mark.parametrize("name", ["contact_edit", "contact_attribute", "contact_tags", "contact_test"])
def test_who_may_only_look_sees_no_button_and_is_turned_away(log_in, ada, name):
    analyst = log_in("Analyst")
    page = analyst.get(at("contact_change", ada)).content.decode()
    assert at(name, ada) not in page
    assert analyst.get(at(name, ada)).status_code == analyst.post(at(name, ada)).status_code == 403


@pytest.mark.parametrize("name", ["unsubscribe", "resubscribe", "block", "unblock"])
def test_who_may_only_look_changes_no_address(log_in, ada, name):
    assert log_in("Analyst").post(at(f"address_{name}", ada.address)).status_code == 403


def test_a_marketer_changes_contacts_and_unsubscribes_who_asks_for_it(log_in, ada):
    marketer = log_in("Marketer")
    post(marketer, at("contact_tags", ada), tags="vip")
    post(marketer, at("address_unsubscribe", ada.address) + f"?contact={ada.pk}")
    ada.address.refresh_from_db()
    assert [tag.name for tag in ada.tags.all()] == ["vip"] and ada.address.unsubscribed_at
