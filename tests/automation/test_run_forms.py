"""The form that starts a test run: who is chosen, what of the event can be typed, and that it starts one run."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections
from django.test import Client

from automation.models import TestRun
from campaigns.document import Trigger
from contacts.models import Contact
from events import recording
from events.items import Item
from lib import clock
from ops.models import Source
from segments.known_models import KnownField
from tests import engine
from tests.automation.flows import mail, step, ways
from tests.automation.test_run_pages import begins, drafted, marketer, text  # noqa: F401
from tests.factories import NOW, ContactFactory, UserFactory

pytestmark = pytest.mark.django_db


def ordered(**properties):
    item = Item(kind="track", user_id="ann", event="order.completed", properties=properties)
    recording.record(Source.objects.create(name="Shop"), [item], NOW)


def asks(field, type_="text", op="is", value="yes"):
    return {"field": field, "type": type_, "op": op, "value": value}


def started(client, campaign, **typed):
    me = ContactFactory(is_test=True)
    me.identities.create(kind="user", value="me")
    told = {f"event-order.completed-{name.replace('__', '.')}": value for name, value in typed.items()}
    answer = client.post(begins(campaign), {"people": me.pk, "speed": "1440", **told})
    assert answer.status_code == 302, text(answer)
    engine.run(clock.now())
    return TestRun.objects.get()


def test_what_the_campaign_asks_for_can_be_typed_though_the_newest_event_lacks_it(marketer, inbox):  # noqa: F811
    KnownField.objects.create(root="event:order.completed", path="gift", type="boolean")
    big = {"arms": [{"uid": "big", "name": "Big", "condition": asks("event.order.total", "number", ">", 50)}]}
    campaign = drafted(
        step("size", "branch", big, {"big": "hello", "else": None}),
        mail("hello", "For {{ event.first_name }}"),
        triggers=[Trigger(event="order.completed", filter=asks("event.coupon", value="SUMMER"))],
    )
    ordered(currency="EUR")
    page = text(marketer.get(begins(campaign)))
    for name, value in {"coupon": "", "order.total": "", "first_name": "", "gift": "", "currency": "EUR"}.items():
        field = re.search(rf'<input[^>]*name="event-order.completed-{name}"[^>]*>', page)
        assert field and (f'value="{value}"' in field[0]) == bool(value), name
    run = started(marketer, campaign, order__total="80", coupon="SUMMER", first_name="Ada", gift="yes")
    assert run.properties == {
        "currency": "EUR", "order": {"total": 80}, "coupon": "SUMMER", "first_name": "Ada", "gift": True,
    }  # fmt: skip
    assert ways("size") == {"me": "big"} and inbox.accepted[0].message["Subject"] == "[Test] For Ada"
    assert "filter" not in next(iter(run.remarks.values()))


def test_what_is_left_empty_stays_away_and_an_event_that_came_meanwhile_changes_no_other(marketer, inbox):  # noqa: F811
    campaign = drafted(mail("hello", "For {{ event.first_name }}"))
    ordered(amount=1, code="0070")
    page = text(marketer.get(begins(campaign)))
    assert 'name="event-order.completed-amount" value="1"' in page
    asked, _, others = page.partition("What else the event may say")
    assert "order.completed-first_name" in asked and "order.completed-currency" in others
    run = started(marketer, campaign, amount="2", code="0071", first_name="")
    assert run.properties == {"amount": 2, "code": "0071"}


def test_without_a_test_contact_of_ones_own_nobody_elses_is_ticked(marketer):  # noqa: F811
    ContactFactory(is_test=True)
    campaign = drafted()
    page = text(marketer.get(begins(campaign)))
    assert re.search(r'<input[^>]*name="me"[^>]*\schecked[ >]', page)
    assert not re.search(r'<input[^>]*name="people"[^>]*\schecked[ >]', page)
    mine = ContactFactory(is_test=True, email=marketer.user.email)
    page = text(marketer.get(begins(campaign)))
    assert re.findall(r'<input[^>]*name="people"[^>]*\schecked[ >]', page) == re.findall(
        rf'<input[^>]*name="people" value="{mine.pk}"[^>]*>', page
    )


def token(client, campaign):
    return re.search(r'name="token" value="([^"]+)"', text(client.get(begins(campaign))))[1]


def test_a_form_sent_twice_starts_one_run_and_leads_to_it(marketer):  # noqa: F811
    campaign = drafted()
    form = {"token": token(marketer, campaign), "me": "on", "speed": "1440"}
    first, second = (marketer.post(begins(campaign), form) for _ in range(2))
    assert first.url == second.url and TestRun.objects.count() == 1
    form = {"token": token(marketer, campaign), "people": Contact.objects.get().pk, "speed": "1440"}
    assert marketer.post(begins(campaign), form).url != first.url
    garbled = marketer.post(begins(campaign), {**form, "token": "x\x00"})
    assert "open it again" in text(garbled) and TestRun.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_twice_at_once_starts_one_run():
    boss, campaign = UserFactory(), drafted()
    both = [Client(), Client()]
    for client in both:
        client.force_login(boss)
    form = {"token": token(both[0], campaign), "me": "on", "speed": "1440"}
    together = Barrier(2)

    def post(client):
        try:
            together.wait(10)
            return client.post(begins(campaign), form)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(post, both))
    assert [answer.status_code for answer in answers] == [302, 302] and answers[0].url == answers[1].url
    assert TestRun.objects.count() == 1 and Contact.objects.filter(is_test=True).count() == 1
