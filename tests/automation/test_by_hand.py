"""What a person does with somebody inside, over HTTP: move, wake, let out, try again; alone and several at once."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from automation import advancing, by_hand
from automation.models import Enrollment, Visit
from campaigns.linear import Row
from campaigns.models import Message
from lib import clock
from ops.work import QUEUES
from tests import engine
from tests.campaigns.typing_in import browser, person
from tests.factories import CampaignFactory, ContactFactory, TemplateFactory, site

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return clock.now()


@pytest.fixture
def campaign(now):
    hello, more = TemplateFactory(name="Hello"), TemplateFactory(name="More", subject="More for you")
    rows = [
        Row(uid="hello", template=hello.pk),
        Row(uid="more", wait_uid="wait", wait_amount=2, wait_unit="days", template=more.pk),
    ]
    return CampaignFactory(name="Welcome", template=hello, rows=rows, now=now)


@pytest.fixture
def ann(campaign, inbox, track, now):
    track(now, "ann", "users.signed_up", {"email": "ann@example.com"})
    return Enrollment.objects.select_related("contact").get()


def url(name: str, enrollment) -> str:
    return reverse(f"admin:automation_enrollment_{name}", args=[enrollment.pk])


def subjects(inbox) -> list[str]:
    return [mail.message["Subject"] for mail in inbox.accepted]


def test_the_page_tells_each_decision_with_values_version_and_what_can_be_done(ann):
    page = browser("Publisher").get(url("change", ann)).content.decode()
    assert "version 1" in page and "What it saw" in page and "Waited until:" in page and "<dt>" not in page
    for deed in ("move", "wake", "let_out"):
        assert url(deed, ann) in page
    assert url("release", ann) not in page, "nothing went wrong"
    assert url("move", ann) not in browser("Marketer").get(url("change", ann)).content.decode()


def test_somebody_who_waits_is_woken(ann, inbox, now):
    client = browser("Publisher")
    asked = client.get(url("wake", ann)).content.decode()
    assert "The wait ends now, as if its time had come." in asked
    assert subjects(inbox) == ["Getting started"], "looking does nothing"
    done = client.post(url("wake", ann), follow=True).content.decode()
    assert "goes on now." in done
    engine.run(clock.now())
    assert subjects(inbox) == ["Getting started", "More for you"]
    ann.refresh_from_db()
    assert ann.state == "finished"
    assert LogEntry.objects.filter(change_message="Ended the wait.").exists()
    assert "is not inside any more" in client.post(url("wake", ann), follow=True).content.decode()


def test_only_the_wait_that_was_seen_is_ended(ann):
    client = browser("Publisher")
    page = client.get(url("change", ann)).content.decode()
    seen = f"{url('wake', ann)}?seen=wait"
    assert seen in page
    Enrollment.objects.update(step_uid="more")  # they went on meanwhile, and wait there
    assert "went on to another step meanwhile" in client.post(seen, follow=True).content.decode()
    assert Enrollment.objects.get().due_at > clock.now()


def test_whose_mail_is_held_back_is_looked_at_again_and_may_still_be_held(campaign, track, now):
    there = now.astimezone(site().zone)
    shut = {"quiet_from": f"{there - timedelta(hours=2):%H:%M}", "quiet_to": f"{there + timedelta(hours=2):%H:%M}"}
    site(**shut)
    track(now, "ann", "users.signed_up", {"email": "ann@example.com"})
    row, client = Enrollment.objects.get(), browser("Publisher")
    assert row.due_at > now
    assert "may still hold" in client.get(url("wake", row)).content.decode()
    assert "is looked at again now" in client.post(url("wake", row), follow=True).content.decode()
    engine.run(clock.now())
    row.refresh_from_db()
    assert row.due_at > clock.now() and not Message.objects.exists()


def test_who_is_moved_to_a_mail_gets_it_whatever_a_wait_before_said_of_the_next(ann, inbox):
    Enrollment.objects.update(skips_message=True)
    by_hand.move(ann, "more", person("Publisher"), clock.now())
    engine.run(clock.now())
    assert subjects(inbox) == ["Getting started", "More for you"]


def test_the_way_says_who_ended_a_wait_and_when(ann):
    browser("Publisher", first_name="Paula", last_name="Price").post(url("wake", ann))
    engine.run(clock.now())
    visit = Visit.objects.get(kind="wait")
    day = f"{visit.left_at:%a %-d %b %Y}"
    assert visit.explanation.startswith(f"Paula Price ended the wait on {day}, ") and "before the time" in str(visit)
    page = browser("Publisher").get(url("change", ann)).content.decode()
    assert str(visit) in page and "Would have waited until:" in page
    assert "Waited 2 days" not in page and "> Waited until:" not in page


def test_somebody_is_moved_to_a_step_and_what_was_queued_is_cancelled(campaign, track, now):
    track(now, "ann", "users.signed_up", {"email": "ann@example.com"}, run=False)
    QUEUES["changes"].work(now)
    advancing.advance(now)
    row = Enrollment.objects.get()
    queued = Message.objects.get()
    assert (row.state, queued.state) == ("held", "queued")
    client = browser("Publisher")
    assert "A mail or a call that is queued for them is cancelled" in client.get(url("move", row)).content.decode()
    done = client.post(url("move", row), {"step": "wait", "seen": "hello"}, follow=True).content.decode()
    assert "goes on with “wait 2 days”." in done
    queued.refresh_from_db()
    assert (queued.state, queued.outcome) == ("not_sent", "cancelled")
    assert Visit.objects.get().arm == "moved"
    advancing.advance(clock.now())
    row.refresh_from_db()
    assert (row.step_uid, row.state) == ("wait", "active") and row.due_at > clock.now()
    again = client.post(url("move", row), {"step": "more", "seen": "hello"}).content.decode()
    assert "went on to another step meanwhile" in again
    assert client.post(url("move", row), {"step": "nowhere", "seen": "wait"}).status_code == 200
    row.refresh_from_db()
    assert row.step_uid == "wait"


def test_somebody_is_let_out_and_gets_no_more(ann, inbox, now):
    client = browser("Publisher")
    client.post(url("let_out", ann))
    ann.refresh_from_db()
    assert (ann.state, ann.reason, ann.explanation) == ("exited", "by_hand", "A person took them out.")
    page = client.get(url("change", ann)).content.decode()
    assert "A person took them out." in page and url("let_out", ann) not in page


def park(campaign, count: int) -> list[Enrollment]:
    return [
        Enrollment.objects.create(
            campaign=campaign,
            contact=ContactFactory(),
            version=campaign.live,
            step_uid="hello",
            state="parked",
            reason="fault",
            explanation="KeyError: x",
        )
        for _ in range(count)
    ]


def test_who_was_stopped_by_a_fault_is_told_of_in_plain_words_first(campaign):
    (row,) = park(campaign, 1)
    client, contact = browser("Publisher"), row.contact_id
    why = reverse("admin:automation_enrollment_why") + f"?contact={contact}&campaign={campaign.pk}"
    for page in (url("change", row), why, reverse("admin:contacts_contact_change", args=[contact])):
        html = client.get(page).content.decode()
        plain, technical = html.find("A fault of Dripline’s own stopped them here"), html.find("KeyError: x")
        assert 0 < plain < technical and html.count("For an engineer: KeyError: x") == html.count("KeyError: x"), page


def test_who_was_stopped_by_a_fault_tries_again_once(campaign):
    (row,) = park(campaign, 1)
    client = browser("Publisher")
    assert url("release", row) in client.get(url("change", row)).content.decode()
    assert "tries the step again." in client.post(url("release", row), follow=True).content.decode()
    assert Enrollment.objects.get().state == "active"
    assert "not stopped by a fault any more" in client.post(url("release", row), follow=True).content.decode()


@pytest.mark.parametrize(("action", "state"), [("try_again", "active"), ("take_out", "exited")])
def test_several_are_released_or_taken_out_of_the_list_after_a_question(action, state, campaign):
    rows, client = park(campaign, 3), browser("Publisher")
    other = Enrollment.objects.create(
        campaign=campaign, contact=ContactFactory(), version=campaign.live, step_uid="hello", due_at=clock.now()
    )
    chosen = [row.pk for row in rows[:2]] + [other.pk]
    listed = reverse("admin:automation_enrollment_changelist")
    asked = client.post(listed, {"action": action, "_selected_action": chosen}, follow=True)
    assert "2 people stopped by a fault?" in asked.content.decode()
    assert "Those of the chosen ones that are not stopped by a fault stay as they are." in asked.content.decode()
    assert set(Enrollment.objects.exclude(pk=other.pk).values_list("state", flat=True)) == {"parked"}
    there = asked.redirect_chain[-1][0]
    client.post(there)
    assert [Enrollment.objects.get(pk=row.pk).state for row in rows] == [state, state, "parked"]
    other.refresh_from_db()
    assert other.state == "active" and other.left_at is None


def test_the_list_offers_nothing_to_who_may_not(campaign):
    park(campaign, 1)
    listed = reverse("admin:automation_enrollment_changelist")
    assert "try_again" in browser("Publisher").get(listed).content.decode()
    assert "try_again" not in browser("Marketer").get(listed).content.decode()
    assert browser("Marketer").post(reverse("admin:automation_enrollment_many") + "?ids=1").status_code == 403


@pytest.mark.parametrize("ids", ["", "x", "1,2,x", "9" * 40, "1" * 15, "-1", ","])
def test_a_question_about_nobody_is_harmless(ids, campaign):
    client = browser("Publisher")
    there = reverse("admin:automation_enrollment_many")
    assert client.get(there, {"ids": ids, "deed": "nothing"}).status_code == 200
    assert client.post(f"{there}?ids=7").status_code == 302


def test_the_page_asks_the_database_as_often_for_a_long_way_as_for_a_short_one(ann):
    client = browser("Publisher")

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get(url("change", ann)).status_code == 200
        return len(found)

    queries()
    short = queries()
    for number in range(60):
        Visit.objects.create(
            enrollment=ann, version=ann.version, step_uid=f"s{number}", kind="wait", entered_at=clock.now(),
            left_at=clock.now(), facts={"a_b": {"c": [1, 2]}},
        )  # fmt: skip
    assert queries() == short
    assert "A b › c:</span> 1, 2" in client.get(url("change", ann)).content.decode()
