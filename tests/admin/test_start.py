"""The start page: the week's numbers, a checklist that ticks itself, time travel in the demo."""

from collections import Counter
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.urls.resolvers import URLResolver

from campaigns.models import Message
from contacts.models import Contact
from events.sentences import properties_in_words
from lib import clock
from ops import audit
from ops.models import ApiKey, User
from reports import week
from tests.factories import CampaignFactory, ContactFactory, MessageFactory, TemplateFactory, site


def start(client):
    cache.clear()
    response = client.get(reverse("admin:index"))
    assert response.status_code == 200
    return response


def numbers():
    cache.clear()
    return {number.title: number for number in week.numbers(clock.now())}


def test_an_empty_site_shows_what_to_do(boss):
    text = start(boss).content.decode()
    for words in ("To begin with", "Add an API key", "Nothing yet. Events appear here", "No campaign is under way"):
        assert words in text
    assert reverse("admin:ops_apikey_add") in text


def test_the_checklist_ticks_itself_and_then_goes(boss, shop, ada, happen):
    def done():
        return [step.done for step in start(boss).context["checklist"]]

    assert done() == [False, False, False, False, False]
    ApiKey.objects.create_key("write", shop)
    assert done() == [True, False, False, False, False]
    happen(ada, "email.sent")
    assert done()[1] is False  # the engine's own
    happen(ada, "order.completed")
    site()
    template = TemplateFactory()
    assert done() == [True, True, True, False, False]  # it came with the product
    audit.note(User.objects.get(username="boss"), template, "Changed the subject.")
    assert done() == [True, True, True, True, False]
    CampaignFactory()
    assert done() == []


def test_who_may_not_do_a_thing_sees_no_link_to_it(log_in):
    text = start(log_in("Marketer")).content.decode()
    assert "Ask somebody who may do this" in text and reverse("admin:ops_apikey_add") not in text


def test_the_week_is_counted_by_day_against_the_week_before(db, ada):
    Contact.objects.all().delete()
    for days in (0, 1, 1, 6, 7, 8, 13, 14, 30):
        ContactFactory(created_at=clock.now() - timedelta(days=days), email="")
    ContactFactory(created_at=clock.now(), is_test=True, email="")
    new = numbers()["New contacts"]
    assert [count for _, count in new.days] == [1, 0, 0, 0, 0, 2, 1]
    assert (new.total, new.before, new.change) == (4, 3, "33 % more than the week before")


def test_mails_opened_by_machines_and_test_mails_do_not_count(db):
    now = clock.now()
    for number in range(4):
        message = MessageFactory(purpose="test" if number == 3 else "marketing")
        Message.objects.filter(pk=message.pk).update(
            state="sent", due_at=None, sent_at=now, settled_at=now, opened_at=now,
            opened_by_human_at=now if number else None, clicked_by_human_at=now if number == 1 else None,
        )  # fmt: skip
    found = numbers()
    assert [found[title].total for title in ("Mails sent", "Opened by people", "Clicked by people")] == [3, 2, 1]


@pytest.mark.parametrize(
    ("total", "before", "words"),
    [
        (0, 0, ""), (3, 0, "none in the week before"), (5, 5, "as many as in the week before"),
        (5, 10, "50 % less than the week before"), (30, 10, "200 % more than the week before"),
    ],
)  # fmt: skip
def test_the_change_is_said_in_words(total, before, words):
    assert week.Number("x", [(clock.now().date(), total)], before).change == words


def test_campaigns_under_way_and_the_latest_events_are_shown(boss, ada, happen):
    CampaignFactory(name="Welcome sequence")
    happen(ada, "order.completed", dollars=29.33)
    text = start(boss).content.decode()
    assert "Welcome sequence" in text and "0 inside" in text
    assert "completed an order" in text and "dollars 29.33" in text


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"segment": 4, "segment_name": "Good customers", "cause": "time"}, "Good customers"),
        (
            {"template": 3, "template_name": "Welcome", "url": "https://a.example/", "message": "m"},
            "Welcome · https://a.example/",
        ),
        ({"model_name": "Leads", "previous_band": None, "band": "hot"}, "Leads: none → hot"),
        ({"cart_id": "c-1", "total": 29.5, "items": ["a"]}, "total 29.5 · cart id c-1"),
    ],
)
def test_events_say_what_tells_most(properties, words):
    assert properties_in_words(properties) == words


def test_the_number_of_queries_is_fixed(boss, ada, happen):
    CampaignFactory()
    happen(ada, "page.viewed")
    start(boss)
    with CaptureQueriesContext(connection) as few:
        start(boss)
    for number in range(6):
        CampaignFactory()
        happen(ContactFactory(), f"Unknown {number}")
    with CaptureQueriesContext(connection) as many:
        start(boss)
    assert len(many) == len(few)


@pytest.fixture
def demo(settings, tmp_path):
    settings.DEMO, settings.CLOCK_OFFSET = True, f"file:{tmp_path / 'clock'}"


def test_the_demo_travels_a_day_at_a_time(demo, boss):
    assert "Move the clock on by a day" in start(boss).content.decode()
    before = clock.now()
    text = boss.post(reverse("admin:time_travel"), follow=True).content.decode()
    assert "It is now" in text
    assert timedelta(days=1) <= clock.now() - before < timedelta(days=1, minutes=1)


def test_a_get_does_not_travel(demo, boss):
    assert boss.get(reverse("admin:time_travel")).status_code == 405
    assert clock.offset() == timedelta()


def test_only_a_superuser_travels(demo, log_in):
    client = log_in("Publisher")
    assert "Move the clock" not in start(client).content.decode()
    assert client.post(reverse("admin:time_travel")).status_code == 403


@pytest.mark.parametrize(("is_demo", "offset"), [(False, "file:/tmp/never"), (True, ""), (True, "86400")])
def test_outside_a_demo_there_is_no_time_travel(settings, boss, is_demo, offset):
    settings.DEMO, settings.CLOCK_OFFSET = is_demo, offset
    assert "Move the clock" not in start(boss).content.decode()
    assert boss.post(reverse("admin:time_travel")).status_code == 403


def test_somebody_without_a_role_sees_a_page_without_numbers(log_in):
    response = start(log_in())
    assert response.context["week"] == [] and response.context["events"] is None
    assert LogEntry.objects.count() == 0


def test_the_navigation_does_not_work_out_its_addresses_for_each_comparison(boss, monkeypatch):
    worked_out: Counter[str] = Counter()
    usual = URLResolver._reverse_with_prefix  # type: ignore[attr-defined]

    def counted(resolver, view, *args, **more):
        worked_out[str(view)] += 1
        return usual(resolver, view, *args, **more)

    start(boss)
    monkeypatch.setattr(URLResolver, "_reverse_with_prefix", counted)
    start(boss)
    assert 0 < worked_out.total() < 200  # there are 41 of them; it was 800
