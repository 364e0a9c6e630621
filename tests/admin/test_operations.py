"""The Operations page: what runs, what waits, what is parked and what a person may do about it."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from automation.models import Enrollment, Visit
from campaigns import lifecycle
from campaigns.models import Message
from contacts.models import Change, Merge
from events.models import RejectedEvent
from lib import clock
from ops.models import Heartbeat, Job, SiteSettings, User
from reports import operations
from tests.factories import CampaignFactory, ContactFactory, MessageFactory, UserFactory

pytestmark = pytest.mark.django_db
PARTS = ["messages", "enrollments", "changes", "merges", "unknown", "unknown-transactional"]


def shown(client, page="operations") -> str:
    cache.clear()
    response = client.get(reverse(f"admin:{page}"))
    assert response.status_code == 200
    return response.content.decode()


def deed(kind, key, row=None):
    name = "operations_all" if row is None else "operations_one"
    return reverse(f"admin:{name}", args=[kind, key, *([] if row is None else [row.pk])])


def noted():
    return LogEntry.objects.filter(user__username="boss")


def message(state, campaign, **more):
    fields = {"due_at": None, "state": state, "settled_at": clock.now() if state == "unknown" else None, **more}
    row = MessageFactory(campaign=campaign)
    Message.objects.filter(pk=row.pk).update(announced=state == "unknown", **fields)
    row.refresh_from_db()
    return row


def enrollment(campaign, **more):
    fields = {"state": "parked", "explanation": "KeyError: 'colour'", **more}
    return Enrollment.objects.create(
        campaign=campaign, version=campaign.live, contact=ContactFactory(), step_uid="first", **fields
    )


def lay_aside(shop, count=1):
    """So many of everything that waits for a person, and of what the page lists besides."""
    campaign = CampaignFactory(name="Welcome")
    now = clock.now()
    for number in range(count):
        message("parked", campaign, reason="Three attempts.")
        message("unknown", campaign, outcome="unknown", message_id="<m1@acme.example>")
        message("unknown", campaign, outcome="unknown", purpose="transactional")
        row = enrollment(campaign)
        Visit.objects.create(enrollment=row, version=campaign.live, step_uid="first", kind="email", entered_at=now)
        Change.objects.create(contact=row.contact, kind="attributes", due_at=None, parked_because="ValueError: no plan")
        Merge.objects.create(
            winner=row.contact, loser=ContactFactory(), at=now, fault="Its history could not be moved."
        )
        RejectedEvent.objects.create(source=shop, reason=f"No name, {number}.", payload="{}")
        Job.objects.create(kind="x", title=f"Import {number}", done=2, total=8)
        Heartbeat.objects.create(worker=f"w{count}-{number}", role="mail", note="idle", beat_at=now)


def test_an_empty_site_says_so_in_words(boss):
    text = shown(boss)
    for words in (
        "No worker has been seen for a day", "Nothing waits", "Nothing is parked", "No job is open",
        "Everything that was sent could be taken",
    ):  # fmt: skip
        assert words in text
    assert "Sending is stopped" not in text


def test_everything_that_waits_for_a_person_is_there_with_its_reason(boss, shop):
    lay_aside(shop)
    text = shown(boss)
    for words in (
        "Three attempts.", "KeyError: &#x27;colour&#x27;", "ValueError: no plan", "Its history could not be moved.",
        "Message-ID &lt;m1@acme.example&gt;", "No name, 0.", "Import 0", "2 of 8", "of Welcome",
    ):  # fmt: skip
        assert words in text
    assert [found.kind.key for found in operations.aside()] == PARTS
    assert text.count("Send again: all") == 1  # never for marketing
    assert reverse("admin:campaigns_message_change", args=[Message.objects.filter(state="parked").get().pk]) in text


def test_the_number_of_queries_does_not_grow(boss, shop):
    def queries():
        cache.clear()
        with CaptureQueriesContext(
            connection,
        ) as seen:
            shown(boss, "operations_now")
        return len(seen)

    shown(boss)
    empty = queries()
    lay_aside(shop)
    one = queries()
    assert one == empty
    lay_aside(shop, 12)
    assert queries() <= one + len(PARTS)  # where there are more than are listed, they are counted


def test_the_part_that_renews_itself_is_no_whole_page(boss):
    text = shown(boss, "operations_now")
    assert "Nothing is parked" in text and "<html" not in text and "<script" not in text


def test_workers_are_told_by_their_last_sign_of_life(boss):
    now = clock.now()
    rows = [("a:1", "mail", "busy", 1), ("a:1:ticker", "ticker", "cluster a:1", 1)]
    rows += [
        ("b:2", "changes", "idle", 300),
        ("b:2:ticker", "ticker", "cluster b:2", 300),
        ("c:3", "mail", "idle", 2e5),
    ]
    for worker, role, note, age in rows:
        Heartbeat.objects.create(worker=worker, role=role, note=note, beat_at=now - timedelta(seconds=age))
    silent, alive = operations.workers()
    assert (silent.name, silent.silent, silent.sign, silent.doing) == ("b:2", True, "5 minutes ago", [])
    assert (alive.name, alive.silent, alive.sign, alive.doing) == ("a:1", False, "just now", ["Mail"])
    text = shown(boss)
    assert "Silent" in text and "At work" in text and "c:3" not in text


def test_lag_says_how_many_are_due_and_since_when():
    now = clock.now()
    campaign, paused = CampaignFactory(), CampaignFactory()
    for other, age in ((campaign, 7), (campaign, 2), (paused, 60)):
        due = now - timedelta(minutes=age)
        enrollment(other, state="active", explanation="", due_at=due)
        Message.objects.filter(pk=MessageFactory(campaign=other).pk).update(due_at=due)
    lifecycle.pause(paused, UserFactory(), now)
    lags = {lag.label: lag for lag in operations.lags(now)}
    assert lags["Mail"].words == lags["Enrollments"].words == "2 due, the oldest for 7 minutes"
    assert lags["Mail"].late and lags["Merged contacts"].words == "Nothing waits"


def test_mail_of_dead_workers_is_counted_by_the_databases_clock():
    row = MessageFactory()
    held = {"state": "leased", "lease_until": clock.now() - timedelta(minutes=6)}
    Message.objects.filter(pk=row.pk).update(**held)
    [lag] = [lag for lag in operations.lags(clock.now() + timedelta(days=9)) if lag.label == "Mail of dead workers"]
    assert lag.count == 1


def test_a_lag_is_counted_to_a_cap(monkeypatch):
    monkeypatch.setattr(operations, "CAP", 2)
    now = clock.now()
    contact = ContactFactory()
    Change.objects.bulk_create(Change(contact=contact, kind="tags", due_at=now - timedelta(hours=2)) for _ in range(5))
    assert operations.lags(now)[0].words == "more than 2 due, the oldest for 2 hours"


def test_throughput_counts_the_last_minute_and_hour(ada, happen):
    now = clock.now()
    for age in (0.001, 0.5, 0.9, 1.5):
        happen(ada, "order.completed", hours_ago=age)
        happen(ada, "email.sent", hours_ago=age)
    row = enrollment(CampaignFactory())
    for number, age in enumerate((120, 30, 0)):
        at = now - timedelta(minutes=age)
        Visit.objects.create(
            enrollment=row, version=row.version, step_uid=str(number), kind="wait", entered_at=at, left_at=at
        )
    assert [(rate.title, rate.minute, rate.hour) for rate in operations.rates(clock.now())] == [
        ("Mails sent", 1, 3), ("Events received", 1, 3), ("Steps taken", 1, 2),
    ]  # fmt: skip


def test_one_is_asked_about_and_then_released_alone(boss, shop):
    lay_aside(shop, 2)
    row = Message.objects.filter(state="parked").first()
    question = boss.get(deed("messages", "release", row)).content.decode()
    assert "Release: 1 parked mail?" in question and "Three attempts." in question
    answer = boss.post(deed("messages", "release", row), follow=True).content.decode()
    assert "1 parked mail released." in answer
    assert Message.objects.filter(state="parked").count() == 1
    assert [entry.object_id for entry in noted()] == [str(row.pk)]


def test_all_are_discarded_after_a_question_that_says_how_many(boss, shop):
    lay_aside(shop, 3)
    assert "Take out: 3 people?" in boss.get(deed("enrollments", "discard")).content.decode()
    assert Enrollment.objects.filter(state="parked").count() == 3
    assert "3 people taken out." in boss.post(deed("enrollments", "discard"), follow=True).content.decode()
    assert set(Enrollment.objects.values_list("state", "reason", "due_at")) == {("exited", "discarded", None)}
    assert len(noted()) == 3


@pytest.mark.parametrize(
    ("kind", "key", "left"),
    [("changes", "release", 2), ("changes", "discard", 0), ("merges", "release", 2), ("merges", "discard", 2)],
)
def test_changes_and_merges_are_released_and_discarded(boss, shop, kind, key, left):
    lay_aside(shop, 2)
    assert boss.post(deed(kind, key)).status_code == 302
    model = {"changes": Change, "merges": Merge}[kind]
    due = left if key == "release" else 0
    assert (model.objects.count(), model.objects.filter(due_at__isnull=False).count()) == (left, due)
    assert kind not in [found.kind.key for found in operations.aside()]


def test_an_enrollment_that_tries_again_is_due_at_once(boss):
    row = enrollment(CampaignFactory())
    boss.post(deed("enrollments", "release", row))
    row.refresh_from_db()
    assert (row.state, row.explanation) == ("active", "") and row.due_at <= clock.now()


@pytest.mark.parametrize(
    ("kind", "key", "state"),
    [
        ("unknown", "arrived", "sent"),
        ("unknown", "not-arrived", "not_sent"),
        ("unknown-transactional", "resend", "queued"),
    ],
)
def test_unknown_mails_are_settled(boss, shop, kind, key, state):
    lay_aside(shop)
    boss.post(deed(kind, key))
    purpose = "marketing" if kind == "unknown" else "transactional"
    once_unknown = Message.objects.exclude(state="parked")
    assert once_unknown.get(purpose=purpose).state == state
    assert once_unknown.exclude(purpose=purpose).get().state == "unknown"


def test_marketing_mail_cannot_be_sent_again_by_any_address(boss, shop):
    lay_aside(shop)
    row = Message.objects.get(state="unknown", purpose="marketing")
    assert boss.post(deed("unknown", "resend")).status_code == 404
    assert (
        "Nothing had to be done"
        in boss.post(deed("unknown-transactional", "resend", row), follow=True).content.decode()
    )
    row.refresh_from_db()
    assert row.state == "unknown"


def test_what_somebody_else_did_already_is_said(boss):
    answer = boss.get(deed("messages", "release"), follow=True).content.decode()
    assert "Nothing had to be done" in answer
    for odd in ("x", "9" * 40, "%F0%9F%92%A9"):
        assert boss.get(f"/operations/enrollments/release/{odd}/").status_code in (302, 404)
        assert boss.get(f"/operations/messages/release/{odd}/").status_code in (302, 404)


def test_stopped_sending_is_the_first_thing_seen(boss, log_in):
    SiteSettings.get().stop_sending("The mail server refused the log-in.", clock.now())
    text = shown(boss)
    assert "The mail server refused the log-in." in text and reverse("admin:ops_sitesettings_go_on") in text
    assert reverse("admin:ops_sitesettings_go_on") not in shown(log_in("Engineer"))


def test_an_engineer_sees_no_names_and_no_links_to_what_is_not_theirs(log_in, shop):
    lay_aside(shop)
    text = shown(log_in("Engineer"))
    assert "KeyError" in text and "example.org" not in text
    assert reverse("admin:campaigns_message_changelist") + Message.objects.first().pk.hex[:8] not in text
    assert "Release: all" in text


def test_who_may_only_look_is_offered_no_deed(log_in, shop):
    lay_aside(shop)
    client = log_in()
    User.objects.get(username="some-body").user_permissions.add(Permission.objects.get(codename="view_heartbeat"))
    assert "KeyError" in shown(client) and "Release" not in shown(client)
    assert client.get(deed("messages", "release")).status_code == 403
    assert client.post(deed("messages", "release")).status_code == 403


@pytest.mark.parametrize("role", ["", "Marketer", "Publisher", "Analyst"])
def test_other_roles_see_nothing_of_it(log_in, role):
    client = log_in(role)
    for url in (reverse("admin:operations"), reverse("admin:operations_now"), deed("messages", "discard")):
        assert client.get(url).status_code == 403
