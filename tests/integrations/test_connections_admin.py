"""Connections in the admin: made, tried, mapped, paused; the token is never shown again."""

import pytest
from django.contrib.admin.models import LogEntry

from contacts.models import Contact
from integrations.models import Connection, Push
from lib.sealed import unseal
from tests import engine
from tests.campaigns.typing_in import browser
from tests.http_receiver import answer
from tests.integrations.building import connection, push, pushing
from tests.integrations.hubspot import TOKEN

pytestmark = pytest.mark.django_db
ADD = "/integrations/connection/add/"


def typed(*pairs, **changes):
    data = {
        "name": "HubSpot of sales", "secret": TOKEN,
        "mapping-TOTAL_FORMS": str(len(pairs)), "mapping-INITIAL_FORMS": "0",
        "mapping-MIN_NUM_FORMS": "0", "mapping-MAX_NUM_FORMS": "100",
    }  # fmt: skip
    for place, (field, name) in enumerate(pairs):
        data |= {
            f"mapping-{place}-field": field,
            f"mapping-{place}-property": name,
            f"mapping-{place}-ORDER": place + 1,
        }
    return data | changes


def page(client, to, *more):
    return client.get(f"/integrations/connection/{to.pk}/" + "/".join([*more, "change" if not more else ""]))


def said(response):
    return " ".join(response.content.decode().split())


def test_a_connection_is_made_tried_at_once_and_its_token_sealed(hubspot):
    engineer = browser("Engineer")
    shown = said(engineer.get(ADD))
    assert 'value="firstname"' in shown and "contact.last_name" in shown and 'type="password"' in shown
    response = engineer.post(
        ADD, typed(("contact.first_name", "firstname"), ("", ""), ("contact.plan", "plan")), follow=True
    )
    made = Connection.objects.get()
    assert "HubSpot of sales is saved. HubSpot account 77 answers." in said(response)
    assert made.mapping == [
        {"field": "contact.first_name", "property": "firstname"}, {"field": "contact.plan", "property": "plan"},
    ]  # fmt: skip
    assert TOKEN not in made.secret and unseal(made.secret) == TOKEN
    for address in ("change", "edit", "history"):
        assert TOKEN not in said(engineer.get(f"/integrations/connection/{made.pk}/{address}/"))
    assert made.account["domain"] == "app-eu1.hubspot.com"
    notes = LogEntry.objects.values_list("change_message", flat=True)
    assert "Made the connection." in notes and not any(TOKEN in note for note in notes)


def test_an_empty_token_keeps_the_one_that_is_there(hubspot):
    made = connection()
    url = f"/integrations/connection/{made.pk}/edit/"
    browser("Engineer").post(url, typed(("contact.email", "plan"), secret="", name="Renamed", pushes_tests="on"))
    made.refresh_from_db()
    assert (made.name, unseal(made.secret), made.pushes_tests) == ("Renamed", TOKEN, True)
    assert made.account["portal"] == "77" and not hubspot.got


WRONG = [
    ({"name": ""}, "Give the connection a name."),
    ({"name": "Taken"}, "Another connection has this name"),
    ({"secret": ""}, "Enter the access token."),
    ({"secret": "pat na1"}, "That is not one token"),
    ({"secret": "pat-é"}, "That is not one token"),
    ({"mapping-0-field": "contact.plan", "mapping-0-property": ""}, "Write the property that it becomes."),
    ({"mapping-0-field": "", "mapping-0-property": "plan"}, "Choose what is written into it."),
    ({"mapping-0-field": "plan", "mapping-0-property": "plan"}, "“plan” is not a field"),
    ({"mapping-0-field": "event.total", "mapping-0-property": "plan"}, "needs an event"),
    ({"mapping-0-field": "computed.nope", "mapping-0-property": "plan"}, "There is no computed attribute"),
    ({"mapping-0-field": "score.nope", "mapping-0-property": "plan"}, "score.nope"),
    ({"mapping-0-field": "contact.name", "mapping-0-property": "First Name"}, "is no property of HubSpot"),
    ({"mapping-0-field": "contact.name", "mapping-0-property": "email"}, "is written by itself"),
    ({"mapping-1-property": "firstname"}, "“firstname” stands there twice; remove one."),
    ({"mapping-TOTAL_FORMS": "x"}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "sentence"), WRONG, ids=range(len(WRONG)))
def test_what_is_typed_wrong_is_said_beside_it(changes, sentence):
    connection("Taken")
    rows = (("contact.first_name", "firstname"), ("contact.last_name", "lastname"))
    response = browser("Engineer").post(ADD, typed(*rows, **changes))
    assert response.status_code == 200 and sentence in response.content.decode()
    assert Connection.objects.count() == 1 and TOKEN not in response.content.decode()


def test_a_token_that_does_not_work_is_said_at_once(hubspot):
    response = browser("Engineer").post(ADD, typed(secret="pat-wrong"), follow=True)
    assert "is saved, but does not work yet: HubSpot does not know the access token any more" in said(response)


def test_the_test_of_a_connection_writes_nobody_and_says_what_is_wrong(hubspot, settings):
    made = connection(account={})
    engineer, url = browser("Engineer"), f"/integrations/connection/{made.pk}/test/"
    assert "Nobody is written" in said(engineer.get(url))
    assert "HubSpot account 77 answers." in said(engineer.post(url, follow=True))
    assert Connection.objects.get().account["portal"] == "77" and not hubspot.writes
    for fault, words in (
        (answer(200, b"<html>"), "What answered is not HubSpot"),
        (answer(500), "HubSpot answered 500"),
        (answer(403, {"category": "MISSING_SCOPES"}), "crm.objects.contacts.write"),
        (answer(200, {"portalId": "1/../../evil", "uiDomain": "evil.example"}), "What answered is not HubSpot"),
    ):
        hubspot.faults = [fault]
        assert words in said(engineer.post(url, follow=True))
    hubspot.faults = [answer(200, {"portalId": 5, "uiDomain": "evil.example"})]
    engineer.post(url)
    assert Connection.objects.get().account["domain"] == "app.hubspot.com"
    settings.WEBHOOK_NETWORKS = []
    assert "network that webhooks may not reach" in said(engineer.post(url, follow=True))
    Connection.objects.update(secret="unreadable")
    assert "cannot be read any more" in said(engineer.post(url, follow=True))


def test_pause_and_resume_say_who_waits(hubspot, inbox, sign_up):
    made = connection()
    pushing(made)
    engineer, url = browser("Engineer"), f"/integrations/connection/{made.pk}"
    assert "is paused." in said(engineer.post(f"{url}/pause/", follow=True))
    assert "is paused already" in said(engineer.post(f"{url}/pause/", follow=True))
    sign_up("ann")
    shown = said(engineer.get(f"{url}/change/"))
    assert "engineer paused it." in shown and "Waiting for its turn: 1" in shown
    assert "1 person waits, and is written" in said(engineer.get(f"{url}/resume/"))
    assert "goes on; 1 waited." in said(engineer.post(f"{url}/resume/", follow=True))
    assert "is not paused." in said(engineer.post(f"{url}/resume/", follow=True))


def test_what_failed_is_pushed_again_by_a_button(hubspot, inbox, sign_up):
    hubspot.faults = [answer(400, {"message": "No <b>way</b>."})]
    made = connection()
    pushing(made)
    sign_up("ann")
    publisher, engineer = browser("Publisher"), browser("Engineer")
    shown = said(engineer.get(f"/integrations/connection/{made.pk}/change/"))
    assert "Failed: 1" in shown and "HubSpot says: No &lt;b&gt;way&lt;/b&gt;." in shown
    listed = said(publisher.get("/integrations/push/?q=ann"))
    assert "Ann Smith" in listed and "Failed" in listed
    detail = said(publisher.get(f"/integrations/push/{push().pk}/change/"))
    assert "firstname" in detail and "ann@example.com" in detail and "Push again" in detail
    assert "1 is pushed again." in said(engineer.post(f"/integrations/connection/{made.pk}/retry/", follow=True))
    engine.run(push().due_at)
    assert push().state == "done"
    again = f"/integrations/push/{push().pk}/again/"
    assert "nothing was done" in said(publisher.post(again, follow=True))
    contact = said(publisher.get(f"/contacts/contact/{Contact.objects.get().pk}/change/"))
    assert "In your CRM" in contact and "https://app-eu1.hubspot.com/contacts/77/record/0-1/501" in contact
    assert "was written to “HubSpot”" in contact.replace("Was", "was")


def test_a_field_that_is_no_more_is_left_out_and_said(hubspot, inbox, sign_up):
    made = connection(mapping=[{"field": "computed.gone", "property": "plan"}])
    pushing(made)
    sign_up("ann")
    assert push().state == "done" and hubspot.by_email("ann@example.com") == {"email": "ann@example.com"}
    shown = said(browser("Engineer").get(f"/integrations/connection/{made.pk}/change/"))
    assert "There is no computed attribute" in shown and "Until then it is left out." in shown


def test_a_connector_that_is_not_installed_any_more_breaks_no_page(hubspot, inbox, sign_up):
    made = connection()
    pushing(made)
    Connection.objects.update(kind="gone")
    sign_up("ann")
    made.refresh_from_db()
    assert made.is_paused and "“gone” is not installed any more" in made.reason and Push.objects.get().state == "queued"
    engineer = browser("Engineer")
    for address in ("", f"{made.pk}/change/", f"{made.pk}/edit/", f"{made.pk}/test/"):
        assert engineer.get(f"/integrations/connection/{address}", follow=True).status_code == 200
    assert "not installed" in said(engineer.post(f"/integrations/connection/{made.pk}/test/", follow=True))


def test_the_panel_of_the_canvas_offers_the_connections(hubspot):
    from integrations.step_form import CrmForm

    made = connection()
    form = CrmForm({"connection": made.pk, "values": "lifecyclestage: lead\n\n last_plan : {{ event.plan }}: x "})
    assert form.is_valid(), form.errors
    config = form.config()
    assert config == {
        "connection": made.pk,
        "values": [
            {"property": "lifecyclestage", "value": "lead"}, {"property": "last_plan", "value": "{{ event.plan }}: x"},
        ],
    }  # fmt: skip
    again = CrmForm(CrmForm.initial_from(config))
    assert again.is_valid() and again.config() == config
    for data, sentence in (
        ({"connection": ""}, "Choose the connection."),
        ({"connection": "99"}, "There is no such connection any more"),
        ({"connection": made.pk, "values": "plan"}, "Write a colon"),
    ):
        wrong = CrmForm(data)
        assert not wrong.is_valid() and sentence in str(wrong.errors)
    for config in ({}, {"values": 5}, {"values": [1, {"property": None}]}, None):
        CrmForm(initial=CrmForm.initial_from(config)).as_p()
