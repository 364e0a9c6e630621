"""The pages of test runs: a marketer starts one, sees how it goes, does it again, stops it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from automation import running
from automation.models import Enrollment, TestRun
from automation.running import Choices
from campaigns import lifecycle
from campaigns.document import Document, Trigger
from contacts.models import Contact
from events import recording
from events.items import Item
from lib import clock
from ops.models import Source
from tests import engine
from tests.automation.flows import mail, wait
from tests.factories import NOW, ContactFactory, UserFactory, site

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer(client):
    user = UserFactory(is_superuser=False, email="mara@acme.example", first_name="Mara")
    user.groups.add(Group.objects.get(name="Marketer"))
    client.force_login(user)
    client.user = user
    return client


def drafted(*steps, **more):
    site()
    more.setdefault("triggers", [Trigger(event="order.completed")])
    return lifecycle.create(Document(name="Thanks", steps=list(steps) or [mail("hello")], **more), None, NOW)


TOTAL = "event-order.completed-total"


def begins(campaign):
    return f"{reverse('admin:automation_testrun_start')}?campaign={campaign.pk}"


def text(response):
    return response.content.decode()


def test_a_marketer_tries_a_draft_with_her_own_address_in_one_click(marketer, inbox):
    campaign = drafted(wait("pause", 1, "hello"), mail("hello"))
    assert begins(campaign) in text(marketer.get(reverse("admin:campaigns_campaign_change", args=[campaign.pk])))
    assert "Me, at mara@acme.example" in text(marketer.get(begins(campaign)))
    answer = marketer.post(begins(campaign), {"me": "on", "speed": "1440"})
    run = TestRun.objects.get()
    assert answer.url == reverse("admin:automation_testrun_change", args=[run.pk])
    me = Contact.objects.get(is_test=True)
    assert (me.email, run.started_by, run.of_draft) == ("mara@acme.example", marketer.user, True)
    engine.run(clock.now())
    shown = text(marketer.get(answer.url))
    assert "Under way" in shown and "Waits 1 day" in shown and "A day takes a minute" in shown
    assert "Me, at" not in text(marketer.get(begins(campaign)))
    renewed = text(marketer.get(reverse("admin:automation_testrun_now", args=[run.pk])))
    assert 'data-busy="yes"' in renewed and "Waits 1 day" in renewed and "<html" not in renewed
    running.stop(run, marketer.user, clock.now())
    assert 'data-busy="no"' in text(marketer.get(reverse("admin:automation_testrun_now", args=[run.pk])))


def test_the_event_is_that_of_the_newest_real_one_and_can_be_changed(marketer, inbox):
    campaign = drafted(mail("For {{ event.total }}"))
    source = Source.objects.create(name="Shop")
    item = Item(kind="track", user_id="ann", event="order.completed", properties={"total": 30, "lines": [{"sku": 1}]})
    recording.record(source, [item], NOW)
    ContactFactory(is_test=True, email="me@acme.example")
    page = text(marketer.get(begins(campaign)))
    assert (
        'name="event-order.completed-total" value="30"' in page
        and "lines" not in page.lower().partition("<form method")[2]
    )
    marketer.post(begins(campaign), {"people": Contact.objects.get(is_test=True).pk, "speed": "1", TOTAL: "45"})
    run = TestRun.objects.get()
    assert (run.properties, run.event_type) == ({"total": 45, "lines": [{"sku": 1}]}, "order.completed")
    engine.run(clock.now())
    assert inbox.accepted[0].message["Subject"] == "[Test] For 45"


def test_without_an_event_so_far_its_properties_are_made_up(marketer):
    ContactFactory(is_test=True)
    assert 'value="example"' in text(marketer.get(begins(drafted())))


def test_what_is_wrong_with_a_draft_is_said_before_and_nothing_is_left_behind(marketer):
    site()
    campaign = lifecycle.create(Document(name="Empty"), None, NOW)
    assert "Before it can be tried" in text(marketer.get(begins(campaign)))
    assert "Add at least one step" in text(marketer.post(begins(campaign), {"me": "on", "speed": "1440"}))
    assert not TestRun.objects.exists() and not Contact.objects.filter(is_test=True).exists()


def test_nobody_chosen_is_said_at_the_field(marketer):
    ContactFactory(is_test=True, email=marketer.user.email)
    assert "Choose at least one test contact." in text(marketer.post(begins(drafted()), {"speed": "1440"}))
    real = ContactFactory()
    answer = marketer.post(begins(drafted()), {"speed": "1440", "people": real.pk})
    assert answer.status_code == 200 and not TestRun.objects.exists()


def test_a_run_is_done_again_with_the_same_choices_and_stopped(marketer):
    me = ContactFactory(is_test=True, email="ann@acme.example", attributes={"first_name": "Ann"})
    campaign = drafted(wait("pause", 1, "hello"), mail("hello"))
    run = running.start(campaign, [me], UserFactory(), NOW, Choices(speed=3600, outside=True))
    page = text(marketer.get(f"{reverse('admin:automation_testrun_start')}?again={run.pk}"))
    assert page.count("checked") >= 3 and "Earlier test runs" in page and "Ann, ann@acme.example" in page
    marketer.post(reverse("admin:automation_testrun_stop", args=[run.pk]))
    row = Enrollment.objects.get()
    assert (row.state, row.explanation) == ("exited", running.STOPPED)
    listed = text(marketer.get(reverse("admin:automation_testrun_changelist")))
    assert "Thanks" in listed and "Left early" in listed


def test_the_pages_of_runs_ask_as_often_for_many_as_for_one(marketer):
    campaign, testers = drafted(wait("pause", 1, "hello"), mail("hello")), ContactFactory.create_batch(4, is_test=True)
    pages = [reverse("admin:automation_testrun_changelist"), begins(campaign)]
    asked = []
    for people in (testers[:1], testers, testers):
        run = running.start(campaign, people, marketer.user, NOW, Choices())
        engine.run(NOW)
        asked.append(
            [queries(marketer, page) for page in [*pages, reverse("admin:automation_testrun_now", args=[run.pk])]]
        )
    assert asked[0] == asked[1] == asked[2]


def queries(client, url) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def test_runs_are_in_no_list_of_campaigns_or_of_people_inside(marketer):
    campaign = drafted(wait("pause", 1, "hello"), mail("hello"))
    running.start(campaign, [ContactFactory(is_test=True, email="me@acme.example")], None, NOW, Choices())
    for page in ("campaigns_campaign", "automation_enrollment"):
        listed = text(marketer.get(reverse(f"admin:{page}_changelist")))
        assert "test run)" not in listed and "me@acme.example" not in listed
    row = Enrollment.objects.get()
    page = text(marketer.get(reverse("admin:automation_enrollment_change", args=[row.pk])))
    assert "Test run of “Thanks”" in page


def test_the_way_that_they_took_is_told_by_the_clock_of_the_run(marketer, inbox):
    me = ContactFactory(is_test=True)
    running.start(drafted(wait("pause", 1, "hello"), mail("hello")), [me], None, NOW, Choices())
    for minutes in (0, 1):
        engine.run(NOW + timedelta(minutes=minutes))
    row = Enrollment.objects.get()
    page = text(marketer.get(reverse("admin:automation_enrollment_change", args=[row.pk])))
    assert "Times are those of the test run’s own clock, in" in page
    assert "See the event" not in page, "it was made up"
    assert "Mon 2 Mar 2026" in page and "Tue 3 Mar 2026" in page and row.left_at == NOW + timedelta(minutes=1)


def test_an_analyst_looks_and_starts_nothing(client):
    user = UserFactory(is_superuser=False)
    user.groups.add(Group.objects.get(name="Analyst"))
    client.force_login(user)
    campaign = drafted()
    run = running.start(campaign, [ContactFactory(is_test=True)], None, NOW, Choices())
    assert client.get(reverse("admin:automation_testrun_change", args=[run.pk])).status_code == 200
    assert client.get(begins(campaign)).status_code == 403
    assert begins(campaign) not in text(client.get(reverse("admin:campaigns_campaign_change", args=[campaign.pk])))
