"""The pages of computed attributes, and where else their values are seen."""

import pytest
from django.urls import reverse

from campaigns import sending
from campaigns.previews import values as preview_values
from lib import clock
from segments import defining
from segments.computed_models import ComputedAttribute
from segments.models import Segment
from tests.factories import HTML, NOW, ContactFactory, MessageFactory, TemplateFactory, UserFactory
from tests.segments.test_computed import attribute, order
from tests.segments.test_membership import settle
from tests.smtp_server import FaultySmtpServer

pytestmark = pytest.mark.django_db
LIST, ADD = (reverse(f"admin:segments_computedattribute_{page}") for page in ("changelist", "add"))
SPENT = {
    "label": "total spent", "key": "total_spent", "event": "order.completed", "where": "", "measure": "sum",
    "of": "total", "type": "number",
}  # fmt: skip


@pytest.fixture
def marketer(client):
    client.force_login(UserFactory())
    return client


def text(response):
    return response.content.decode()


def test_the_ready_made_ones_are_offered_until_they_are_chosen(marketer):
    page = text(marketer.get(LIST))
    assert "Their total spent: the sum of “total” over all times they completed an order." in page
    form = text(marketer.get(f"{ADD}?start=total_spent"))
    assert 'value="total_spent"' in form and 'value="order.completed" selected' in form
    marketer.post(ADD, SPENT)
    assert f"{ADD}?start=total_spent" not in text(marketer.get(LIST))


def test_saving_works_out_the_past_and_the_page_shows_ten_people(marketer):
    contact = ContactFactory(attributes={"name": "Ann Buyer"})
    order(contact, total=12.5)
    order(contact, total=30)
    settle()
    assert marketer.post(ADD, SPENT).status_code == 302
    made = ComputedAttribute.objects.get()
    page = text(marketer.get(made.get_absolute_url()))
    assert "Being worked out" in text(marketer.get(LIST)) and "is being worked out" in page
    assert "Ann Buyer" in page and "42.5" in page and "computed.total_spent" in page
    settle(clock.now())
    assert "Up to date" in text(marketer.get(LIST))
    assert "42.5" in text(marketer.get(reverse("admin:contacts_contact_change", args=[contact.pk])))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"of": ""}, "Name the property whose values count"),
        ({"type": "text"}, "What you keep is a number; choose that."),
        ({"key": ""}, "Give it a key, such as total_spent."),
        ({"key": "Total Spent"}, "Use small letters, digits and _"),
        ({"event": ""}, "Choose what happened."),
        ({"measure": "last", "of": "", "type": "number"}, "What you keep is a date; choose that."),
        ({"where": '{"field": "contact.plan", "op": "is", "value": "x"}'}, "Only the event itself can be asked about"),
        (
            {"where": '{"field": "event.due", "op": "in the last", "value": {"amount": 3, "unit": "days"}}'},
            "Compare with fixed dates here",
        ),
    ],
)
def test_what_cannot_be_kept_is_refused_in_a_sentence(marketer, changes, said):
    response = marketer.post(ADD, SPENT | changes)
    assert response.status_code == 200 and said in text(response)
    assert not ComputedAttribute.objects.exists()


def test_the_key_that_the_page_proposes_is_taken(marketer):
    assert marketer.post(ADD, SPENT | {"label": "big orders", "key": "big-orders"}).status_code == 302
    assert ComputedAttribute.objects.get().key == "big_orders"


def test_an_edit_of_the_events_works_the_past_out_again_and_one_of_the_name_does_not(marketer):
    made = attribute("total_spent", "sum", "total")
    marketer.post(made.get_absolute_url(), {**SPENT, "label": "all spent"})
    made.refresh_from_db()
    assert (made.label, made.revision, made.is_filled) == ("all spent", 1, True)
    marketer.post(made.get_absolute_url(), {**SPENT, "of": "value", "key": "other", "measure": "count"})
    made.refresh_from_db()
    assert (made.key, made.measure, made.of, made.revision, made.is_filled) == ("total_spent", "sum", "value", 2, False)


def test_one_that_is_used_cannot_be_deleted(marketer):
    made = attribute("orders")
    condition = {"field": "computed.orders", "op": "≥", "value": 2}
    segment = defining.save(Segment(name="Good customers", condition=condition), None, NOW)
    settle()
    assert "Good customers" in text(marketer.get(made.get_absolute_url()))
    url = reverse("admin:segments_computedattribute_delete", args=[made.pk])
    marketer.post(url, {"post": "yes"})
    assert ComputedAttribute.objects.exists()
    segment.delete()
    marketer.post(url, {"post": "yes"})
    assert not ComputedAttribute.objects.exists()


def test_a_preview_and_a_mail_show_the_value(settings):
    attribute("total_spent", "sum", "total")
    contact = ContactFactory()
    order(contact, total=30)
    settle()
    assert preview_values(contact, None, NOW)["contact"]["computed"] == {"total_spent": 30}
    html = "<p>You spent {{ contact.computed.total_spent }}, most on {{ contact.computed.x | default: 'tea' }}.</p>"
    with FaultySmtpServer() as server:
        settings.EMAIL_URL, settings.MAIL_CONNECTIONS = server.url, 1
        MessageFactory(contact=contact, template=TemplateFactory(html=html + HTML))
        sending.send_due(NOW)
        [mail] = server.accepted
    assert "You spent 30, most on tea." in mail.message.get_body(["plain"]).get_content()
